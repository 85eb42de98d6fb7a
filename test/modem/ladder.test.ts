import { expect, test } from 'vitest';
import { Ladder, type LossKind } from '../../src/modem/ladder.js';

const minute = 60_000;

/** The rungs of a modem that has the same trouble again every `everyMs`. */
function rungs(kind: LossKind, count: number, everyMs: number, ladder = new Ladder()): string[] {
  return Array.from({ length: count }, (_, i) => ladder.next(kind, i * everyMs));
}

test('a tty that vanishes again and again is never reset', () => {
  expect(new Set(rungs('vanished', 1000, 1000))).toEqual(new Set(['reopen']));
  expect(new Set(rungs('restarted', 1000, 1000))).toEqual(new Set(['reopen']));
});

test('a silent modem is opened anew twice, then reset, then the hook is called, each slowly', () => {
  const day = rungs('silent', 24 * 60, minute);
  expect(day.slice(0, 5)).toEqual(['reopen', 'reopen', 'reset', 'reopen', 'hook']);
  // 10, 20, 40, 80, 160, 320 minutes, then every 6 h.
  expect(day.filter((rung) => rung === 'reset').length).toBeLessThanOrEqual(9);
  expect(day.filter((rung) => rung === 'hook').length).toBeLessThanOrEqual(24);
});

test('where silence may be the link’s it resets no modem, and calls the hook alone', () => {
  const far = () => new Ladder({ hasHook: true, silenceIsItsOwn: false });
  for (const kind of ['silent', 'wedged'] as const) {
    const day = rungs(kind, 24 * 60, minute, far());
    expect(new Set(day), kind).toEqual(new Set(['reopen', 'hook']));
    expect(day.filter((rung) => rung === 'hook').length).toBeLessThanOrEqual(24);
  }
  // It has answered, so its link is well.
  expect(rungs('promptless', 2, minute, far())).toEqual(['reopen', 'reset']);
});

test('two submits in a row without an answer lead to a reset, although the modem was ready in between', () => {
  const ladder = new Ladder();
  expect(ladder.next('wedged', 0)).toBe('reopen');
  ladder.ready();
  expect(ladder.next('wedged', 5 * minute)).toBe('reset');
});

test('one that owes a result is reset for it, but not twice in ten minutes, and opened anew for it never', () => {
  const ladder = new Ladder();
  expect(ladder.mayReset(0)).toBe(true);
  expect(rungs('owing', 3, minute, ladder)).toEqual(['reset', 'reopen', 'reopen']);
  ladder.sent();
  expect(ladder.mayReset(9 * minute)).toBe(false);
  expect(ladder.next('owing', 10 * minute)).toBe('reset');
});

test('a message that was sent forgets the trouble before', () => {
  const ladder = new Ladder();
  expect(rungs('silent', 3, minute, ladder).at(-1)).toBe('reset');
  ladder.ready();
  ladder.sent();
  expect(ladder.next('silent', 60 * minute)).toBe('reopen');
  expect(ladder.next('wedged', 61 * minute)).toBe('reopen');
});
