import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HealthWatch } from '../../src/daemon/health-watch.js';
import { error, type Health } from '../../src/doctor/finding.js';
import { LogRecord } from '../http/support/gateway.js';

let judgement: Health;
let changes: number;
let record: LogRecord;
let watch: HealthWatch;
const well: Health = { grade: 'ok', obstacles: [] };
const behind = (minutes: number): Health => ({
  grade: 'down',
  obstacles: [error('clock', `the clock is ${minutes} minutes behind`, 'set it')],
});

beforeEach(() => {
  vi.useFakeTimers();
  [judgement, changes, record] = [well, 0, new LogRecord()];
  watch = new HealthWatch({ judge: () => judgement, log: record.log, onChange: () => changes++ });
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

const told = () =>
  record.entries.map(({ level, message }) => `${String(level)} ${String(message)}`);

it('tells what lasts, once, whatever its figures are, and when it is over', () => {
  vi.advanceTimersByTime(60_000);
  expect(told()).toEqual([]);
  for (const minutes of [3, 4, 5]) {
    judgement = behind(minutes);
    vi.advanceTimersByTime(20_000);
  }
  expect(told()).toEqual(['warn no code goes out: the clock is 3 minutes behind. set it']);
  judgement = well;
  vi.advanceTimersByTime(20_000);
  expect(told().slice(1)).toEqual(['info codes go out again']);
  expect(changes).toBe(2);
});

it('tells the log nothing of what passes, but whoever shows states at once', () => {
  judgement = behind(1);
  vi.advanceTimersByTime(4_000);
  judgement = well;
  vi.advanceTimersByTime(60_000);
  expect(told()).toEqual([]);
  expect(changes).toBe(2);
});
