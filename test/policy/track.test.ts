import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CountedMessage, SlidingWindows, Track } from '../../src/policy/windows.js';
import { hour, minute } from './support/policy.js';

it('a track is a list from which any may be taken out', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ afterMs: fc.integer({ min: 0, max: 5 }) }) },
    { weight: 2, arbitrary: fc.constant('forget the oldest' as const) },
    { weight: 1, arbitrary: fc.record({ index: fc.nat({ max: 20 }) }) },
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 0, max: 300 }),
      (steps, since) => {
        const track = new Track();
        const list: CountedMessage[] = [];
        const takeOut = (entry: CountedMessage | undefined) => {
          if (entry === undefined) return;
          track.remove(entry);
          // Taken out twice, it does not take another with it.
          track.remove(entry);
          list.splice(list.indexOf(entry), 1);
        };
        let now = 0;
        for (const each of steps) {
          if (each === 'forget the oldest') takeOut(list[0]);
          else if ('index' in each) takeOut(list[each.index]);
          else {
            now += each.afterMs;
            const entry = { at: now, keys: {}, isKept: false };
            track.push(entry);
            list.push(entry);
          }
          expect([...track]).toEqual(list);
          expect(track.length).toBe(list.length);
          expect(track.oldest).toBe(list[0]);
          for (let count = 1; count <= list.length + 1; count++)
            expect(track.newest(count)).toBe(list[list.length - count]);
        }
        expect(track.countAfter(since)).toBe(list.filter(({ at }) => at > since).length);
      },
    ),
  );
});

/** CPU nanoseconds of `run` for each of `count` messages, the least of some tries. */
function costOfEach(count: number, run: () => void): number {
  const tries = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / count;
  });
  return Math.min(...tries);
}

it('a message costs the same, to within a few times, whether a thousand or fifty thousand are remembered', () => {
  const costWith = (capacity: number) => {
    const windows = new SlidingWindows(capacity);
    const keys = { per_country: 'DE', per_caller: 'urn:Auth0' };
    for (let at = 0; at < capacity; at++) windows.add(keys, at);
    let now = 2 * hour;
    const messages = 5000;
    return costOfEach(messages, () => {
      for (let count = 0; count < messages; count++) {
        now += 1;
        windows.makeRoom(now, hour);
        windows.add(keys, now);
      }
    });
  };
  expect(costWith(50_000)).toBeLessThan(10 * costWith(1000));
});

it('messages of before count beside those of this run, in the order of their times', () => {
  const windows = new SlidingWindows();
  const keys = { per_recipient: 'a' };
  const own = windows.add(keys, 10 * minute);
  windows.merge([
    { at: 8 * minute, keys, isKept: true },
    { at: 2 * minute, keys, isKept: true },
  ]);
  expect(windows.size).toEqual({ messages: 3, keys: 1 });
  const fill = (count: number) =>
    windows.fill('per_recipient', { count, windowMs: 10 * minute }, keys, 11 * minute);
  expect(fill(3)).toMatchObject({ used: 3, freeAt: 12 * minute });
  expect(fill(2)).toMatchObject({ used: 3, freeAt: 18 * minute });
  windows.remove(own);
  expect(fill(2)).toMatchObject({ used: 2, freeAt: 12 * minute });
  expect(windows.newest('per_recipient', keys)?.at).toBe(8 * minute);
});

it('of too many messages of before the oldest are left out', () => {
  const windows = new SlidingWindows(2);
  windows.add({ per_recipient: 'own' }, 10);
  windows.merge([1, 2, 3].map((at) => ({ at, keys: { per_recipient: String(at) }, isKept: true })));
  expect(windows.size).toEqual({ messages: 2, keys: 2 });
  expect(windows.newest('per_recipient', { per_recipient: '3' })?.at).toBe(3);
});
