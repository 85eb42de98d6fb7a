import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RefusalRate } from '../../src/journal/refusal-rate.js';
import { WriteQueue } from '../../src/journal/write-queue.js';

test('in no stretch of time are more refusals admitted than the burst and the rate allow', () => {
  const waits = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(waits, (waitsMs) => {
      const rate = new RefusalRate(5, 2, 0);
      let nowMs = 0;
      const admittedAt: number[] = [];
      for (const waitMs of waitsMs) {
        nowMs += waitMs;
        if (rate.admits(nowMs)) admittedAt.push(nowMs);
      }
      for (const [first, fromMs] of admittedAt.entries())
        for (const [last, toMs] of admittedAt.entries())
          if (last >= first)
            expect(last - first + 1).toBeLessThanOrEqual(5 + ((toMs - fromMs) / 1_000) * 2);
    }),
  );
});

test('refusals that come slowly are all admitted', () => {
  const rate = new RefusalRate(1, 2, 0);
  const admitted = Array.from({ length: 50 }, (_, number) => rate.admits(number * 500));
  expect(admitted).not.toContain(false);
});

test('the queue keeps the order, and an entry until it is written', () => {
  const queue = new WriteQueue(3);
  const entry = (id: string) =>
    ({ kind: 'hold', hold: { kind: 'lock_out', key: id, strikes: 1, untilMs: 0 } }) as const;
  const written: string[] = [];
  const taken = ['a', 'b', 'c', 'd'].map((id) => queue.add(entry(id), () => written.push(id)));
  expect(taken).toEqual([true, true, true, false]);
  expect(queue.next()).toEqual([entry('a'), entry('b'), entry('c')]);
  expect(queue.next()).toHaveLength(3);
  queue.written(2);
  expect(written).toEqual(['a', 'b']);
  expect(queue.next()).toEqual([entry('c')]);
});
