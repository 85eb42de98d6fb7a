import { describe, expect, test } from 'vitest';
import { Debts } from '../../src/modem/debts.js';

const term = 100;

/** A modem that counts, and has sent `last`. */
function counting(last: number): Debts {
  const debts = new Debts();
  for (const reference of [last - 1, last]) {
    debts.begin(term);
    expect(debts.takeReference((reference + 256) % 256, 0)).toBe((reference + 256) % 256);
  }
  return debts;
}

function owe(debts: Debts, until: number): void {
  debts.begin(until);
  debts.giveUp(0);
}

test('a modem that owes a result is blind unless its references are known to count', () => {
  const debts = new Debts();
  expect(debts.isBlind(0)).toBe(false);
  owe(debts, 100);
  expect(debts.isBlind(99)).toBe(true);
  expect(debts.isBlind(101), 'nothing old comes any more').toBe(false);
  const counts = counting(10);
  owe(counts, 100);
  expect(counts.isBlind(1)).toBe(false);
});

test('no reference can prove the next result where none is sure yet, or they do not count', () => {
  const first = new Debts();
  owe(first, 100);
  expect(first.provesNothingForMs(1)).toBe(99);
  expect(first.provesNothingForMs(101), 'nothing old comes any more').toBe(0);
  const counts = counting(10);
  owe(counts, 100);
  expect(counts.provesNothingForMs(1)).toBe(0);
  counts.begin(200);
  counts.takeReference(12, 1);
  expect(counts.provesNothingForMs(1), 'the older one may still come').toBe(0);
  const constant = new Debts();
  for (let sent = 0; sent < 2; sent += 1) {
    constant.begin(100);
    constant.takeReference(0, 1);
  }
  owe(constant, 200);
  expect(constant.provesNothingForMs(2)).toBe(198);
});

describe('with a debt open', () => {
  test('only the reference after the missing one is proof', () => {
    const debts = counting(254);
    owe(debts, 100); // 255
    debts.begin(200);
    expect(debts.takeReference(255, 1), 'the missing one').toBeUndefined();
    expect(debts.takeReference(0, 2), 'references wrap at 255').toBe(0);
    expect(debts.outstanding(2), 'and the missing one has come').toBe(0);
  });

  test('a reference of our own is proof while the older one is still out, and pays nothing', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.begin(200);
    expect(debts.takeReference(12, 1)).toBe(12);
    expect(debts.outstanding(99)).toBe(1);
    expect(debts.outstanding(101)).toBe(0);
  });

  test('an error decides nothing, however many results have proven themselves since', () => {
    const debts = counting(10);
    owe(debts, 1000);
    for (let sent = 0; sent < 8; sent += 1) {
      debts.begin(2000);
      expect(debts.takeReference(12 + sent, 1)).toBe(12 + sent);
    }
    debts.begin(2000);
    expect(debts.takeError(2), 'it may be the oldest one’s').toBe(false);
    expect(debts.takeReference(20, 3), 'our own came after it').toBe(20);
    debts.begin(2000);
    expect(debts.takeError(1001), 'after the last term it is ours').toBe(true);
  });

  test('as many different references as submits are out: all were taken, ours among them', () => {
    const debts = new Debts();
    owe(debts, 100);
    debts.begin(200);
    expect(debts.takeReference(7, 1)).toBeUndefined();
    expect(debts.takeReference(7, 1), 'said twice').toBeUndefined();
    expect(debts.takeReference(8, 2)).toBe(8);
    expect(debts.outstanding(2)).toBe(0);
  });

  test('a constant reference proves nothing, and its term alone counts', () => {
    const debts = new Debts();
    for (let sent = 0; sent < 3; sent += 1) {
      debts.begin(100);
      expect(debts.takeReference(0, 0)).toBe(0);
    }
    owe(debts, 100);
    debts.begin(150);
    expect(debts.takeReference(0, 50)).toBeUndefined();
    expect(debts.doubt).toEqual({ because: 'debts', until: 150, mayBeProven: false });
    debts.giveUp(150);
    expect(debts.outstanding(150)).toBe(0);
    debts.begin(300);
    expect(debts.takeReference(0, 151), 'no endless 504').toBe(0);
  });
});

describe('after a debt that ended unpaid', () => {
  test('an unexpected reference is doubted, until one proves itself', () => {
    const debts = counting(10);
    owe(debts, 100); // 11
    debts.begin(300);
    expect(debts.takeReference(11, 200), 'later than any term').toBeUndefined();
    expect(debts.doubt?.because).toBe('suspicion');
    expect(debts.takeReference(12, 201)).toBe(12);
    debts.begin(400);
    expect(debts.takeReference(77, 300), 'proven since: nothing is doubted any more').toBe(77);
  });

  test('a modem that did not count the lost one costs one message', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.begin(300);
    expect(debts.takeReference(11, 200)).toBeUndefined();
    debts.giveUp(210);
    debts.begin(400);
    expect(debts.takeReference(12, 220)).toBe(12);
  });

  test('a modem that never counted costs none, and one that counts no more two', () => {
    const never = new Debts();
    for (const reference of [5, 90]) {
      never.begin(0);
      expect(never.takeReference(reference, 0)).toBe(reference);
    }
    owe(never, 100);
    never.begin(300);
    expect(never.takeReference(3, 200)).toBe(3);

    const noMore = counting(10);
    owe(noMore, 100);
    for (const [reference, isOurs] of [
      [50, false],
      [90, false],
      [20, true],
    ] as const) {
      noMore.begin(300);
      expect(noMore.takeReference(reference, 200)).toBe(isOurs ? reference : undefined);
      noMore.giveUp(210);
    }
  });
});

describe('what comes while nothing is out', () => {
  test('pays: a reference any debt, an error the only one', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.takeLateReference(11, 1);
    debts.takeLateReference(11, 1);
    expect(debts.outstanding(1)).toBe(0);
    owe(debts, 100);
    owe(debts, 100);
    debts.takeLateError(2);
    expect(debts.outstanding(2), 'whose it is nobody knows').toBe(2);
    debts.takeLateReference(12, 3);
    debts.takeLateError(4);
    expect(debts.outstanding(4)).toBe(0);
  });

  test('a restart voids all', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.restarted();
    debts.begin(200);
    expect(debts.takeReference(200, 1)).toBe(200);
  });
});

test('what a process leaves, with a submit out, is the next one’s debt', () => {
  const debts = counting(10);
  debts.begin(100);
  const left = debts.note(40);
  expect(left).toMatchObject({ open: 1, remainingMs: 60, base: 10, since: 1 });
  const after = Debts.after(left, 1000);
  after.begin(2000);
  expect(after.takeReference(11, 1059)).toBeUndefined();
  expect(after.takeReference(12, 1059)).toBe(12);
});
