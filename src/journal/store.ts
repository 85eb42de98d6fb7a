/** The database itself, as the journal's thread has it. All calls are synchronous and throw the errors of SQLite. */

import Database from 'libsql';
import {
  type LogFilter,
  type LogPage,
  maxLogRows,
  type RecentMessage,
  type SavedHold,
  type SimUse,
} from './entries.js';
import { type Fault, faultOf, JournalFault } from './faults.js';
import {
  endedValues,
  entryColumns,
  lateColumns,
  lateValues,
  logRow,
  recentMessage,
  type SqlRow,
  type SqlValue,
  simUse,
  startedValues,
} from './rows.js';
import { migrations } from './schema.js';
import type { Bounds, Entry, Opened, Page, PageEnd, StoreOptions } from './wire.js';

/** Rows of a page: small, for the thread's heap is. */
const pageRows = 500;
/** The most holds that are read at start. */
const maxHolds = 10_000;

/**
 * WAL with `synchronous=NORMAL`: a commit is written to the file but flushed to the disk only at a checkpoint. A killed process loses
 * nothing; a power cut or a kernel crash may lose the last commits (up to 1000 pages of WAL), never the soundness of the file.
 */
const settings = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA journal_size_limit = 4194304;
  PRAGMA cache_size = -512;
  PRAGMA cell_size_check = ON;
  PRAGMA trusted_schema = OFF;
