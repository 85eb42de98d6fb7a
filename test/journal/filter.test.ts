import { expect, test, vi } from 'vitest';
import type { LogFilter } from '../../src/journal/entries.js';
import { ended, noonMs, open } from './support/rig.js';

/** The ids that a filter finds, in order, among six messages of six seconds. */
async function found(filter: Omit<LogFilter, 'limit'>, limit = 10): Promise<string[]> {
  const { journal } = await open();
  for (const [index, id] of ['a', 'b', 'c', 'd', 'e', 'f'].entries())
    journal.ended(
      ended(id, {
        // The last two in one millisecond.
        atMs: noonMs + 1_000 * Math.min(index, 4),
        modem: index % 2 === 0 ? 'main' : 'spare',
        country: index < 3 ? 'DE' : 'AT',
      }),
    );
  await vi.waitFor(() => expect(journal.state().pending).toBe(0));
  return (await journal.query({ ...filter, limit })).rows.map(({ id }) => id);
}

test('rows are found by modem and country, the newest first', async () => {
  expect(await found({ modem: 'main' })).toEqual(['e', 'c', 'a']);
  expect(await found({ country: 'AT' })).toEqual(['f', 'e', 'd']);
  expect(await found({ modem: 'spare', country: 'AT', status: 200 })).toEqual(['f', 'd']);
  expect(await found({ modem: 'none' })).toEqual([]);
});

test('rows are found within a time', async () => {
  const time = { sinceMs: noonMs + 1_000, untilMs: noonMs + 3_000 };
  expect(await found(time)).toEqual(['c', 'b']);
  expect(await found({ ...time, modem: 'main' })).toEqual(['c']);
});

test('a page goes on where the one before ended, also within one millisecond', async () => {
  expect(await found({ before: { atMs: noonMs + 4_000, id: 'f' } }, 2)).toEqual(['e', 'd']);
  expect(await found({ before: { atMs: noonMs + 4_000, id: 'e' }, modem: 'main' })).toEqual([
    'c',
    'a',
  ]);
  // Of one that is gone since, its time is still known.
  expect(await found({ before: { atMs: noonMs + 4_000, id: 'gone' } })).toEqual([
    'd',
    'c',
    'b',
    'a',
  ]);
});
