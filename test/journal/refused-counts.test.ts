/** What was refused before it was a message: counted, bounded, and added up. */

import { expect, test, vi } from 'vitest';
import { RefusedCounts } from '../../src/journal/refused-counts.js';
import { dayMs, ended, folder, look, noonMs, open } from './support/rig.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const missing = { status: 401, code: 'token_missing' };
const unset = { status: 503, code: 'clock_unset', caller: 'auth0' };

const rowsIn = (file: string) =>
  look(file, (db) => db.prepare('SELECT * FROM refused ORDER BY began_at, code').all()) as Record<
    string,
    unknown
  >[];

test('a flood of a minute is one count, and a later one goes on with the next', () => {
  let nowMs = noonMs + 59_000;
  const counts = new RefusedCounts(() => nowMs);
  for (let number = 0; number < 10_000; number += 1) counts.count(missing);
  expect(counts.take()).toMatchObject([{ beganAtMs: noonMs, count: 10_000 }]);
  expect(counts.take()).toEqual([]);
  counts.count(missing);
  // The whole of the minute, so that a tally may be written twice.
  expect(counts.take()).toMatchObject([{ beganAtMs: noonMs, count: 10_001 }]);
  nowMs += 1_000;
  counts.count(missing);
  counts.count(unset);
  expect(counts.take()).toMatchObject([
    { beganAtMs: noonMs + minuteMs, code: 'token_missing', caller: '', count: 1 },
    { beganAtMs: noonMs + minuteMs, code: 'clock_unset', caller: 'auth0', count: 1 },
  ]);
});

test('what cannot be written for days stays bounded', () => {
  let nowMs = noonMs;
  const counts = new RefusedCounts(() => nowMs);
  for (let number = 0; number < 5_000; number += 1, nowMs += minuteMs) counts.count(missing);
  const taken = counts.take();
  expect(taken).toHaveLength(1_000);
  expect(taken.at(-1)?.beganAtMs).toBe(nowMs - minuteMs);
});

test('they are found at once, chosen by code, status, caller and time, and outlive the run', async () => {
  let nowMs = noonMs;
  const file = `${folder()}/journal.db`;
  const { journal } = await open({ file, clock: () => nowMs });
  for (let number = 0; number < 3; number += 1) journal.refusedBefore(missing);
  nowMs += minuteMs;
  journal.refusedBefore(unset);
  const all = [
    { beganAtMs: noonMs + minuteMs, spanMs: minuteMs, ...unset, count: 1 },
    { beganAtMs: noonMs, spanMs: minuteMs, ...missing, count: 3 },
  ];
  expect(await journal.refusedCounts({ limit: 9 })).toEqual(all);
  expect(await journal.refusedCounts({ limit: 1 })).toEqual(all.slice(0, 1));
  expect(await journal.refusedCounts({ limit: 9, code: 'clock_unset' })).toEqual(all.slice(0, 1));
  expect(await journal.refusedCounts({ limit: 9, status: 401 })).toEqual(all.slice(1));
  expect(await journal.refusedCounts({ limit: 9, caller: 'auth0' })).toEqual(all.slice(0, 1));
  expect(await journal.refusedCounts({ limit: 9, sinceMs: nowMs })).toEqual(all.slice(0, 1));
  await journal.close();
  // Another run within the same minute is added.
  nowMs += 1_000;
  const again = await open({ file, clock: () => nowMs });
  again.journal.refusedBefore(unset);
  expect((await again.journal.refusedCounts({ limit: 1 }))[0]).toMatchObject({ count: 2 });
});

test('a single one is in the file soon, for who looks after the process was killed', async () => {
  const { journal, file } = await open();
  journal.refusedBefore(missing);
  await vi.waitFor(
    () => expect(rowsIn(file)).toMatchObject([{ code: 'token_missing', count: 1 }]),
    {
      timeout: 10_000,
    },
  );
  await journal.close();
}, 20_000);

