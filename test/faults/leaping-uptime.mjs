// Loaded before the daemon (`node --import`): its monotonic clock is ahead by as many milliseconds
// as the file of that name says. Timers are the machine's.
import { readFileSync } from 'node:fs';

const file = process.env.UPTIME_FILE;
const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', {
  value: () => now() + (Number(readFileSync(file, 'utf8')) || 0),
});
