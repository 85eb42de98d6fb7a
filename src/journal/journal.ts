/**
 * What happened to each message, on the disk, and what a restart must know of it.
 * Knows nothing of: HTTP, AT, and any text or number in clear (I6).
 * Way: `started` and `ended` → the write queue → SQLite in a thread of its own; nothing it fails to
 * do keeps a message from its modem.
 */

import type { Logger } from 'winston';
import { inTime } from '../clock/within.js';
import type {
  EndedEntry,
  JournalDelivery,
  JournalState,
  LateOutcome,
  LogFilter,
  LogPage,
  LogSource,
  PromisedEntry,
  Recent,
  RefusedBefore,
  RefusedCount,
  RefusedFilter,
  SavedHold,
  StartedEntry,
  SummaryKey,
} from './entries.js';
import { type Fault, JournalFault } from './faults.js';
import { Keeper } from './keeper.js';
import { Pruner, type Retention } from './pruner.js';
import {
  type AwaitedBounds,
  type KnownReports,
  type RecentBounds,
  readAwaited,
  readRecent,
} from './recent.js';
import { RefusalRate } from './refusal-rate.js';
import { RefusedTallies } from './refused-tallies.js';
import { Writer } from './writer.js';

/**
 * What happened to each message. It only listens: nothing it does or fails to do keeps a message
 * from its modem.
 */
export interface Journal extends LogSource {
  /**
   * Resolves when the row outlives what it has to. With a key that is a power cut: the row is on
   * the disk, for a repeat with that key must never send again; so too when it was promised, for a
   * row that still waits is taken for one that was surely not sent. Without either it is a killed
   * process: the row is in the file. Resolves without that after a bound (`keyedBoundMs`,
   * `startedBoundMs`), for a slow disk must not delay answers, and at once when the journal is out
   * of order; what is then not safe is told in the log. Messages with neither do not wait either
   * until the file has caught up. Never rejects. What is not written yet is written when that is
   * possible.
   */
  started(entry: StartedEntry): Promise<void>;
  /**
   * A message that waits, before its caller is told that it is on its way. Resolves, within
   * `keyedBoundMs`, with whether the row is on the disk; never rejects.
   */
  promised(entry: PromisedEntry): Promise<boolean>;
  /**
   * The outcome of a message that was started or promised, or the whole of one that never was:
   * those are written a moment later, several at once, and skipped when there are too many. What a
   * repeat with its key will be told is on the disk soon after.
   */
  ended(entry: EndedEntry): void;
  /**
   * The same of one that never was started. False when it is not written, for there are too many;
   * else its entry is made when it is, which is at once where a repeat `mayBeToldAgain`.
   */
  refused(toEntry: () => EndedEntry, mayBeToldAgain: boolean): boolean;
  /** A request that was refused before it was a message: counted by minute, code and caller. */
  refusedBefore(refused: RefusedBefore): void;
  /** What became of it after its caller had been answered; `keyHmac` as at its start. */
  late(id: string, outcome: LateOutcome, keyHmac?: string): void;
  /** What the network has reported on it so far. */
  delivered(id: string, delivery: JournalDelivery): void;
  saveHold(hold: SavedHold): void;
  /** Messages of earlier runs that may still be reported on; as {@link recent} in all else. */
  awaited(bounds: AwaitedBounds): Promise<KnownReports>;
  /**
   * What earlier runs knew, and this one where the bounds say so. Never rejects, but resolves only
   * when all could be read: at a later opening if the journal is out of order now, and never if it
   * is not well again before it is closed.
   */
  recent(bounds: RecentBounds): Promise<Recent>;
  state(): JournalState;
  /**
   * Writes what waits, for 3 s at most, and closes the file, for 3 s at most. Await it before
   * `process.exit`.
   */
  close(): Promise<void>;
}

/** No change has a greater number. */
const allChanges = Number.MAX_SAFE_INTEGER;

