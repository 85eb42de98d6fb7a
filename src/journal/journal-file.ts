/**
 * The journal of a daemon that does not run, or cannot write: its file is read, and nothing is
 * changed in it.
 */

import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { OperatorError } from '../errors.js';
import { whyFailed } from '../words/system-fault.js';
import type { LogSource } from './entries.js';
import { describeFault, faultOf, JournalFault } from './faults.js';
import { type All, queryMessages, queryRefused, summarize } from './queries.js';
import type { SqlRow } from './rows.js';
import { newestVersion } from './schema.js';

/** A journal's file, open for reading. */
export interface JournalFile extends LogSource {
  close(): Promise<void>;
}

/** Milliseconds to wait for another program's lock. */
const busyTimeoutMs = 2_000;

/**
 * Opens the file for reading. SQLite would make an index beside a database whose WAL still has
 * rows: where none is there, or the disk is full, a copy elsewhere is read. Rejects with
 * `OperatorError` or {@link JournalFault}.
 */
export async function openJournalFile(file: string): Promise<JournalFile> {
  await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError(whyNot(file, error), { cause: error });
  });
  try {
    const [wal, index] = [await octetsOf(`${file}-wal`), await octetsOf(`${file}-shm`)];
    if (wal > 0 && index === 0) return await openCopy(file);
    return reading(open(wal > 0 ? file : asItStands(file)), () => Promise.resolve());
  } catch (error) {
    if (error instanceof JournalFault || error instanceof OperatorError) throw error;
    if (!needsCopy(error)) throw toOperatorError(file, error);
    return openCopy(file);
  }
}

/** 0 where there is none. */
const octetsOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** Without a WAL nothing is written beside it, and no lock is taken (sqlite.org/uri.html). */
const asItStands = (file: string): string => `${pathToFileURL(file).href}?immutable=1`;

/** Reads once, so that what keeps it from being read is known. */
function open(file: string): Database.Database {
  const db = new Database(file, { readonly: true, timeout: busyTimeoutMs });
  try {
    db.prepare('SELECT count(*) FROM sqlite_master').get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const needsCopy = (error: unknown): boolean =>
  ['cannot_open', 'full', 'io', 'read_only'].includes(faultOf(error, 'cannot_open').kind);

/** Folders for the copy: memory first, for the disk may be full. */
const places = ['/dev/shm', tmpdir()];

async function openCopy(file: string): Promise<JournalFile> {
  let failure: unknown;
  for (const place of places) {
    const folder = await mkdtemp(join(place, 'simgate-log-')).catch((error: unknown) => {
      failure = error;
      return undefined;
    });
    if (folder === undefined) continue;
    const remove = () => rm(folder, { recursive: true, force: true });
    try {
      const copy = join(folder, 'journal.db');
      await copyFile(file, copy);
      await copyFile(`${file}-wal`, `${copy}-wal`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      return reading(open(copy), remove);
    } catch (error) {
      failure = error;
      await remove();
    }
  }
  throw toOperatorError(file, failure);
}

function reading(db: Database.Database, remove: () => Promise<void>): JournalFile {
  const all: All = (sql, ...values) => told(() => db.prepare(sql).all(...values) as SqlRow[]);
  const [{ user_version: version } = {}] = all('PRAGMA user_version');
  if (Number(version) > newestVersion) {
    db.close();
    throw new JournalFault({
      kind: 'newer',
      message: `its version is ${version}, this simgate knows up to ${newestVersion}`,
    });
  }
  // An earlier version counted nothing of the kind.
  const hasCounts = all("SELECT name FROM sqlite_master WHERE name = 'refused'").length > 0;
  if (!hasCounts) db.exec(noCounts);
  return {
    query: async (filter) => ({ rows: queryMessages(all, filter), lastChange: 0 }),
    refusedCounts: async (filter) => queryRefused(all, filter),
    summary: async (by, filter) => summarize(all, by, filter),
    close: async () => {
      db.close();
      await remove();
    },
  };
}

const noCounts = `CREATE TEMP TABLE refused (began_at INTEGER, span_ms INTEGER, code TEXT, caller TEXT, run INTEGER, status INTEGER, count INTEGER)`;

/** With the errors of SQLite as faults. */
function told<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new JournalFault(faultOf(error, 'io'), { cause: error });
  }
}

function toOperatorError(file: string, error: unknown): OperatorError {
  return new OperatorError(describeFault(file, faultOf(error, 'cannot_open')), { cause: error });
}

function whyNot(file: string, error: NodeJS.ErrnoException): string {
  const { code } = error;
  if (code === 'ENOENT')
    return `there is no journal at ${file}: no daemon has run with this state_dir yet`;
  if (code === 'EACCES' || code === 'EPERM')
    return `the journal ${file} is the service's own: read it with sudo`;
  return `the journal ${file} cannot be read: ${whyFailed(error)}`;
}
