import { expect, test } from 'vitest';
import { StickLocks } from '../../src/modem/locator.js';

test('a stick has one owner, who may claim it again, and it is told who that is', () => {
  const locks = new StickLocks();
  expect(locks.claim('1-1.2', 'main')).toBe(true);
  expect(locks.claim('1-1.2', 'main')).toBe(true);
  expect(locks.claim('1-1.2', 'spare')).toBe(false);
  expect(locks.holder('1-1.2')).toBe('main');
  expect(locks.claim('1-1.3', 'spare')).toBe(true);
});

test('a stick given back is free for the next', () => {
  const locks = new StickLocks();
  locks.claim('1-1.2', 'main');
  locks.release('1-1.2', 'main');
  expect(locks.holder('1-1.2')).toBeUndefined();
  expect(locks.claim('1-1.2', 'spare')).toBe(true);
});

test('nobody can give back what another one has, nor what nobody has', () => {
  const locks = new StickLocks();
  locks.claim('1-1.2', 'main');
  expect(() => locks.release('1-1.2', 'spare')).toThrow(
    /spare gives back the stick 1-1\.2 without having it/,
  );
  expect(locks.holder('1-1.2')).toBe('main');
  expect(() => locks.release('1-1.9', 'main')).toThrow(/without having it/);
});
