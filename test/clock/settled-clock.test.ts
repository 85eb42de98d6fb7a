import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SettledClock } from '../../src/clock/settled-clock.js';

const settleMs = 2_700_000;
const startMs = Date.UTC(2026, 10, 15, 12);
const dayMs = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ now: startMs });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A wall clock that can be set, and what is believed of it. */
function setUp(leapMs = 0) {
  const clock = new SettledClock(() => Date.now() + leapMs, settleMs);
  return {
    clock,
    leap: (ms: number) => {
      leapMs += ms;
    },
  };
}

test('at the start no time is believed, and after the settling time what the clock said throughout', () => {
  const { clock } = setUp();
  expect(clock.now()).toBe(-Infinity);
  vi.advanceTimersByTime(settleMs - 1);
  expect(clock.now()).toBe(-Infinity);
  vi.advanceTimersByTime(1);
  expect(clock.now()).toBe(startMs + settleMs);
});

test('a leap ahead is believed once it has lasted, and not if it is taken back before', () => {
  const { clock, leap } = setUp();
  vi.advanceTimersByTime(settleMs);
  clock.now();
  leap(400 * dayMs);
  expect(clock.now()).toBe(Date.now());
  leap(-400 * dayMs);
  vi.advanceTimersByTime(settleMs);
  expect(clock.now()).toBe(Date.now());
  leap(40 * dayMs);
  vi.advanceTimersByTime(settleMs);
  expect(clock.now()).toBe(Date.now());
  vi.advanceTimersByTime(settleMs);
  expect(clock.now()).toBe(Date.now() + 40 * dayMs);
});

test('a clock that is wrong at the start and put right later was never believed', () => {
  const { clock, leap } = setUp(400 * dayMs);
  expect(clock.now()).toBe(-Infinity);
  leap(-400 * dayMs);
  vi.advanceTimersByTime(settleMs);
  expect(clock.now()).toBe(Date.now());
});

test('a clock that is put back is believed at once', () => {
  const { clock, leap } = setUp();
  vi.advanceTimersByTime(settleMs);
  clock.now();
  leap(-3 * dayMs);
  expect(clock.now()).toBe(Date.now() - 3 * dayMs);
});

test('a leap ahead that was taken back meanwhile is not believed, though the clock reads the same again', () => {
  const { clock, leap } = setUp();
  vi.advanceTimersByTime(settleMs);
  clock.now();
  leap(dayMs);
  vi.advanceTimersByTime(settleMs / 2);
  leap(-dayMs);
  clock.now();
  leap(dayMs);
  vi.advanceTimersByTime(settleMs / 2);
  expect(clock.now()).toBe(Date.now());
});

test('a clock that somebody vouches for is believed at once', () => {
  const { clock, leap } = setUp();
  leap(dayMs);
  clock.believe();
  expect(clock.now()).toBe(Date.now() + dayMs);
});
