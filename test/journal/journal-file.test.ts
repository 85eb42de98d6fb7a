/** The journal of a daemon that does not run: read from its file, and left as it was. */

import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openJournalFile } from '../../src/journal/journal-file.js';
import { ended, folder, noonMs, open, refused } from './support/rig.js';

async function read(file: string) {
  const source = await openJournalFile(file);
  onTestFinished(() => source.close());
  return source;
}

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

async function closedJournal(): Promise<string> {
  const { journal, file } = await open();
  journal.ended(ended('sent'));
  const outcome = {
    status: 403,
    code: 'recipient_not_allowed',
    submitted: 'no',
    detail: 'countries: US is not in policy.countries',
  } as const;
  journal.ended(refused('refused', { atMs: noonMs + 1, outcome }));
  journal.refusedBefore({ status: 401, code: 'token_missing' });
  await vi.waitFor(() => expect(journal.state().pending).toBe(0));
  await journal.close();
  return file;
}

test('one that was closed is read, counts and totals too, and not a byte of it changes', async () => {
  const file = await closedJournal();
  const before = digest(file);
  const source = await read(file);
  const { rows } = await source.query({ limit: 9 });
  expect(rows.map(({ id, outcome }) => [id, outcome?.detail])).toEqual([
    ['refused', 'countries: US is not in policy.countries'],
    ['sent', undefined],
  ]);
  expect(await source.refusedCounts({ limit: 9 })).toMatchObject([{ count: 1, status: 401 }]);
  expect(await source.summary('day', {})).toMatchObject([{ messages: 2, refusedBefore: 1 }]);
  await source.close();
  expect(digest(file)).toBe(before);
  expect(readdirSync(join(file, '..'))).toEqual(['journal.db']);
});

test('one that a killed daemon left is read with what only its WAL has', async () => {
  const { journal, file } = await open();
  journal.ended(ended('in the wal'));
  await vi.waitFor(() => expect(journal.state().pending).toBe(0));
  // As a kill leaves it: the journal here goes on having its own file open.
  const left = join(folder(), 'journal.db');
  copyFileSync(file, left);
  copyFileSync(`${file}-wal`, `${left}-wal`);
  const source = await read(left);
  expect((await source.query({ limit: 9 })).rows).toMatchObject([{ id: 'in the wal' }]);
  await source.close();
  expect(readdirSync(join(left, '..'))).toEqual(['journal.db', 'journal.db-wal']);
});

test('one of an earlier version, which had neither reasons nor counts, is read', async () => {
  const file = await closedJournal();
  const db = new Database(file);
  db.exec('DROP TABLE refused; DROP INDEX by_report; PRAGMA user_version = 2');
  for (const column of ['detail', 'late_detail', 'tail_hmac', 'reports_until', 'delivery'])
    db.exec(`ALTER TABLE messages DROP COLUMN ${column}`);
  for (const column of ['status', 'at', 'took_ms', 'segments'])
    db.exec(`ALTER TABLE messages DROP COLUMN delivery_${column}`);
  db.close();
  const source = await read(file);
  const { rows } = await source.query({ limit: 9 });
  expect(rows.map(({ isReportAsked, delivery }) => isReportAsked ?? delivery)).toEqual([
    undefined,
    undefined,
  ]);
  expect(await source.refusedCounts({ limit: 9 })).toEqual([]);
  expect(await source.summary('code', {})).toHaveLength(2);
});

test('what cannot be read is told in a sentence', async () => {
  const nowhere = join(folder(), 'journal.db');
  await expect(openJournalFile(nowhere)).rejects.toThrow(
    `there is no journal at ${nowhere}: no daemon has run with this state_dir yet`,
  );
  const file = await closedJournal();
  const db = new Database(file);
  db.exec('PRAGMA user_version = 99');
  db.close();
  await expect(openJournalFile(file)).rejects.toThrow(/its version is 99/);
});
