import { expect, it } from 'vitest';
import { type DeliveryEnd, UndeliveredWatch } from '../../src/delivery/undelivered.js';

const minuteMs = 60_000;

function watching(usual: { delivered: number; failed: number; silent: number } | undefined) {
  let nowMs = 1_800_000_000_000;
  const watch = new UndeliveredWatch(() => nowMs);
  if (usual !== undefined) watch.restore([{ country: 'DE', ...usual }]);
  let count = 0;
  return {
    watch,
    pass: (ms: number) => (nowMs += ms),
    note: (end: DeliveryEnd, times: number, blockHmac = 'b1') => {
      for (let n = 0; n < times; n += 1) {
        count += 1;
        watch.note({ id: `id-${count}`, country: 'DE', blockHmac }, end);
      }
    },
    kinds: () => watch.conditions().map(({ kind, about }) => `${kind} ${about}`),
  };
}

it('is told of a country whose messages stop arriving, until they arrive again', () => {
  const { note, kinds, watch, pass } = watching({ delivered: 95, failed: 3, silent: 2 });
  note('delivered', 20);
  expect(kinds()).toEqual([]);
  note('failed', 6);
  note('silent', 6);
  expect(kinds()).toContain('undelivered DE');
  const [condition] = watch.conditions();
  expect(condition?.sentence).toContain('12 of 32 messages to DE were not delivered');
  expect(condition?.sentence).toContain('5 of 100 is usual (the last one: id-32)');
  note('delivered', 60);
  expect(kinds()).toEqual([]);
  pass(61 * minuteMs);
  expect(kinds()).toEqual([]);
});

it('finds a block of numbers within a country that is well', () => {
  const { note, kinds } = watching({ delivered: 95, failed: 3, silent: 2 });
  note('delivered', 300, 'others');
  note('failed', 12, 'pumped');
  expect(kinds()).toEqual(['undelivered block:pumped']);
});

it('says nothing of a carrier that never reports', () => {
  const { note, kinds, pass } = watching({ delivered: 0, failed: 0, silent: 200 });
  note('silent', 100);
  pass(61 * minuteMs);
  note('silent', 100);
  expect(kinds()).toEqual([]);
});

it('takes silence for nothing while too little is known, and failures at their word', () => {
  const { note, kinds } = watching(undefined);
  note('silent', 50);
  expect(kinds()).toEqual([]);
  note('failed', 12);
  expect(kinds()).toContain('undelivered DE');
});

it('what was worse for days is usual', () => {
  const { note, kinds, pass } = watching({ delivered: 100, failed: 0, silent: 0 });
  for (let hour = 0; hour < 72; hour += 1) {
    note('failed', 10);
    note('delivered', 10);
    pass(61 * minuteMs);
  }
  note('failed', 10);
  note('delivered', 10);
  expect(kinds()).toEqual([]);
});

it('cannot say after a start that they arrive again, before some did or an hour is over', () => {
  const { note, watch, pass } = watching({ delivered: 95, failed: 3, silent: 2 });
  const isUnknown = () => [watch.isUnknown('DE'), watch.isUnknown('block:b1')];
  expect(isUnknown()).toEqual([true, true]);
  note('delivered', 9);
  expect(isUnknown()).toEqual([true, true]);
  note('delivered', 1, 'b2');
  expect(isUnknown()).toEqual([false, true]);
  pass(61 * minuteMs);
  expect(isUnknown()).toEqual([false, false]);
});
