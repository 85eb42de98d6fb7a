/**
 * The database itself, as the journal's thread has it. All calls are synchronous and throw the
 * errors of SQLite.
 */

import Database from 'libsql';
import type {
  AwaitedMessage,
  CountryEnds,
  LogFilter,
  LogPage,
  RecentMessage,
  RefusedCount,
  RefusedFilter,
  SavedHold,
  SummaryKey,
  SummaryRow,
} from './entries.js';
import { type Fault, faultOf } from './faults.js';
import { type All, queryMessages, queryRefused, summarize } from './queries.js';
import {
  awaitedMessage,
  deliveryValues,
  endedValues,
  lateValues,
  promisedValues,
  recentMessage,
  refusedValues,
  type SqlRow,
  type SqlValue,
  startedValues,
  useOfHour,
} from './rows.js';
import { migrate } from './schema.js';
import {
  addUpRefused,
  bringBackHolds,
  bringBackMessages,
  closeOpenRows,
  closeWaitingRows,
  cutHolds,
  cutRefused,
  deleteAddedUp,
  deleteCounted,
  deleteExpired,
  endsByCountry,
  insertPromised,
  insertRefused,
  insertStarted,
  noteOpening,
  stripExpired,
  updateDelivery,
  updateLate,
  upsertEnded,
  upsertHold,
  usesOfHour,
} from './statements.js';
import type {
  Bounds,
  HourOfUse,
  JournalEntry,
  Opened,
  Page,
  PageEnd,
  Since,
  StoreOptions,
} from './wire.js';

