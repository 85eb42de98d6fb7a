// Loaded before the daemon (`node --import`): a number on stdin moves its clocks on by so many
// milliseconds, both at once, as hours pass for a box that is left alone. What was due by then runs
// at once, and in its order. `{"wall":N}` moves the wall clock alone. Each is answered with a line
// of JSON, when what it made due has been done, or waits for somebody who does not answer.
// MOVED_FILE keeps the wall clock over a restart.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isMainThread } from 'node:worker_threads';

/** Shorter ones are within a dialogue with the modem, whose clock is not moved. */
const leastMs = 200;
const pollMs = 10;
const longestMs = 2 ** 31 - 1;
/** A timer that is shorter, and was set since the move, is that of an answer which is waited for. */
const answerMs = 50_000;
/** So many looks in a row at which nothing is on its way; and after so many none is waited for. */
const quietLooks = 3;
const mostLooks = 25;
const onTheirWay = new Set(['FSReqCallback', 'FSReqPromise', 'ProcessWrap']);

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
  /** Timers that were set or ended since the last look. */
  let changes = 0;
  let movedAt = 0;
  const disarm = (timer) => {
    if (armed.delete(timer)) changes += 1;
    clearTimeout(timer);
  };
  const arm = (run, ms, isOnce) => {
    // It never runs by itself, but keeps the process alive, or not, as the program has it.
    const timer = setInterval(() => undefined, longestMs);
    let dueAt = monotonic() + ms;
    const look = () => {
      if (!armed.has(timer) || monotonic() < dueAt) return;
      dueAt = monotonic() + ms;
      if (isOnce) disarm(timer);
      run();
    };
    changes += 1;
    armed.set(timer, { look, dueAt: () => dueAt, isOnce, ms, setAt: steady() });
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
  setInterval(runDue, pollMs).unref();

  const isAnswer = ({ isOnce, ms, setAt }) => isOnce && ms < answerMs && setAt >= movedAt;
  const isUnderWay = () => {
    const wasChanged = changes > 0;
    changes = 0;
    return (
      wasChanged ||
      process.getActiveResourcesInfo().some((what) => onTheirWay.has(what)) ||
      [...armed.values()].some(isAnswer)
    );
  };
  const settled = (say, looks = 0, quiet = 0) => {
    if (quiet === quietLooks || looks === mostLooks) say();
    else setTimeout(() => settled(say, looks + 1, isUnderWay() ? 0 : quiet + 1), pollMs);
  };

  createInterface({ input: process.stdin }).on('line', (line) => {
    const by = JSON.parse(line);
    if (typeof by === 'number') passedMs += by;
    aheadMs += typeof by === 'number' ? by : by.wall;
    writeFileSync(file, String(aheadMs));
    movedAt = steady();
    runDue();
    settled(() => console.log(JSON.stringify({ event: 'moved', by })));
  });
  process.stdin.unref();
}