test('once they are a day old the minutes are added up to hours, and go with the retention', async () => {
  let nowMs = noonMs;
  const { journal, file } = await open({
    clock: () => nowMs,
    wallClock: () => nowMs,
    retentionDays: 2,
  });
  for (let minute = 0; minute < 90; minute += 1, nowMs += minuteMs) {
    journal.refusedBefore(missing);
    // Each minute written by itself, as in a day of strangers.
    await journal.refusedCounts({ limit: 1 });
  }
  await journal.close();
  nowMs = noonMs + dayMs + 2 * hourMs;
  const later = await open({ file, clock: () => nowMs, wallClock: () => nowMs, retentionDays: 2 });
  await vi.waitFor(() => expect(rowsIn(file)).toHaveLength(2), 5_000);
  expect(await later.journal.refusedCounts({ limit: 9 })).toEqual([
    { beganAtMs: noonMs + hourMs, spanMs: hourMs, ...missing, count: 30 },
    { beganAtMs: noonMs, spanMs: hourMs, ...missing, count: 60 },
  ]);
  await later.journal.close();
  nowMs = noonMs + 3 * dayMs;
  await open({ file, clock: () => nowMs, wallClock: () => nowMs, retentionDays: 2 });
  await vi.waitFor(() => expect(rowsIn(file)).toEqual([]), 5_000);
});

test('totals are by day, code, modem, country and caller, with what was refused before', async () => {
  const { journal } = await open();
  const no = { status: 403, code: 'recipient_not_allowed', submitted: 'no' } as const;
  const unknown = { status: 504, code: 'outcome_unknown', submitted: 'unknown' } as const;
  journal.ended(ended('a', { country: 'DE', segments: 2 }));
  journal.ended(ended('b', { country: 'AT', modem: 'spare', outcome: unknown }));
  journal.ended(ended('c', { country: 'US', modem: undefined, wasStarted: false, outcome: no }));
  journal.ended(ended('d', { country: 'DE', outcome: unknown }));
  journal.late('d', { atMs: noonMs + 1, status: 200, submitted: 'yes' });
  journal.refusedBefore(missing);
  journal.refusedBefore(unset);
  await vi.waitFor(() => expect(journal.state().pending).toBe(0));
  const by = async (key: Parameters<typeof journal.summary>[0]) =>
    (await journal.summary(key, {})).map((row) => [
      row.key,
      row.messages,
      row.sent,
      row.notSent,
      row.unknown,
      row.segments,
      row.refusedBefore,
    ]);
  expect(await by('country')).toEqual([
    ['-', 0, 0, 0, 0, 0, 2],
    ['AT', 1, 0, 0, 1, 1, 0],
    ['DE', 2, 2, 0, 0, 3, 0],
    ['US', 1, 0, 1, 0, 0, 0],
  ]);
  expect(await by('code')).toEqual([
    ['clock_unset', 0, 0, 0, 0, 0, 1],
    ['outcome_unknown', 1, 0, 0, 1, 1, 0],
    ['recipient_not_allowed', 1, 0, 1, 0, 0, 0],
    ['sent', 2, 2, 0, 0, 3, 0],
    ['token_missing', 0, 0, 0, 0, 0, 1],
  ]);
  expect(await by('modem')).toEqual([
    ['-', 1, 0, 1, 0, 0, 2],
    ['main', 2, 2, 0, 0, 3, 0],
    ['spare', 1, 0, 0, 1, 1, 0],
  ]);
  expect(await by('caller')).toEqual([
    ['-', 0, 0, 0, 0, 0, 1],
    ['auth0', 0, 0, 0, 0, 0, 1],
    ['urn:Auth0', 4, 2, 1, 1, 4, 0],
  ]);
  expect(await by('day')).toEqual([['2026-11-15', 4, 2, 1, 1, 4, 2]]);
  expect((await journal.summary('country', { sinceMs: noonMs + dayMs })).length).toBe(0);
});
