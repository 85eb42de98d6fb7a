import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expectedMs, forecast, SegmentTime } from '../../src/dispatch/estimate.js';

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

  it('is 4 s before anything was measured, then as at the fellows, then its own', () => {
    expect(expectedMs([measured(), measured()])).toEqual([4000, 4000]);
    expect(expectedMs([measured(500), measured()])).toEqual([500, 500]);
    expect(expectedMs([measured(500), measured(9000), measured(700), measured()])).toEqual([
      500, 9000, 700, 700,
    ]);
  });

  it('is what one measurement says when there is but one', () => {
    expect(measured(700).measuredMs()).toBe(700);
  });

  it('counts a message of several segments by the segment', () => {
    const time = new SegmentTime();
    time.record(3000, 3);
    expect(time.measuredMs()).toBe(1000);
  });

  it('is high among what was measured, but not the highest of many', () => {
    expect(measured(100, 200, 300, 400, 500, 600, 700, 800, 900, 1000).measuredMs()).toBe(800);
  });

  it('is clamped to 50 ms below and 15 s above', () => {
    expect(measured(1).measuredMs()).toBe(50);
    expect(measured(180_000).measuredMs()).toBe(15_000);
  });

  it('forgets all but the last 16 measurements', () => {
    const slowThenFast = measured(...Array<number>(20).fill(9000), ...Array<number>(16).fill(500));
    expect(slowThenFast.measuredMs()).toBe(500);
    const stillSlow = measured(...Array<number>(20).fill(9000), ...Array<number>(12).fill(500));
    expect(stillSlow.measuredMs()).toBe(9000);
  });

  it('drifts back to 4 s by half every ten minutes, from above and from below', () => {
    const slow = measured(14_000);
    const fast = measured(1000);
    vi.advanceTimersByTime(600_000);
    expect(slow.measuredMs()).toBe(9000);
    expect(fast.measuredMs()).toBe(2500);
    vi.advanceTimersByTime(12 * 3_600_000);
    expect(slow.measuredMs()).toBeCloseTo(4000, 3);
    expect(fast.measuredMs()).toBeCloseTo(4000, 3);
  });

  it('ages each measurement by its own time', () => {
    const time = measured(15_000);
    vi.advanceTimersByTime(6_000_000);
    for (let i = 0; i < 4; i += 1) time.record(500, 1);
    expect(time.measuredMs()).toBe(500);
  });
});

it('the forecast gives each message that waits to the modem that is free first, and none twice to one', () => {
  const modems = [
    { name: 'fast', freeInMs: 0, perSegmentMs: 1000, given: 0 },
    { name: 'slow', freeInMs: 500, perSegmentMs: 4000, given: 0 },
  ];
  const waits = (segments: number, ...tried: string[]) => ({
    segments,
    mayGoTo: (modem: string) => !tried.includes(modem),
  });
  forecast(modems, [waits(1), waits(1), waits(2), waits(1, 'fast'), waits(1, 'fast', 'slow')]);
  expect(modems.map(({ freeInMs, given }) => [freeInMs, given])).toEqual([
    [3000, 3],
    [8500, 2],
  ]);
});
