/**
 * What is left of the journal after a power cut. A killed process is `process.test.ts`'s, the whole
 * daemon `test/system/power-cut`'s.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'libsql';
import { expect, test, vi } from 'vitest';
import type { RecentMessage } from '../../src/journal/entries.js';
import { seededRandom } from '../../src/simulator/random.js';
import { forgetfulDisk } from './support/disk.js';
import { ended, folder, noonMs, open, refused, started } from './support/rig.js';

const keyed = (id: string) => ({ keyHmac: `key of ${id}`, requestHmac: 'r'.repeat(32) });

/** What the next process knows of a journal that a power cut left. */
async function afterCut(
  file: string,
): Promise<{ known: Map<string, RecentMessage>; warnings: unknown[] }> {
  const { journal, logged } = await open({ file });
  const { messages } = await journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
  await journal.close();
  return {
    known: new Map(messages.map((each) => [each.id, each])),
    warnings: logged.map((line) => line.message),
  };
}

test('a message with a key is known after a power cut from its start on, and is told as unknown', async () => {
  const file = join(folder(), 'journal.db');
  const disk = await forgetfulDisk(file);
  const { journal } = await open({ file });
  await journal.started(started('a', keyed('a')));
  const left = disk.cut();
  journal.ended(ended('a', keyed('a')));
  const { known, warnings } = await afterCut(left);
  expect(known.get('a')).toMatchObject({
    keyHmac: 'key of a',
    outcome: { status: 504, code: 'outcome_unknown', submitted: 'unknown' },
  });
  expect(warnings).toEqual([expect.stringMatching(/ended while 1 message was with a modem/)]);
});

test('what its caller was told, and the late truth, are on the disk soon after', async () => {
  const file = join(folder(), 'journal.db');
  const disk = await forgetfulDisk(file);
  const { journal } = await open({ file });
  await journal.started(started('a', keyed('a')));
  await journal.started(started('b', keyed('b')));
  journal.ended(ended('a', keyed('a')));
  const unknown = { status: 504, code: 'outcome_unknown', submitted: 'unknown' } as const;
  journal.ended(ended('b', { ...keyed('b'), outcome: unknown }));
  journal.late('b', { atMs: noonMs, status: 200, submitted: 'yes', references: [9] }, 'key of b');
  const superseded = { status: 409, code: 'superseded', submitted: 'no' } as const;
  journal.ended(refused('c', { ...keyed('c'), outcome: superseded }));
  await vi.waitFor(async () => {
    const { known } = await afterCut(disk.cut());
    expect(known.get('a')).toMatchObject({ outcome: { status: 200, references: [7] } });
    expect(known.get('b')).toMatchObject({ late: { status: 200, references: [9] } });
    expect(known.get('c')).toMatchObject({ outcome: { code: 'superseded' } });
  }, 30_000);
});

test('without a key nothing is flushed; what was flushed for another is there nevertheless', async () => {
  const file = join(folder(), 'journal.db');
  const disk = await forgetfulDisk(file);
  const { journal } = await open({ file });
  await journal.started(started('a'));
  journal.ended(ended('a'));
  journal.ended(refused('b', keyed('b'))); // a repeat of it is tried again, known or not
  await journal.query({ limit: 1 });
  await pause(50);
  expect(disk.flushes).toBe(0);
  await journal.started(started('c', keyed('c')));
  expect([...(await afterCut(disk.cut())).known.keys()]).toEqual(
    expect.arrayContaining(['a', 'c']),
  );
});

test('what was promised and has started is unknown after a power cut, and never surely unsent', async () => {
  const file = join(folder(), 'journal.db');
  const disk = await forgetfulDisk(file);
  const { journal } = await open({ file });
  const { modem: _, ...waiting } = started('a');
  expect(await journal.promised(waiting)).toBe(true);
  const before = disk.cut();
  await journal.started(started('a', { wasPromised: true }));
  const after = disk.cut();
  const outcomes = [];
  for (const left of [before, after]) {
    const { journal: next } = await open({ file: left });
    outcomes.push((await next.query({ id: 'a', limit: 1 })).rows[0]?.outcome?.submitted);
    await next.close();
  }
  expect(outcomes).toEqual(['no', 'unknown']);
});

test('those that start while a flush is under way share the next one', async () => {
  const file = join(folder(), 'journal.db');
  const disk = await forgetfulDisk(file, (flush) => pause(100).then(flush));
  const { journal } = await open({ file });
  const first = journal.started(started('first', keyed('first')));
  await vi.waitFor(() => expect(disk.flushes).toBe(1), { interval: 1 });
  const rest = Array.from({ length: 20 }, (_, number) => `m${number}`);
  await Promise.all([first, ...rest.map((id) => journal.started(started(id, keyed(id))))]);
  expect(disk.flushes).toBeLessThanOrEqual(3);
  const { known } = await afterCut(disk.cut());
  expect(rest.filter((id) => !known.has(id))).toEqual([]);
});

