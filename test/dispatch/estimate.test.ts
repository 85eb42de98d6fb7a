import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SegmentTime } from '../../src/dispatch/estimate.js';

describe('the expected time of a segment', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function measured(...tookMs: number[]): SegmentTime {
    const time = new SegmentTime();
    for (const ms of tookMs) time.record(ms, 1);
    return time;
  }

  it('is 4 s before anything was measured', () => {
    expect(measured().expectedMs()).toBe(4000);
  });

  it('is what one measurement says when there is but one', () => {
    expect(measured(700).expectedMs()).toBe(700);
  });

  it('counts a message of several segments by the segment', () => {
    const time = new SegmentTime();
    time.record(3000, 3);
    expect(time.expectedMs()).toBe(1000);
  });

  it('is high among what was measured, but not the highest of many', () => {
    expect(measured(100, 200, 300, 400, 500, 600, 700, 800, 900, 1000).expectedMs()).toBe(800);
  });

  it('is clamped to 50 ms below and 15 s above', () => {
    expect(measured(1).expectedMs()).toBe(50);
    expect(measured(180_000).expectedMs()).toBe(15_000);
  });

  it('forgets all but the last 16 measurements', () => {
    const slowThenFast = measured(...Array<number>(20).fill(9000), ...Array<number>(16).fill(500));
    expect(slowThenFast.expectedMs()).toBe(500);
    const stillSlow = measured(...Array<number>(20).fill(9000), ...Array<number>(12).fill(500));
    expect(stillSlow.expectedMs()).toBe(9000);
  });

  it('drifts back to 4 s by half every ten minutes, from above and from below', () => {
    const slow = measured(14_000);
    const fast = measured(1000);
    vi.advanceTimersByTime(600_000);
    expect(slow.expectedMs()).toBe(9000);
    expect(fast.expectedMs()).toBe(2500);
    vi.advanceTimersByTime(12 * 3_600_000);
    expect(slow.expectedMs()).toBeCloseTo(4000, 3);
    expect(fast.expectedMs()).toBeCloseTo(4000, 3);
  });

  it('ages each measurement by its own time', () => {
    const time = measured(15_000);
    vi.advanceTimersByTime(6_000_000);
    for (let i = 0; i < 4; i += 1) time.record(500, 1);
    expect(time.expectedMs()).toBe(500);
  });
});
