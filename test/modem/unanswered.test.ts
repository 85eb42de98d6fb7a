import { expect, test } from 'vitest';
import { UnansweredSubmits } from '../../src/modem/unanswered.js';

test('with nothing outstanding any reference is its submit’s own', () => {
  const submits = new UnansweredSubmits();
  expect(submits.proves(17, 0)).toBe(true);
});

test('with one outstanding only the reference after the missing one is proof', () => {
  const submits = new UnansweredSubmits();
  submits.answered(254);
  submits.add(1000);
  expect(submits.proves(255, 0), 'this may be the missing one').toBe(false);
  expect(submits.proves(0, 0), 'references wrap at 255').toBe(true);
  expect(submits.proves(7, 0), 'a modem that does not count proves nothing').toBe(false);
  expect(submits.proves(255, 1001), 'nothing comes any more after its time').toBe(true);
});

test('before any reference is known none is proof', () => {
  const submits = new UnansweredSubmits();
  submits.add(1000);
  expect(submits.proves(0, 0)).toBe(false);
});

test('one that a newer submit has overtaken asks for proof, but is not counted any more', () => {
  const submits = new UnansweredSubmits();
  submits.answered(10);
  submits.add(1000); // 11
  expect(submits.proves(12, 0)).toBe(true);
  submits.answered(12);
  expect(submits.outstanding(0)).toBe(1);
  expect(submits.proves(13, 0), 'the very next one').toBe(true);
  expect(submits.proves(11, 0), 'the late one itself').toBe(false);
  submits.answeredLate(11);
  expect([submits.outstanding(0), submits.lastReference]).toEqual([0, 12]);
});

test('refused submits are counted, as modems count them', () => {
  const submits = new UnansweredSubmits();
  submits.answered(10);
  submits.refused(); // 11
  expect(submits.lastReference, 'not every modem counts it, so nothing is known').toBeUndefined();
  submits.add(1000); // 12
  expect(submits.proves(12, 0)).toBe(false);
  expect(submits.proves(13, 0)).toBe(true);
});

test('a late result pays the oldest debt', () => {
  const submits = new UnansweredSubmits();
  submits.answered(10);
  submits.add(1000);
  submits.add(1000);
  expect(submits.proves(13, 0)).toBe(true);
  submits.answeredLate(11);
  expect(submits.outstanding(0)).toBe(1);
  expect(submits.lastReference).toBe(11);
  expect(submits.proves(13, 0)).toBe(true);
  submits.clear();
  expect(submits.outstanding(0)).toBe(0);
});
