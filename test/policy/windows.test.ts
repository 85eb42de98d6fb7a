import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Limit, longestWindowMs } from '../../src/config/policy.js';
import { type CountedMessage, SlidingWindows } from '../../src/policy/windows.js';
import { hour, minute } from './support/policy.js';

const limit: fc.Arbitrary<Limit> = fc.record({
  count: fc.integer({ min: 1, max: 6 }),
  windowMs: fc.constantFrom(1000, 5000, 60_000, longestWindowMs),
});

const arrival = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: longestWindowMs })),
  key: fc.constantFrom('a', 'b', 'c'),
  isGivenBack: fc.boolean(),
});

const windowsOf = (name: 'per_recipient' | 'total', limits: readonly Limit[]) => {
  const windows = new SlidingWindows();
  return {
    windows,
    isFull: (key: string, now: number) =>
      limits.some((each) => windows.freeAt(name, each, { per_recipient: key }, now) !== undefined),
  };
};

describe.each(['per_recipient', 'total'] as const)('the windows of %s', (name) => {
  it('let in as many as the limits allow within any window, and not one less', () => {
    fc.assert(
      fc.property(
        fc.array(limit, { minLength: 1, maxLength: 3 }),
        fc.array(arrival, { maxLength: 60 }),
        (limits, arrivals) => {
          const { windows, isFull } = windowsOf(name, limits);
          const letIn: { at: number; key: string }[] = [];
          let now = 0;
          for (const { afterMs, key, isGivenBack } of arrivals) {
            now += afterMs;
            windows.makeRoom(now, longestWindowMs);
            // The definition: those of the last windowMs, looked at one by one.
            const mine = letIn.filter((message) => name === 'total' || message.key === key);
            const expected = limits.some(
              ({ count, windowMs }) => mine.filter(({ at }) => at > now - windowMs).length >= count,
            );
            expect(isFull(key, now)).toBe(expected);
            for (const each of limits) {
              expect(windows.fill(name, each, { per_recipient: key }, now)?.used).toBe(
                mine.filter(({ at }) => at > now - each.windowMs).length,
              );
            }
            if (expected) continue;
            const entry = windows.add({ per_recipient: key }, now);
            if (isGivenBack) windows.remove(entry);
            else letIn.push({ at: now, key });
          }
        },
      ),
    );
  });

  it('say when there is room: not a millisecond before, and then indeed', () => {
    fc.assert(
      fc.property(limit, fc.array(arrival, { minLength: 1, maxLength: 30 }), (only, arrivals) => {
        const windows = new SlidingWindows();
        let now = 0;
        for (const { afterMs, key } of arrivals) {
          now += afterMs;
          const keys = { per_recipient: key };
          const freeAt = windows.freeAt(name, only, keys, now);
          expect(windows.fill(name, only, keys, now)?.freeAt).toBe(freeAt);
          if (freeAt === undefined) windows.add(keys, now);
          else {
            expect(freeAt).toBeGreaterThan(now);
            expect(windows.freeAt(name, only, keys, freeAt - 1)).toBe(freeAt);
            expect(windows.freeAt(name, only, keys, freeAt)).toBeUndefined();
          }
        }
      }),
    );
  });
});

it('a message counts until its window is over, and no longer', () => {
  const windows = new SlidingWindows();
  const only = { count: 1, windowMs: minute };
  windows.add({}, 0);
  expect(windows.fill('total', only, {}, minute - 1)).toMatchObject({ used: 1, freeAt: minute });
  expect(windows.fill('total', only, {}, minute)).toMatchObject({ used: 0, freeAt: undefined });
});

describe('the memory of the windows', () => {
  it('is bounded whatever comes, and empty a day after the last message', () => {
    const message = fc.record({
      afterMs: fc.integer({ min: 0, max: hour }),
      recipient: fc.integer({ min: 0, max: 1000 }).map(String),
      isGivenBack: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        (messages, capacity) => {
          const windows = new SlidingWindows(capacity);
          let now = 0;
          for (const { afterMs, recipient, isGivenBack } of messages) {
            now += afterMs;
            const { hasRoom } = windows.makeRoom(now, 2 * hour);
            if (!hasRoom) continue;
            const entry = windows.add(
              { per_recipient: recipient, per_block: 'b', per_country: 'DE' },
              now,
            );
            if (isGivenBack) windows.remove(entry);
            expect(windows.size.messages).toBeLessThanOrEqual(capacity);
            expect(windows.size.keys).toBeLessThanOrEqual(3 * windows.size.messages);
          }
          windows.makeRoom(now + longestWindowMs, 2 * hour);
          expect(windows.size).toEqual({ messages: 0, keys: 0 });
        },
      ),
    );
  });

  it('that is full never empties a window that still counts: the newcomer is refused', () => {
    const windows = new SlidingWindows(3);
    const only = { count: 1, windowMs: 10 * minute };
    windows.add({ per_recipient: 'victim' }, 0);
    windows.add({ per_recipient: 'b' }, minute);
    windows.add({ per_recipient: 'c' }, 2 * minute);
    expect(windows.makeRoom(9 * minute, 10 * minute)).toEqual({
      hasRoom: false,
      freeAt: 10 * minute,
    });
    expect(windows.freeAt('per_recipient', only, { per_recipient: 'victim' }, 9 * minute)).toBe(
      10 * minute,
    );
    expect(windows.makeRoom(10 * minute, 10 * minute).hasRoom).toBe(true);
    windows.add({ per_recipient: 'd' }, 10 * minute);
    expect(windows.size).toEqual({ messages: 3, keys: 3 });
    expect(windows.newest('per_recipient', { per_recipient: 'victim' })).toBeUndefined();
  });

  it('takes a message back that was forgotten meanwhile', () => {
    const windows = new SlidingWindows(1);
    const old: CountedMessage = windows.add({ per_recipient: 'a' }, 0);
    windows.add({ per_recipient: 'a' }, 5);
    windows.remove(old);
    expect(windows.size).toEqual({ messages: 1, keys: 1 });
    expect(windows.newest('per_recipient', { per_recipient: 'a' })?.at).toBe(5);
  });

  it('counts all the same should the clock step back', () => {
    const windows = new SlidingWindows();
    windows.add({ per_caller: 'a' }, 1000);
    expect(windows.add({ per_caller: 'a' }, 400).at).toBe(1000);
  });

  it('counts nothing under a key that a message has not', () => {
    const windows = new SlidingWindows();
    windows.add({}, 0);
    const only = { count: 1, windowMs: minute };
    expect(windows.fill('per_client_ip', only, {}, 0)).toBeUndefined();
    expect(windows.freeAt('per_client_ip', only, {}, 0)).toBeUndefined();
    expect(windows.fill('total', only, {}, 0)).toMatchObject({ used: 1, freeAt: minute });
  });
});
