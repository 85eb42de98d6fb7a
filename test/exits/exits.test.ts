/**
 * No state without an exit (I8): for a day any one command of a modem meets silence, ERROR or
 * nonsense. The sample is the same for the same seed; `npm run test:exits` plays every case.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stopAll } from '../modem/supervised.js';
import { type ExitCase, nameOf, pairs, sample, singles } from './cases.js';
import { commandsOf, playDay } from './day.js';
import { judgeDay } from './judge.js';

/**
 * Unset: a sample, as `npm test` takes it. A number: so many cases of each kind. `all`: every
 * command alone, and every two of them.
 */
const wanted = process.env.EXITS ?? '20';
const seed = Number(process.env.EXITS_SEED ?? 20_261_129);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

vi.useFakeTimers();
const commands = await commandsOf();
await stopAll();
vi.useRealTimers();

test('the cases have the commands that a day without trouble takes', () => {
  expect(commands).toEqual(
    expect.arrayContaining(['AT', '+CPIN=', '+CMGF=', '+CREG?', '+CMGS=', '+CNMI=', '+COPS?']),
  );
});

const kinds: readonly (readonly ExitCase[])[] = [singles(commands), pairs(commands)];
const cases = kinds.flatMap((kind) =>
  wanted === 'all' ? kind : sample(kind, Number(wanted), seed),
);

test.each(cases.map((subject) => ({ name: nameOf(subject), subject })))(
  'a day on which $name ends well, with something tried all along',
  async ({ subject }) => {
    for (const fromStart of [true, false]) {
      expect(
        judgeDay(subject, await playDay(subject, fromStart)),
        `from the start: ${fromStart}`,
      ).toEqual([]);
      await stopAll();
    }
  },
  300_000,
);
