import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import Database from 'libsql';
import { expect, onTestFinished, test, vi } from 'vitest';
import { faultOf } from '../../src/journal/faults.js';
import { ended, folder, look, open, type Rig, rowsOf, started } from './support/rig.js';

/** Milliseconds for what comes soon, on a machine that is busy with other things. */
const patienceMs = 20_000;

/** The threads that were begun, the newest last; Node tells of each. */
const threads: Worker[] = [];
process.on('worker', (thread) => threads.push(thread));

/** The newest thread ends as nobody expected. */
const crash = () => threads.at(-1)?.postMessage({ number: -1, name: 'end' });

const errors = ({ logged }: Rig) =>
  logged.filter(({ level }) => level === 'error').map(({ message }) => message);
const infos = ({ logged }: Rig) =>
  logged.filter(({ level }) => level === 'info').map(({ message }) => message);
const asides = (file: string) =>
  readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.corrupt-`));

/** A journal of some pages, closed. */
async function filled(): Promise<string> {
  const file = join(folder(), 'journal.db');
  const { journal } = await open({ file });
  for (let number = 0; number < 600; number += 1) journal.ended(ended(`m${number}`));
  await journal.close();
  return file;
}

/** Overwrites all of a file but its first page, which has the header and the tables. */
function damage(file: string): Buffer {
  const descriptor = openSync(file, 'r+');
  const octets = readFileSync(file).length - 4096;
  writeSync(descriptor, Buffer.alloc(octets, 0xa5), 0, octets, 4096);
  closeSync(descriptor);
  return readFileSync(file);
}

test('a start waits no longer than its bound for a slow file, and is written when that is possible', async () => {
  const { journal, file } = await open({ startedBoundMs: 50 });
  const db = new Database(file, { timeout: 5_000 });
  db.exec('BEGIN IMMEDIATE');
  await journal.started(started('a'));
  expect(journal.state()).toMatchObject({ isOk: true, pending: 1 });
  // Those that come while it is slow do not wait at all: in no more than a turn of the loop each.
  const turns = new Promise((resolve) => setImmediate(resolve)).then(() => 'a turn of the loop');
  expect(await Promise.race([journal.started(started('b')).then(() => 'let go'), turns])).toBe(
    'let go',
  );
  expect(journal.state().pending).toBe(2);
  db.exec('ROLLBACK');
  await vi.waitFor(() => expect(journal.state().pending).toBe(0), patienceMs);
  expect(rowsOf(file)).toMatchObject([
    { id: 'a', state: 'started' },
    { id: 'b', state: 'started' },
  ]);
  await journal.started(started('c'));
  expect(rowsOf(file)).toHaveLength(3);
});

test('messages wait for the file again once it keeps up, though the queue is never empty', async () => {
  const { journal, file } = await open({ startedBoundMs: 1_000 });
  const db = new Database(file, { timeout: 5_000 });
  db.exec('BEGIN IMMEDIATE');
  await journal.started(started('slow'));
  let number = 0;
  const feed = () => {
    // More than one batch, and less than two, those that are being written among them: some are
    // always left.
    for (; journal.state().pending < 100; number += 1) journal.ended(ended(`m${number}`));
    feeding = setImmediate(feed);
  };
  let feeding: NodeJS.Immediate;
  feed();
  onTestFinished(() => clearImmediate(feeding));
  db.exec('ROLLBACK');
  // A few batches are written; there is one try only, for the queue might be empty once by chance.
  await vi.waitFor(() => expect(number).toBeGreaterThan(300), { timeout: patienceMs, interval: 1 });
  const turn = new Promise((resolve) => setImmediate(resolve)).then(() => 'waits');
  const letGo = journal.started(started('quick')).then(() => 'let go');
  expect(await Promise.race([letGo, turn])).toBe('waits');
});

test('what earlier runs knew is read once a locked file is free, without what this run has written', async () => {
  const file = await filled();
  const db = new Database(file, { timeout: 5_000 });
  db.exec('BEGIN IMMEDIATE');
  const rig = await open({ file, busyTimeoutMs: 10 });
  const recent = rig.journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
  await rig.journal.started(started('own'));
  rig.journal.ended(ended('own'));
  expect(rig.journal.state().isOk).toBe(false);
  db.exec('ROLLBACK');
  const { messages, simUses } = await recent;
  expect(messages).toHaveLength(600);
  expect(simUses.map(({ hours }) => [...hours.values()])).toEqual([[600]]);
  await vi.waitFor(() => expect(rowsOf(file)).toHaveLength(601), patienceMs);
});

test('what earlier runs knew is read anew when the thread crashes in the middle', async () => {
  const rig = await open({ file: await filled() });
  const recent = rig.journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
  crash();
  rig.journal.ended(ended('own'));
  expect((await recent).messages).toHaveLength(600);
});

test('what this run has written stays out of what earlier runs knew after a crash of the thread', async () => {
  const rig = await open({ file: await filled() });
  await rig.journal.started(started('own'));
  crash();
  await vi.waitFor(() => expect(rig.journal.state().isOk).toBe(false), patienceMs);
  const { messages } = await rig.journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
  expect(messages.map(({ id }) => id)).not.toContain('own');
  expect(messages).toHaveLength(600);
});

test('a file that another program keeps locked is told once; all is written when it lets go', async () => {
  const rig = await open({ busyTimeoutMs: 10 });
  const { journal, file } = rig;
  const db = new Database(file, { timeout: 5_000 });
  db.exec('BEGIN IMMEDIATE');
  journal.ended(ended('a'));
  await vi.waitFor(() => expect(journal.state().isOk).toBe(false), patienceMs);
  const begun = threads.length;
  await vi.waitFor(() => expect(threads.length).toBeGreaterThan(begun + 2), patienceMs);
  await journal.started(started('b'));
  expect(journal.state()).toMatchObject({
    pending: 2,
    fault: expect.stringMatching(/another program has locked it/),
  });
  db.exec('ROLLBACK');
  await vi.waitFor(
    () => expect(journal.state()).toMatchObject({ isOk: true, pending: 0 }),
    patienceMs,
  );
  expect(rowsOf(file).map(({ id }) => id)).toEqual(['a', 'b']);
  expect(errors(rig)).toEqual([expect.stringMatching(/locked/)]);
  expect(infos(rig)).toEqual([expect.stringMatching(/well again/)]);
});

test('a file damaged in its middle is set aside unchanged, and a new one takes what waits', async () => {
  const file = await filled();
  const damaged = damage(file);
  const rig = await open({ file });
  await rig.journal.query({ status: 200, limit: 10 }).catch(() => undefined);
  await rig.journal.started(started('new'));
  await vi.waitFor(
    () => expect(rig.journal.state()).toMatchObject({ isOk: true, pending: 0, droppedRows: 0 }),
    patienceMs,
  );
  const [aside = ''] = asides(file);
  expect(aside).toMatch(/\.corrupt-20261115T120000Z$/);
  expect(readFileSync(join(dirname(file), aside)).subarray(4096)).toEqual(damaged.subarray(4096));
  expect(rowsOf(file).map(({ id }) => id)).toEqual(['new']);
  expect(errors(rig)).toEqual([
    expect.stringMatching(/damaged/),
    expect.stringMatching(/kept as .*corrupt-/),
  ]);
});

test('damage that comes while the journal is open is found by a query, and an outcome that comes after it is kept whole', async () => {
  const file = await filled();
  const rig = await open({ file });
  await rig.journal.started(started('live'));
  damage(file);
  const outcome = rig.journal.query({ recipientHmac: 'a'.repeat(32), limit: 900 });
  await expect(outcome).rejects.toMatchObject({ name: 'JournalFault', kind: 'corrupt' });
  rig.journal.ended(ended('live'));
  await vi.waitFor(
    () => expect(rig.journal.state()).toMatchObject({ isOk: true, pending: 0 }),
    patienceMs,
  );
  expect(asides(file).length).toBeGreaterThan(0);
  expect(rowsOf(file)).toMatchObject([
    { id: 'live', state: 'ended', status: 200, modem: 'main', was_started: 1 },
  ]);
});

test('a file that is no database is set aside with what belongs to it, before the restart is over', async () => {
  const file = join(folder(), 'journal.db');
  writeFileSync(file, 'no database at all'.repeat(1_000));
  writeFileSync(`${file}-wal`, 'nor this');
  const rig = await open({ file });
  expect((await rig.journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 })).messages).toEqual(
    [],
  );
  expect(asides(file)).toContain('journal.db.corrupt-20261115T120000Z');
  expect(readFileSync(`${file}.corrupt-20261115T120000Z`, 'utf8')).toMatch(/^no database/);
});

test('a disk that damages the new file too does not fill up with files set aside', async () => {
  const file = join(folder(), 'journal.db');
  writeFileSync(file, 'no database at all'.repeat(1_000));
  const rig = await open({ file });
  // On a busy machine that takes longer than a start waits for it.
  await vi.waitFor(() => expect(rig.journal.state().isOk).toBe(true), patienceMs);
  await rig.journal.started(started('a'));
  crash();
  await vi.waitFor(() => expect(rig.journal.state().isOk).toBe(false), patienceMs);
  for (const suffix of ['', '-wal']) writeFileSync(file + suffix, 'damaged again'.repeat(1_000));
  const begun = threads.length;
  await vi.waitFor(() => expect(threads.length).toBeGreaterThan(begun + 2), patienceMs);
  expect(rig.journal.state()).toMatchObject({
    isOk: false,
    fault: expect.stringMatching(/damaged/),
  });
  expect(asides(file).filter((name) => !/-(?:wal|shm)$/.test(name))).toHaveLength(1);
  await rig.journal.started(started('b')); // and nobody waits for it
});

test('a file of a newer simgate is left as it is, and messages go on', async () => {
  const file = await filled();
  look(file, (db) => db.exec('PRAGMA user_version = 99'));
  const rig = await open({ file });
  await rig.journal.started(started('a'));
  expect(rig.journal.state()).toMatchObject({
    isOk: false,
    fault: expect.stringMatching(/newer simgate.*99/),
  });
  await rig.journal.close();
  expect(asides(file)).toEqual([]);
  expect(rowsOf(file)).toHaveLength(600);
});

test('a folder that is not there at first is used once it is, and open rows of ours are not called unknown', async () => {
  const file = join(folder(), 'later', 'journal.db');
  const rig = await open({ file });
  await rig.journal.started(started('a'));
  expect(rig.journal.state()).toMatchObject({
    isOk: false,
    pending: 1,
    fault: expect.stringMatching(/ENOENT/),
  });
  mkdirSync(dirname(file));
  await vi.waitFor(
    () => expect(rig.journal.state()).toMatchObject({ isOk: true, pending: 0 }),
    patienceMs,
  );
  expect(rowsOf(file)).toMatchObject([{ id: 'a', state: 'started' }]);
  expect(errors(rig)).toHaveLength(1);
});

test('a thread that crashes is begun again, and what it had not written is', async () => {
  const rig = await open();
  await rig.journal.started(started('a'));
  rig.journal.ended(ended('b'));
  crash();
  rig.journal.ended(ended('c'));
  await vi.waitFor(() => expect(infos(rig)).toHaveLength(1), patienceMs);
  await vi.waitFor(
    () => expect(rig.journal.state()).toMatchObject({ isOk: true, pending: 0 }),
    patienceMs,
  );
  expect(rowsOf(rig.file)).toMatchObject([
    { id: 'a', state: 'started' },
    { id: 'b', state: 'ended' },
    { id: 'c', state: 'ended' },
  ]);
  expect(errors(rig)).toEqual([expect.stringMatching(/its thread failed/)]);
});

test('what waits while it is out of order is bounded, and the loss is told', async () => {
  const file = join(folder(), 'later', 'journal.db');
  const rig = await open({ file, maxPending: 3 });
  for (const id of ['a', 'b', 'c', 'd', 'e']) await rig.journal.started(started(id));
  expect(rig.journal.state()).toMatchObject({ pending: 3, droppedRows: 2 });
  mkdirSync(dirname(file));
  await vi.waitFor(() => expect(rig.journal.state().pending).toBe(0), patienceMs);
  expect(rowsOf(file).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(errors(rig).at(-1)).toMatch(/^2 entries of the journal are lost/);
});

test('after its close the journal takes nothing and keeps nobody waiting', async () => {
  const { journal, file } = await open();
  await journal.close();
  await journal.started(started('a'));
  await expect(journal.query({ limit: 1 })).rejects.toMatchObject({ name: 'JournalFault' });
  expect(rowsOf(file)).toEqual([]);
});

test('errors of SQLite are told apart by their codes', () => {
  const kindOf = (work: (db: Database.Database) => void) => {
    const db = new Database(':memory:');
    db.exec('CREATE TABLE t (a INTEGER NOT NULL) STRICT');
    try {
      work(db);
    } catch (error) {
      return faultOf(error, 'worker').kind;
    }
    throw new Error('nothing was thrown');
  };
  const grow = (db: Database.Database) => {
    db.exec('CREATE TABLE big (a)');
    db.prepare('PRAGMA max_page_count = 4').get();
    for (;;) db.exec('INSERT INTO big VALUES (zeroblob(3000))');
  };
  expect(kindOf(grow)).toBe('full');
  expect(kindOf((db) => db.prepare('INSERT INTO t VALUES (?)').run('x'))).toBe('entry');
  expect(kindOf((db) => db.prepare('INSERT INTO t VALUES (?)').run([null]))).toBe('entry');
  expect(kindOf((db) => db.exec('PRAGMA query_only = 1; INSERT INTO t VALUES (1)'))).toBe(
    'read_only',
  );
  expect(faultOf(new Error('x'), 'cannot_open')).toEqual({ kind: 'cannot_open', message: 'x' });
  // A full disk met at a restart: SQLITE_IOERR_SHMSIZE.
  const noRoom = Object.assign(new Error('disk I/O error'), { rawCode: 4874 });
  expect(faultOf(noRoom, 'cannot_open')).toEqual({
    kind: 'full',
    message: 'disk I/O error (SQLite 4874)',
  });
  const codes = {
    ENOSPC: 'full',
    EDQUOT: 'full',
    EROFS: 'read_only',
    EIO: 'io',
    ENOENT: 'cannot_open',
  };
  for (const [code, kind] of Object.entries(codes))
    expect(faultOf(Object.assign(new Error(code), { code }), 'cannot_open').kind).toBe(kind);
});
