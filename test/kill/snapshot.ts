import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';

/** A row of the journal as the judge needs it (`src/journal/schema.ts`). */
export interface Row {
  id: string;
  state: 'waiting' | 'started' | 'ended' | 'counted';
  was_started: 0 | 1;
  key_hmac: string | null;
  segments: number;
  status: number | null;
  code: string | null;
  submitted: string | null;
  late_status: number | null;
  late_submitted: string | null;
}

/** The journal as a process left it when it was killed. */
export interface Snapshot {
  /** Which life of the daemon left it. */
  life: number;
  /** What `PRAGMA integrity_check` says; `ok` when all is well. */
  integrity: string;
  rows: Row[];
  /** What must not be in the files, and is. */
  leaks: string[];
  /** Files that were set aside as damaged. */
  setAside: string[];
}

export const journalFile = 'journal.db';
/** `-shm` is an index of the WAL, which is made anew. */
const copied = [journalFile, `${journalFile}-wal`];

/**
 * Looks at a journal that nobody has open, by way of a copy: to open the file itself would put in
 * order what the next daemon has to. Undefined before there is any.
 * @param findLeak what leaks in the octets of a file, read as Latin-1; undefined when nothing does
 */
export function takeSnapshot(
  stateDir: string,
  life: number,
  findLeak: (octets: string) => string | undefined,
): Snapshot | undefined {
  const names = readdirSync(stateDir);
  if (!names.includes(journalFile)) return undefined;
  const files = names.filter((name) => name.startsWith(journalFile));
  const leaks = files.flatMap((name) => {
    const leak = findLeak(readFileSync(join(stateDir, name), 'latin1'));
    return leak === undefined ? [] : [`${name}: ${leak}`];
  });
  const folder = `${stateDir}.copy`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const name of copied) {
    if (existsSync(join(stateDir, name))) copyFileSync(join(stateDir, name), join(folder, name));
  }
  return {
    life,
    leaks,
    setAside: files.filter((name) => name.includes('corrupt')),
    ...look(join(folder, journalFile)),
  };
}

function look(file: string): Pick<Snapshot, 'integrity' | 'rows'> {
  const db = new Database(file);
  try {
    const checks = db.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[];
    const integrity = checks.map(({ integrity_check }) => integrity_check).join('; ');
    const hasTable =
      db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'messages'").get() !== undefined;
    const columns =
      'id, state, was_started, key_hmac, segments, status, code, submitted, late_status, late_submitted';
    const rows = hasTable
      ? (db.prepare(`SELECT ${columns} FROM messages ORDER BY row_id`).all() as Row[])
      : [];
    return { integrity, rows };
  } finally {
    db.close();
  }
}