export interface JournalOptions extends Retention {
  /** The database; its folder must be there. */
  file: string;
  /**
   * Days after which a row goes, 1 or more. What the caps of a SIM need is kept, without the rest,
   * for 31 days.
   */
  retentionDays: number;
  log: Logger;
  /** Wall-clock milliseconds that never run backwards. */
  clock: () => number;
  /** It got out of order. Must not throw. */
  onFault?: ((fault: Pick<Fault, 'kind'>) => void) | undefined;
  /** Milliseconds that `started` waits at most for a message without a key. Default 250. */
  startedBoundMs?: number;
  /** The same for one with a key, which waits for the disk. Default 500. */
  keyedBoundMs?: number;
  /** Milliseconds to wait for another program's lock before that is a fault. Default 2000. */
  busyTimeoutMs?: number;
  /**
   * Milliseconds before the first try to open it again; doubled with each, up to 60 s. Default
   * 1000.
   */
  retryMs?: number;
  /** Entries that may wait to be written. Default 2000: about an hour of one modem. */
  maxPending?: number;
}

/** Refusals are written at this rate at most: 100 at once, then one a second. */
const refusalBurst = 100;
const refusalsPerSecond = 1;
/**
 * Longer than the store waits for a lock by default, or the thread would be ended in the middle of
 * a call.
 */
const closeBoundMs = 3_000;
const openBoundMs = 5_000;