`;

export class Store {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();
  #change: number;

  private constructor(db: Database.Database) {
    this.#db = db;
    this.#change = Number(
      this.#get('SELECT coalesce(max(change_id), 0) AS change_id FROM messages')?.change_id,
    );
  }

  /** Opens, migrates, and proves that the file can be written. Throws `JournalFault` when a newer version made the file. */
  static open({ file, nowMs, closesOpenRows, busyTimeoutMs }: StoreOptions): [Store, Opened] {
    const db = new Database(file, { timeout: busyTimeoutMs });
    db.exec(settings);
    migrate(db);
    const store = new Store(db);
    const closedRows = store.#inTransaction(() => {
      store.#run(
        'INSERT INTO openings VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at',
        Math.round(nowMs),
      );
      return closesOpenRows ? store.#closeOpenRows() : 0;
    });
    return [store, { closedRows }];
  }

  /** Writes all in one transaction; what SQLite will not have for its own sake is left out and told. */
  write(entries: readonly Entry[]): { refused: Fault[] } {
    const refused: Fault[] = [];
    this.#inTransaction(() => {
      for (const entry of entries) {
        try {
          this.#writeOne(entry);
        } catch (error) {
          const fault = faultOf(error, 'entry');
          if (fault.kind !== 'entry') throw error;
          refused.push(fault);
        }
      }
    });
    return { refused };
  }

  query({ recipientHmac, sinceMs, status, code, afterChange, limit }: LogFilter): LogPage {
    const conditions: [string, SqlValue | undefined][] = [
      ['change_id > ?', afterChange],
      ['recipient_hmac = ?', recipientHmac],
      ['at >= ?', sinceMs],
      ['status = ?', status],
      ['code = ?', code],
    ];
    const given = conditions.filter((pair): pair is [string, SqlValue] => pair[1] !== undefined);
    const where = ["state <> 'counted'", ...given.map(([condition]) => condition)].join(' AND ');
    const order = afterChange === undefined ? 'at DESC, row_id DESC' : 'change_id';
    const rows = this.#all(
      `SELECT * FROM messages WHERE ${where} ORDER BY ${order} LIMIT ?`,
      ...given.map(([, value]) => value),
      Math.min(Math.max(1, limit), maxLogRows),
    );
    return { rows: rows.map(logRow), lastChange: this.#change };
  }

  /** Messages from `sinceMs` on, newest first: those a modem took, or those superseded that have an Idempotency-Key. */
  messages(before: PageEnd, sinceMs: number, started: boolean): Page<RecentMessage> {
    const which = started
      ? "was_started = 1 AND state <> 'counted'"
      : "code = 'superseded' AND was_started = 0 AND key_hmac IS NOT NULL AND state <> 'counted'";
    return this.#page(which, before, sinceMs, recentMessage);
  }

  /** What the SIMs took from `sinceMs` on, newest first. */
  simUses(before: PageEnd, sinceMs: number): Page<SimUse> {
    return this.#page('was_started = 1', before, sinceMs, simUse);
  }

  holds(): { holds: SavedHold[]; newestAtMs: number | undefined } {
    const rows = this.#all('SELECT * FROM holds ORDER BY until DESC LIMIT ?', maxHolds);
    const holds = rows.map(({ kind, key, strikes, until }) => ({
      kind: kind as string,
      key: key as string,
      strikes: strikes as number,
      untilMs: until as number,
    }));
    const newest = this.#get(
      'SELECT max(at) AS at FROM (SELECT at FROM openings UNION ALL SELECT max(at) FROM messages WHERE was_started = 1)',
    );
    return { holds, newestAtMs: (newest?.at as number | null) ?? undefined };
  }

  /** Removes, or strips, the oldest of what must go. Free pages are used again; the file does not shrink. */
  prune(bounds: Bounds): { removed: number; youngestCutMs: number | undefined } {
    return this.#inTransaction(() => {
      const { keepSinceMs, keepSimUsesSinceMs, limit } = bounds;
      const expired =
        this.#run(stripExpired, keepSinceMs, keepSimUsesSinceMs, limit).changes +
        this.#run(deleteExpired, keepSinceMs, keepSimUsesSinceMs, limit).changes +
        this.#run(deleteCounted, keepSimUsesSinceMs, limit).changes;
      if (expired > 0) return { removed: expired, youngestCutMs: undefined };
      const refusals = this.#cut(0, bounds.maxRefusals, limit);
      const started = this.#cut(1, bounds.maxStarted, limit);
      return { removed: refusals.removed + started.removed, youngestCutMs: started.youngestMs };
    });
  }

  /** Cuts rows of a kind down to `most`, the oldest first. */
  #cut(wasStarted: 0 | 1, most: number, limit: number): { removed: number; youngestMs: number | undefined } {
    const count = this.#get(
      'SELECT count(*) AS count FROM messages WHERE was_started = ?',
      wasStarted,
    )?.count;
    const surplus = Math.min(Number(count) - most, limit);
    if (surplus <= 0) return { removed: 0, youngestMs: undefined };
    const cut = this.#all(
      `SELECT row_id, at FROM messages WHERE was_started = ? ORDER BY at LIMIT ?`,
      wasStarted,
      surplus,
    );
    for (const { row_id: rowId } of cut) this.#run('DELETE FROM messages WHERE row_id = ?', rowId!);
    return { removed: cut.length, youngestMs: cut.at(-1)?.at as number };
  }

  /** What the process before never learned: it may have been sent (I4). */
  #closeOpenRows(): number {
    const sql = `UPDATE messages SET state = 'ended', status = 504, code = 'outcome_unknown', submitted = 'unknown', change_id = ?
      WHERE state = 'started'`;
    this.#change += 1;
    return this.#run(sql, this.#change).changes;
  }

  #writeOne(entry: Entry): void {
    switch (entry.kind) {
      case 'started':
        this.#run(insertStarted, ...startedValues(this.#nextChange(), entry.entry));
        break;
      case 'ended':
        this.#run(upsertEnded, ...endedValues(this.#nextChange(), entry.entry));
        break;
      case 'late':
        this.#run(updateLate, this.#nextChange(), ...lateValues(entry.outcome), entry.id);
        break;
      case 'hold': {
        const { kind, key, strikes, untilMs } = entry.hold;
        this.#run(upsertHold, kind, key, strikes, Math.round(untilMs));
        break;
      }
      case 'hold_removed':
        this.#run('DELETE FROM holds WHERE kind = ? AND key = ?', entry.hold.kind, entry.hold.key);
        break;
    }
  }

  #nextChange(): number {
    this.#change += 1;
    return this.#change;
  }

  #page<Row>(which: string, before: PageEnd, sinceMs: number, read: (row: SqlRow) => Row): Page<Row> {
    const rows = this.#all(
      `SELECT * FROM messages WHERE ${which} AND at >= ? AND (at, row_id) < (?, ?) ORDER BY at DESC, row_id DESC LIMIT ?`,
      sinceMs,
      before.atMs,
      before.rowId,
      pageRows,
    );
    const last = rows.length === pageRows ? rows.at(-1) : undefined;
    const end = last && { atMs: last.at as number, rowId: last.row_id as number };
    return { rows: rows.map(read), end };
  }

  #inTransaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // After some errors SQLite has rolled back by itself.
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #run(sql: string, ...values: SqlValue[]): Database.RunResult {
    return this.#prepared(sql).run(...values);
  }

  #get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.#prepared(sql).get(...values) as SqlRow | undefined;
  }

  #all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#prepared(sql).all(...values) as SqlRow[];
  }

  /** The texts are few: those of this file, and one for each set of conditions of a query. */
  #prepared(sql: string): Database.Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

const marks = entryColumns.replace(/[^,]+/g, '?');
/** Written twice, or after its outcome, a start changes nothing. */
const insertStarted = `INSERT INTO messages (${entryColumns}) VALUES (${marks}) ON CONFLICT (id) DO NOTHING`;
/** What the start said is said again, but for the SIM and modem if the end does not know them. */
const upsertEnded = `INSERT INTO messages (${entryColumns}) VALUES (${marks}) ON CONFLICT (id) DO UPDATE SET
  change_id = excluded.change_id, state = 'ended', was_started = max(was_started, excluded.was_started),
  segments = coalesce(excluded.segments, segments), modem = coalesce(excluded.modem, modem),
  sim_masked = coalesce(excluded.sim_masked, sim_masked), sim_hmac = coalesce(excluded.sim_hmac, sim_hmac),
  status = excluded.status, code = excluded.code, cause_code = excluded.cause_code, submitted = excluded.submitted,
  "references" = excluded."references", waited_ms = excluded.waited_ms, took_ms = excluded.took_ms`;
const updateLate = `UPDATE messages SET (change_id, ${lateColumns}) = (?, ?, ?, ?, ?, ?, ?) WHERE id = ? AND state <> 'counted'`;
const upsertHold = `INSERT INTO holds VALUES (?, ?, ?, ?)
  ON CONFLICT (kind, key) DO UPDATE SET strikes = excluded.strikes, until = excluded.until`;

const stripExpired = `UPDATE messages SET state = 'counted', caller = NULL, recipient_masked = NULL, block_hmac = NULL,
  ip_hmac = NULL, country = NULL, key_hmac = NULL, request_hmac = NULL, sim_masked = NULL, "references" = NULL, late_references = NULL
  WHERE row_id IN (SELECT row_id FROM messages
    WHERE state <> 'counted' AND at < ? AND was_started = 1 AND at >= ? ORDER BY at LIMIT ?)`;
const deleteExpired = `DELETE FROM messages WHERE row_id IN (SELECT row_id FROM messages
  WHERE state <> 'counted' AND at < ? AND (was_started = 0 OR at < ?) ORDER BY at LIMIT ?)`;
const deleteCounted = `DELETE FROM messages WHERE row_id IN (SELECT row_id FROM messages
  WHERE state = 'counted' AND at < ? ORDER BY at LIMIT ?)`;

/** Throws `JournalFault` when the file is of a later version. */
function migrate(db: Database.Database): void {
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
  const version = row.user_version;
  if (version > migrations.length) {
    const message = `its version is ${version}, this simgate knows up to ${migrations.length}`;
    throw new JournalFault({ kind: 'newer', message });
  }
  for (const [index, step] of migrations.entries()) {
    if (index >= version) db.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}
