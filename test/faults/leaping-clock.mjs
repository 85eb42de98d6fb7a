// Loaded before the daemon (`node --import`): its wall clock is ahead by as many milliseconds as
// the file of that name says. The monotonic clock is the machine's.
import { readFileSync } from 'node:fs';

const file = process.env.LEAP_FILE;
const { now } = Date;
const leapt = () => now() + (Number(readFileSync(file, 'utf8')) || 0);

globalThis.Date = class extends Date {
  static now = leapt;
  constructor(...args) {
    super(...(args.length === 0 ? [leapt()] : args));
  }
};
