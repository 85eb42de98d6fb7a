import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Hold, Holds, holdKinds } from '../../src/policy/holds.js';
import { hour, minute } from './support/policy.js';

const span = { firstMs: minute, longestMs: 15 * minute };
const lockOut = (key: string, until: number, strikes = 1): Hold => ({
  kind: 'lock_out',
  key,
  strikes,
  until,
});

it('a hold lasts until its end, is remembered for an hour more, and then nothing is left of it', () => {
  const holds = new Holds();
  holds.begin(lockOut('a', minute), 0);
  expect(holds.lasting('lock_out', 'a', minute - 1)).toMatchObject({ strikes: 1 });
  expect(holds.lasting('lock_out', 'a', minute)).toBeUndefined();
  expect(holds.remembered('lock_out', 'a', minute + hour - 1)).toMatchObject({ strikes: 1 });
  expect(holds.remembered('lock_out', 'a', minute + hour)).toBeUndefined();
  expect(holds.all(minute + hour - 1)).toHaveLength(1);
  expect(holds.all(minute + hour)).toEqual([]);
});

it('a hold is that of its kind and key', () => {
  const holds = new Holds();
  holds.begin(lockOut('a', minute), 0);
  expect(holds.lasting('cool_down_recipient', 'a', 0)).toBeUndefined();
  expect(holds.lasting('lock_out', 'b', 0)).toBeUndefined();
});

it('no hold is over 15 minutes, and none is shortened by the next, whatever the order of events', () => {
  const event = fc.record({
    afterMs: fc.integer({ min: 0, max: hour }),
    kind: fc.constantFrom(...holdKinds),
    firstMs: fc.integer({ min: 1, max: hour }),
    atLeastMs: fc.integer({ min: 0, max: 24 * hour }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const holds = new Holds();
      let now = 0;
      for (const { afterMs, kind, firstMs, atLeastMs } of events) {
        now += afterMs;
        const before = holds.remembered(kind, 'a', now);
        const next = holds.next(kind, 'a', now, { firstMs, atLeastMs, longestMs: 24 * hour });
        expect(next.strikes).toBe((before?.strikes ?? 0) + 1);
        expect(next.until - now).toBeLessThanOrEqual(15 * minute);
        expect(next.until).toBeGreaterThanOrEqual(before?.until ?? 0);
        expect(holds.remembered(kind, 'a', now)).toBe(before);
        holds.begin(next, now);
      }
    }),
  );
});

it('the memory of holds is bounded, and those that are over go first', () => {
  const holds = new Holds(3);
  holds.begin(lockOut('over', minute), 0);
  holds.begin(lockOut('a', minute + 2 * hour), 2 * hour);
  holds.begin(lockOut('b', minute + 2 * hour), 2 * hour);
  expect(holds.all(2 * hour).map(({ key }) => key)).toEqual(['a', 'b']);
  holds.begin(lockOut('c', minute + 2 * hour), 2 * hour);
  holds.begin(lockOut('b', 2 * minute + 2 * hour, 2), 2 * hour);
  holds.begin(lockOut('d', minute + 2 * hour), 2 * hour);
  expect(holds.all(2 * hour).map(({ key }) => key)).toEqual(['c', 'b', 'd']);
});

it('what is restored goes on where it was; of several of one key the last', () => {
  const holds = new Holds();
  holds.restore([lockOut('a', 5 * minute, 3), lockOut('a', minute, 2), lockOut('b', -hour, 9)], 0);
  expect(holds.all(0)).toEqual([lockOut('a', 5 * minute, 3)]);
  expect(holds.next('lock_out', 'a', 6 * minute, span)).toEqual(lockOut('a', 14 * minute, 4));
});

it('what is restored late does not shorten what this run has begun, nor brings its strikes down', () => {
  const holds = new Holds();
  holds.begin(lockOut('a', 8 * minute, 3), 0);
  holds.begin(lockOut('b', minute, 1), 0);
  holds.restore(
    [lockOut('a', 2 * minute, 2), lockOut('b', 4 * minute, 3), lockOut('c', minute)],
    0,
  );
  expect(holds.lasting('lock_out', 'a', 0)).toEqual(lockOut('a', 8 * minute, 3));
  expect(holds.lasting('lock_out', 'b', 0)).toEqual(lockOut('b', 4 * minute, 3));
  expect(holds.lasting('lock_out', 'c', 0)).toEqual(lockOut('c', minute));
});

it('a hold can count from before it begins, and then ends as much sooner', () => {
  const holds = new Holds();
  const since = 10 * minute;
  expect(holds.next('lock_out', 'a', 12 * minute, { ...span, firstMs: 5 * minute, since })).toEqual(
    lockOut('a', 15 * minute),
  );
  expect(holds.next('lock_out', 'a', hour, { ...span, since }).until).toBe(11 * minute);
});