/**
 * Opens the journal. Never rejects: what cannot be opened is loud in the log and tried again for
 * ever, ever more slowly. Resolves after 5 s even if the disk does not answer.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const journal = new SqliteJournal(options);
  await inTime(openBoundMs, journal.open());
  return journal;
}

class SqliteJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #keeper: Keeper;
  readonly #refusals = new RefusalRate(refusalBurst, refusalsPerSecond, performance.now());
  readonly #pruner: Pruner;
  readonly #writer: Writer;
  readonly #counts: RefusedTallies;
  /** Who waits for the next opening. */
  readonly #awaitingOpen: (() => void)[] = [];
  #skippedRefusals = 0;

  constructor(options: JournalOptions) {
    const { file, log, clock, onFault, busyTimeoutMs = 2_000, retryMs = 1_000 } = options;
    this.#options = options;
    this.#keeper = new Keeper({
      file,
      log,
      clock,
      busyTimeoutMs,
      retryMs,
      onFault,
      onOpen: () => this.#onOpen(),
    });
    this.#writer = new Writer({
      keeper: this.#keeper,
      log,
      maxPending: options.maxPending ?? 2_000,
      boundMs: { file: options.startedBoundMs ?? 250, disk: options.keyedBoundMs ?? 500 },
    });
    this.#counts = new RefusedTallies({
      clock,
      mayWrite: () => this.#keeper.isOpen,
      write: (tallies) => {
        for (const tally of tallies) this.#writer.add({ kind: 'refused', tally });
        this.#writer.writeNow();
      },
    });
    this.#pruner = new Pruner(this.#keeper, this.#writer, options, log);
  }

  open(): Promise<void> {
    return this.#keeper.open();
  }

  async started(entry: StartedEntry): Promise<void> {
    const { keyHmac, wasPromised = false } = entry;
    const to = keyHmac !== undefined || wasPromised ? 'disk' : 'file';
    const isSafe = await this.#writer.addSafely({ kind: 'started', entry }, to);
    if (to === 'disk' && !isSafe) this.#tellUnsafe(entry);
  }

  promised(entry: PromisedEntry): Promise<boolean> {
    return this.#writer.addSafely({ kind: 'promised', entry }, 'disk');
  }

  #tellUnsafe({ id, keyHmac, wasPromised = false }: StartedEntry): void {
    const { log } = this.#options;
    const what = `message ${id} goes on before its start is on the disk: after a power cut`;
    if (keyHmac !== undefined)
      log.warn(`${what} its Idempotency-Key may be unknown, and a repeat sent`, {
        event: 'key_unsafe',
        id,
      });
    if (wasPromised)
      log.warn(`${what} its caller may read that it was not sent`, { event: 'promise_unsafe', id });
  }

  ended(entry: EndedEntry): void {
    // A row that is there has to learn its end.
    if (!entry.wasStarted && entry.wasPromised !== true) this.refused(() => entry, true);
    else this.#writer.add({ kind: 'ended', entry }, isToldAgain(entry) ? 'disk' : 'file');
  }

  refused(toEntry: () => EndedEntry, mayBeToldAgain: boolean): boolean {
    if (!this.#refusals.admits(performance.now())) {
      this.#skippedRefusals += 1;
      return false;
    }
    if (!mayBeToldAgain) return this.#writer.gather(toEntry);
    const entry = toEntry();
    if (isToldAgain(entry)) return this.#writer.add({ kind: 'ended', entry }, 'disk');
    return this.#writer.gather(() => entry);
  }

  refusedBefore(refused: RefusedBefore): void {
    this.#counts.count(refused);
  }

  late(id: string, outcome: LateOutcome, keyHmac?: string): void {
    this.#writer.add({ kind: 'late', id, outcome }, keyHmac === undefined ? 'file' : 'disk');
  }

  delivered(id: string, delivery: JournalDelivery): void {
    this.#writer.add({ kind: 'delivered', id, delivery });
  }

  saveHold(hold: SavedHold): void {
    this.#writer.add({ kind: 'hold', hold });
  }

  recent(bounds: RecentBounds): Promise<Recent> {
    return this.#ofBefore(async (ask, lastChange) => {
      if (bounds.ofThisRunToo !== true) return readRecent(ask, bounds, lastChange);
      await this.#writer.caughtUp();
      return readRecent(ask, bounds, allChanges);
    });
  }

  awaited(bounds: AwaitedBounds): Promise<KnownReports> {
    return this.#ofBefore((ask, lastChange) => readAwaited(ask, bounds, lastChange));
  }

  /** What earlier runs left, read as a whole, however often that takes. */
  async #ofBefore<T>(read: (ask: Keeper['ask'], lastChange: number) => Promise<T>): Promise<T> {
    const ask: Keeper['ask'] = (name, request) => this.#keeper.ask(name, request);
    for (;;) {
      if (!this.#keeper.isOpen)
        await new Promise<void>((resolve) => this.#awaitingOpen.push(resolve));
      try {
        return await read(ask, this.#keeper.lastChangeBefore);
      } catch (error) {
        // Told by the keeper, which opens it again; all is read anew then.
        if (!(error instanceof JournalFault) || error.kind === 'entry') throw error;
      }
    }
  }

  async query(filter: LogFilter): Promise<LogPage> {
    await this.#writer.caughtUp();
    return this.#keeper.ask('query', { filter });
  }

  async refusedCounts(filter: RefusedFilter): Promise<RefusedCount[]> {
    this.#counts.writeNow();
    await this.#writer.caughtUp();
    return this.#keeper.ask('refused', { filter });
  }

  async summary(by: SummaryKey, filter: Parameters<LogSource['summary']>[1]) {
    this.#counts.writeNow();
    await this.#writer.caughtUp();
    return this.#keeper.ask('summary', { by, filter });
  }

  state(): JournalState {
    const { fault } = this.#keeper;
    return {
      isOk: fault === undefined,
      ...(fault !== undefined && { fault }),
      path: this.#options.file,
      droppedRows: this.#writer.droppedRows,
      skippedRefusals: this.#skippedRefusals,
      pending: this.#writer.pending,
    };
  }

  async close(): Promise<void> {
    this.#counts.stop();
    this.#pruner.stop();
    await this.#writer.close(closeBoundMs);
    await inTime(closeBoundMs, this.#keeper.close());
  }

  #onOpen(): void {
    this.#writer.resume();
    void this.#pruner.prune();
    for (const resolve of this.#awaitingOpen.splice(0)) resolve();
  }
}

/**
 * Whether a repeat with its key is told this outcome; of what was surely not sent, only that it is
 * void for good.
 */
function isToldAgain({ keyHmac, wasStarted, outcome }: EndedEntry): boolean {
  return keyHmac !== undefined && (wasStarted || outcome.code === 'superseded');
}
