import { expect, it } from 'vitest';
import { LimitedLog } from '../../src/log.js';
import { LogRecord } from '../http/support/gateway.js';

function limited(perMinute: number) {
  const record = new LogRecord();
  const clock = { nowMs: 1_000 };
  let asked = 0;
  const log = new LimitedLog(record.log, perMinute, () => clock.nowMs);
  return {
    clock,
    warn: (text: string) =>
      log.warn(text, () => {
        asked += 1;
        return {};
      }),
    asked: () => asked,
    lines: () => record.entries.map((entry) => entry.message),
  };
}

it('lets so many lines a minute through, then says how many it left out', () => {
  const { clock, warn, lines, asked } = limited(2);
  for (const text of ['1', '2', '3', '4', '5']) warn(text);
  // What is not logged is not found out either.
  expect(asked()).toBe(2);
  clock.nowMs += 59_999;
  warn('6');
  expect(lines()).toEqual(['1', '2']);
  clock.nowMs += 1;
  warn('7');
  expect(lines()).toEqual(['1', '2', '4 more requests were refused and not logged', '7']);
});

it('says nothing of left-out lines when there were none', () => {
  const { clock, warn, lines } = limited(2);
  for (const text of ['1', '2']) warn(text);
  clock.nowMs += 60_000;
  warn('3');
  expect(lines()).toEqual(['1', '2', '3']);
});
