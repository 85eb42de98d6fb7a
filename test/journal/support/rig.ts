import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import Database from 'libsql';
import { onTestFinished } from 'vitest';
import type { EndedEntry, StartedEntry } from '../../../src/journal/entries.js';
import { type Journal, type JournalOptions, openJournal } from '../../../src/journal/journal.js';
import { createLog } from '../../../src/log.js';

/** A time of day in the middle of a month. */
export const noonMs = Date.UTC(2026, 10, 15, 12);
export const dayMs = 86_400_000;

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'simgate-journal-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Rig {
  journal: Journal;
  file: string;
  /** The lines of the log so far, as objects. */
  logged: Record<string, unknown>[];
}

/** Opens a journal, which is closed with the test. */
export async function open(options: Partial<JournalOptions> = {}): Promise<Rig> {
  const logged: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const log = createLog({ level: 'info', format: 'json', stream });
  const file = options.file ?? join(folder(), 'journal.db');
  const journal = await openJournal({
    retentionDays: 30,
    clock: () => noonMs,
    wallClock: options.clock ?? (() => noonMs),
    settleMs: 0,
    retryMs: 20,
    ...options,
    log,
    file,
  });
  onTestFinished(() => journal.close());
  return { journal, file, logged };
}

/** Looks into the file as another program would. */
export function look<T>(file: string, work: (db: Database.Database) => T): T {
  const db = new Database(file, { timeout: 5_000 });
  return work(db);
}

/** The rows of the table, in the order in which they came. */
export function rowsOf(file: string): Record<string, unknown>[] {
  return look(file, (db) => db.prepare('SELECT * FROM messages ORDER BY row_id').all()) as Record<
    string,
    unknown
  >[];
}

export function started(id: string, more: Partial<StartedEntry> = {}): StartedEntry {
  return {
    id,
    atMs: noonMs,
    caller: 'urn:Auth0',
    recipientMasked: '+49…67',
    recipientHmac: 'a'.repeat(32),
    blockHmac: 'b'.repeat(32),
    segments: 1,
    modem: 'main',
    ...more,
  };
}

export function ended(id: string, more: Partial<EndedEntry> = {}): EndedEntry {
  const outcome = {
    status: 200,
    submitted: 'yes',
    references: [7],
    waitedMs: 12.5,
    tookMs: 3_400.25,
  } as const;
  return { ...started(id), wasStarted: true, outcome, ...more };
}

/** A message that no modem was given. */
export function refused(id: string, more: Partial<EndedEntry> = {}): EndedEntry {
  const outcome = { status: 429, code: 'rate_limited', submitted: 'no' } as const;
  return { ...ended(id), modem: undefined, wasStarted: false, outcome, ...more };
}
