import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SharedLimits } from '../../src/daemon/shared-limits.js';
import type { UseOfAll } from '../../src/shared/judged.js';
import { desk, off } from '../policy/support/policy.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const minuteMs = 60_000;
const limit = { count: 5, windowMs: 10 * minuteMs };
const useOf = (more: Partial<UseOfAll> = {}): UseOfAll => ({
  name: 'total',
  key: undefined,
  limit,
  used: 5,
  leftMs: 9_000,
  isNearlyFull: true,
  ...more,
});

/** An engine that says this; undefined: it is away. */
function limitsWith(said: { uses: UseOfAll[] | undefined }) {
  const { policy } = desk({ ...off, total: '5 in 10 min' });
  const asked = vi.fn(async () => said.uses);
  const limits = new SharedLimits(policy, { uses: asked });
  return { limits, asked };
}

it('are those of this box where there is no other', async () => {
  const { policy } = desk({ ...off, total: '5 in 10 min' });
  const limits = new SharedLimits(policy, undefined);
  expect(await limits.fresh()).toMatchObject({
    of: 'this box',
    uses: [{ name: 'total', used: 0 }],
  });
  expect(limits.isWhole).toBe(true);
  expect(limits.full()).toEqual([]);
});

it('are those of all boxes, asked for every five seconds, and every second while somebody looks', async () => {
  const said = { uses: [useOf(), useOf({ name: 'per_country', key: 'DE', used: 4, leftMs: 0 })] };
  const { limits, asked } = limitsWith(said);
  expect(limits.standing().of).toBe('this box alone');
  expect(limits.isWhole).toBe(false);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(limits.isWhole).toBe(true);
  expect(limits.standing()).toMatchObject({ of: 'all boxes', uses: said.uses });
  const before = asked.mock.calls.length;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.mock.calls.length - before).toBe(2);
  for (let count = 0; count < 8; count += 1) {
    limits.standing();
    await vi.advanceTimersByTimeAsync(500);
  }
  expect(asked.mock.calls.length - before).toBeLessThanOrEqual(7);
  expect(limits.nearlyFull()).toEqual([
    { name: 'total', limit },
    { name: 'per_country', limit, of: 'DE' },
  ]);
  limits.stop();
});

it('are full until the engine’s time for them is over, and its answer is believed for a quarter of a minute', async () => {
  const said: { uses: UseOfAll[] | undefined } = { uses: [useOf()] };
  const { limits } = limitsWith(said);
  expect((await limits.fresh()).of).toBe('all boxes');
  expect(limits.full()).toEqual([{ name: 'total', limit, freeInMs: 9_000 }]);
  limits.stop();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(limits.full()).toEqual([{ name: 'total', limit, freeInMs: 5_000 }]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(limits.full()).toEqual([]);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(limits.isWhole).toBe(false);
  expect(limits.nearlyFull()).toEqual([]);
});

it('are this box’s own while the engine is away', async () => {
  const said: { uses: UseOfAll[] | undefined } = { uses: [useOf()] };
  const { limits } = limitsWith(said);
  await limits.fresh();
  said.uses = undefined;
  expect(await limits.fresh()).toMatchObject({
    of: 'this box alone',
    uses: [{ name: 'total', used: 0 }],
  });
  expect(limits.full()).toEqual([]);
  limits.stop();
});
