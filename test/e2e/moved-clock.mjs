// Loaded before the daemon (`node --import`): a number on stdin moves its clocks on by so many
// milliseconds, both at once, as hours pass for a box that is left alone. What was due by then runs
// at once, and in its order. `{"wall":N}` moves the wall clock alone. Each is answered with a line
// of JSON, when what it made due has begun. MOVED_FILE keeps the wall clock over a restart.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isMainThread } from 'node:worker_threads';

/** Shorter ones are within a dialogue with the modem, whose clock is not moved. */
const leastMs = 200;
const pollMs = 10;
/** Real milliseconds for dialogues that a move has begun. */
const settleMs = 250;

if (isMainThread) {
  const { now: wall } = Date;
  const steady = performance.now.bind(performance);
  const file = process.env.MOVED_FILE;
  let passedMs = 0;
  let aheadMs = Number(readFileSync(file, { encoding: 'utf8', flag: 'a+' }));
  const monotonic = () => steady() + passedMs;
  const date = () => wall() + aheadMs;

  Object.defineProperty(performance, 'now', { value: monotonic });
  globalThis.Date = class extends Date {
    static now = date;
    constructor(...args) {
      super(...(args.length === 0 ? [date()] : args));
    }
  };

  const { setInterval, setTimeout, clearTimeout } = globalThis;
  /** Those that wait, by what the program knows them by. */
  const armed = new Map();
  const disarm = (timer) => {
    armed.delete(timer);
    clearTimeout(timer);
  };
  const arm = (run, ms, isOnce) => {
    let dueAt = monotonic() + ms;
    const look = () => {
      if (monotonic() < dueAt) return;
      dueAt = monotonic() + ms;
      if (isOnce) disarm(timer);
      run();
    };
    const timer = setInterval(look, pollMs);
    armed.set(timer, { look, dueAt: () => dueAt, isOnce });
    return timer;
  };
  globalThis.clearTimeout = globalThis.clearInterval = disarm;
  globalThis.setInterval = (run, ms, ...args) =>
    ms >= leastMs ? arm(() => run(...args), ms, false) : setInterval(run, ms, ...args);
  const setMovedTimeout = (run, ms, ...args) =>
    ms >= leastMs ? arm(() => run(...args), ms, true) : setTimeout(run, ms, ...args);
  globalThis.setTimeout = Object.assign(setMovedTimeout, setTimeout);

  // Whoever looks every few seconds sees what the others have made of it.
  const runDue = () => {
    const all = [...armed.values()].sort((a, b) => b.isOnce - a.isOnce || a.dueAt() - b.dueAt());
    for (const { look } of all) look();
  };

  createInterface({ input: process.stdin }).on('line', (line) => {
    const by = JSON.parse(line);
    if (typeof by === 'number') passedMs += by;
    aheadMs += typeof by === 'number' ? by : by.wall;
    writeFileSync(file, String(aheadMs));
    runDue();
    setTimeout(() => console.log(JSON.stringify({ event: 'moved', by })), settleMs);
  });
  process.stdin.unref();
}