/** Rows of a page: small, for the thread's heap is. */
const pageRows = 500;
/** The most holds that are kept. */
const maxHolds = 10_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * WAL with `synchronous=NORMAL`: a commit is written to the file but flushed to the disk only at a
 * checkpoint. A killed process loses nothing; a power cut or a kernel crash may lose the last
 * commits (up to 1000 pages of WAL), never the soundness of the file. What must outlive that too is
 * flushed by `flusher.ts`.
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

  /**
   * Opens, migrates, and proves that the file can be written. Throws `JournalFault` when a newer
   * version made the file.
   */
  static open({ file, nowMs, closesOpenRows, busyTimeoutMs }: StoreOptions): [Store, Opened] {
    const db = new Database(file, { timeout: busyTimeoutMs });
    db.exec(settings);
    migrate(db);
    const store = new Store(db);
    const closedRows = store.#inTransaction(() => {
      store.#run(noteOpening, Math.round(nowMs));
      return closesOpenRows ? store.#closeOpenRows() : 0;
    });
    return [store, { closedRows, lastChange: store.#change }];
  }

  /**
   * Writes all in one transaction; what SQLite will not have for its own sake is left out and told.
   */
  write(entries: readonly JournalEntry[]): { refused: Fault[] } {
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

  query(filter: LogFilter): LogPage {
    return { rows: queryMessages(this.#all, filter), lastChange: this.#change };
  }

  refused(filter: RefusedFilter): RefusedCount[] {
    return queryRefused(this.#all, filter);
  }

  summary(by: SummaryKey, filter: Omit<LogFilter, 'limit' | 'afterChange'>): SummaryRow[] {
    return summarize(this.#all, by, filter);
  }

  /**
   * Messages of earlier runs, newest first: those a modem took, or those superseded that have an
   * Idempotency-Key.
   */
  messages(before: PageEnd, since: Since, started: boolean): Page<RecentMessage> {
    const which = started
      ? "was_started = 1 AND state <> 'counted'"
      : "code = 'superseded' AND was_started = 0 AND key_hmac IS NOT NULL AND state <> 'counted'";
    return this.#page(which, before, since, recentMessage);
  }

  /** Messages of earlier runs that a report was asked for, newest first. */
  awaited(before: PageEnd, since: Since): Page<AwaitedMessage> {
    const which =
      "reports_until IS NOT NULL AND modem IS NOT NULL AND segments IS NOT NULL AND state <> 'counted' AND " +
      "coalesce(late_submitted, submitted, 'unknown') <> 'no'";
    return this.#page(which, before, since, awaitedMessage);
  }

  endsByCountry({ sinceMs, lastChange }: Since, nowMs: number): CountryEnds[] {
    return this.#all(endsByCountry, sinceMs, nowMs, lastChange).map((row) => ({
      country: row.country as string,
      delivered: row.delivered as number,
      failed: row.failed as number,
      silent: row.silent as number,
    }));
  }

  /**
   * What the SIMs sent, in the newest hour before `beforeMs` in which earlier runs sent anything.
   */
  simHour(beforeMs: number, { sinceMs, lastChange }: Since): HourOfUse | undefined {
    const newest = this.#get(
      'SELECT at FROM messages WHERE was_started = 1 AND at >= ? AND at < ? ORDER BY at DESC LIMIT 1',
      sinceMs,
      beforeMs,
    );
    if (newest === undefined) return undefined;
    const beganAtMs = Math.floor((newest.at as number) / hourMs) * hourMs;
    const fromMs = Math.max(beganAtMs, sinceMs);
    const rows = this.#all(usesOfHour, fromMs, Math.min(beforeMs, beganAtMs + hourMs), lastChange);
    return { beganAtMs, uses: rows.map(useOfHour) };
  }

  holds(): SavedHold[] {
    const rows = this.#all('SELECT * FROM holds ORDER BY until DESC LIMIT ?', maxHolds);
    return rows.map(({ kind, key, strikes, until }) => ({
      kind: kind as string,
      key: key as string,
      strikes: strikes as number,
      untilMs: until as number,
    }));
  }

  /**
   * Removes, or strips, the oldest of what must go. Free pages are used again; the file does not
   * shrink.
   */
  prune(bounds: Bounds): { removed: number; youngestCutMs: number | undefined } {
    return this.#inTransaction(() => {
      const { keepSinceMs, keepSimUsesSinceMs, latestMs, limit } = bounds;
      if (latestMs !== undefined) this.#bringBack(Math.round(latestMs));
      const removed = this.#pruneRefused(bounds);
      const expired =
        removed +
        this.#run(stripExpired, keepSinceMs, keepSimUsesSinceMs, limit).changes +
        this.#run(deleteExpired, keepSinceMs, keepSimUsesSinceMs, limit).changes +
        this.#run(deleteCounted, keepSimUsesSinceMs, limit).changes +
        this.#run(cutHolds, bounds.keepHoldsSinceMs, maxHolds).changes;
      if (expired > 0) return { removed: expired, youngestCutMs: undefined };
      const refusals = this.#cut(0, bounds.maxRefusals, limit);
      const started = this.#cut(1, bounds.maxStarted, limit);
      return { removed: refusals.removed + started.removed, youngestCutMs: started.youngestMs };
    });
  }

  /** Adds up what is older than a day, and removes what must go. */
  #pruneRefused({
    keepSinceMs,
    keepMinutesSinceMs,
    latestMs = Number.MAX_SAFE_INTEGER,
    maxRefusedCounts,
  }: Bounds): number {
    this.#run(addUpRefused, keepMinutesSinceMs);
    this.#run(deleteAddedUp, keepMinutesSinceMs);
    return this.#run(cutRefused, keepSinceMs, latestMs, maxRefusedCounts).changes;
  }

  /**
   * So that they age from now on; a hold of the future would last, or be kept, for as long as the
   * clock was off.
   */
  #bringBack(latestMs: number): void {
    this.#run(bringBackMessages, latestMs, latestMs);
    this.#run(bringBackHolds, latestMs, latestMs + dayMs);
  }

  /** Cuts rows of a kind down to `most`, the oldest first. */
  #cut(
    wasStarted: 0 | 1,
    most: number,
    limit: number,
  ): { removed: number; youngestMs: number | undefined } {
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
    const { changes } = this.#run(closeOpenRows, this.#change + 1);
    const waiting = this.#run(closeWaitingRows, this.#change + 1);
    // A number that no row has would be given to a row of this run when the file is opened again.
    if (changes + waiting.changes > 0) this.#change += 1;
    return changes;
  }

  #writeOne(entry: JournalEntry): void {
    switch (entry.kind) {
      case 'promised':
        this.#run(insertPromised, ...promisedValues(this.#nextChange(), entry.entry));
        break;
      case 'started':
        this.#run(insertStarted, ...startedValues(this.#nextChange(), entry.entry));
        break;
      case 'ended':
        this.#run(upsertEnded, ...endedValues(this.#nextChange(), entry.entry));
        break;
      case 'late':
        this.#run(updateLate, this.#nextChange(), ...lateValues(entry.outcome), entry.id);
        break;
      case 'delivered':
        this.#run(updateDelivery, this.#nextChange(), ...deliveryValues(entry.delivery), entry.id);
        break;
      case 'hold': {
        const { kind, key, strikes, untilMs } = entry.hold;
        this.#run(upsertHold, kind, key, strikes, Math.round(untilMs));
        break;
      }
      case 'refused':
        this.#run(insertRefused, ...refusedValues(entry.tally));
        break;
    }
  }

  #nextChange(): number {
    this.#change += 1;
    return this.#change;
  }

  #page<Row>(which: string, before: PageEnd, since: Since, read: (row: SqlRow) => Row): Page<Row> {
    const rows = this.#all(
      `SELECT * FROM messages WHERE ${which} AND at >= ? AND change_id <= ? AND (at, row_id) < (?, ?) ORDER BY at DESC, row_id DESC LIMIT ?`,
      since.sinceMs,
      since.lastChange,
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

  readonly #all: All = (sql, ...values) => this.#prepared(sql).all(...values) as SqlRow[];

  /** The texts are few: those of this file, and one for each set of conditions of a query. */
  #prepared(sql: string): Database.Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