test('a disk that is too slow holds a message no longer than the bound, and its key is told as not safe', async () => {
  const file = join(folder(), 'journal.db');
  let letGo = (): void => undefined;
  const stuck = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await forgetfulDisk(file, (flush) => stuck.then(flush));
  const { journal, logged } = await open({ file, keyedBoundMs: 50, startedBoundMs: 5_000 });
  await journal.started(started('a', keyed('a')));
  expect(logged).toMatchObject([{ level: 'warn', event: 'key_unsafe', id: 'a' }]);
  // It is only the disk that is slow: the file is not, and those without a key wait for the file
  // alone.
  await journal.started(started('b'));
  expect(journal.state()).toMatchObject({ isOk: true, pending: 0 });
  expect(logged).toHaveLength(1);
  letGo();
});

test('a disk that refuses to flush is told, and the key is told as not safe at once', async () => {
  const file = join(folder(), 'journal.db');
  let isBroken = true;
  await forgetfulDisk(file, (flush) =>
    isBroken
      ? Promise.reject(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
      : flush(),
  );
  const { journal, logged } = await open({ file, keyedBoundMs: 60_000 });
  await journal.started(started('a', keyed('a')));
  expect(logged).toContainEqual(expect.objectContaining({ event: 'key_unsafe', id: 'a' }));
  await vi.waitFor(() =>
    expect(logged.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/the disk refuses \(EIO/),
    ),
  );
  isBroken = false;
  await vi.waitFor(() => expect(journal.state().isOk).toBe(true), 5_000);
  await journal.started(started('b', keyed('b')));
  expect(logged.filter(({ event }) => event === 'key_unsafe')).toHaveLength(1);
});

test('while the journal is out of order nobody waits for it, and each key is told as not safe', async () => {
  const { journal, logged } = await open({
    file: join(folder(), 'not-there', 'journal.db'),
    keyedBoundMs: 60_000,
  });
  await journal.started(started('a', keyed('a')));
  await journal.started(started('b'));
  expect(logged.filter(({ event }) => event === 'key_unsafe')).toMatchObject([{ id: 'a' }]);
});

const walHead = 32;
const frameOctets = 24 + 4096;

/** Where a tail is torn: in and beside the heads and ends of some frames, and anywhere. */
function tears(octets: number, random: () => number): number[] {
  const at = new Set<number>([0, 1, walHead - 1, walHead, octets]);
  for (let frame = walHead; frame <= octets; frame += frameOctets) {
    for (const offset of [-1, 0, 1, 23, 24, 25, 24 + 512])
      if (random() < 0.2) at.add(frame + offset);
  }
  for (let count = 0; count < 300; count += 1) at.add(Math.floor(random() * octets));
  return [...at].filter((octet) => octet <= octets);
}

test('a WAL that is torn at any octet behind a flush loses no key that was flushed, and before it leaves a sound journal', async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  const draws = seededRandom(seed);
  const random = () => draws.next();
  const file = join(folder(), 'journal.db');
  await forgetfulDisk(file);
  const { journal } = await open({ file });
  /** How many octets of the WAL were on the disk when the start of each was over. */
  const flushedAt: [id: string, octets: number][] = [];
  for (const id of ['a', 'b', 'c', 'd']) {
    await journal.started(started(id, keyed(id)));
    flushedAt.push([id, readFileSync(`${file}-wal`).length]);
    journal.ended(ended(id, keyed(id)));
    await journal.started(started(`${id} without`));
  }
  await journal.query({ limit: 1 });
  const [db, wal] = [readFileSync(file), readFileSync(`${file}-wal`)];
  for (const octet of tears(wal.length, random)) {
    const lost = wal.subarray(0, octet);
    const tails = {
      lost,
      torn: torn(wal, octet, random),
      zeros: Buffer.concat([lost], wal.length),
    };
    for (const [tail, left] of Object.entries(tails)) {
      const about = `SEED=${seed}, octet ${octet} of ${wal.length}, ${tail}`;
      const { ids, integrity } = lookIn(db, left);
      expect(integrity, about).toBe('ok');
      const flushed = flushedAt.filter(([, octets]) => octets <= octet).map(([id]) => id);
      expect(
        flushed.filter((id) => !ids.includes(id)),
        about,
      ).toEqual([]);
    }
  }
}, 120_000);

/** `octets` as they were up to `from`, and of the rest each sector or none. */
function torn(octets: Buffer, from: number, random: () => number): Buffer {
  const left = Buffer.from(octets);
  for (let at = from; at < left.length; at = (Math.floor(at / 512) + 1) * 512) {
    const end = Math.min((Math.floor(at / 512) + 1) * 512, left.length);
    if (at === from || random() < 0.5) left.fill(0, at, end);
  }
  return left;
}

/** What SQLite makes of a database and a WAL. */
function lookIn(db: Buffer, wal: Buffer): { ids: unknown[]; integrity: string } {
  const file = join(folder(), 'journal.db');
  writeFileSync(file, db);
  writeFileSync(`${file}-wal`, wal);
  const opened = new Database(file);
  try {
    // Nobody cuts the power of this copy, of which there are a thousand.
    opened.exec('PRAGMA synchronous = OFF');
    const checks = opened.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[];
    const hasTable =
      opened.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'messages'").get() !== undefined;
    const rows = hasTable
      ? (opened.prepare('SELECT id FROM messages').all() as { id: string }[])
      : [];
    return {
      ids: rows.map(({ id }) => id),
      integrity: checks.map((check) => check.integrity_check).join(),
    };
  } finally {
    opened.close();
  }
}
