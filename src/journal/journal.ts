/**
 * What happened to each message, on the disk, and what a restart must know of it.
 * Knows nothing of: HTTP, AT, and any text or number in clear (I6).
 * Way: `started` and `ended` → the write queue → SQLite in a thread of its own; nothing it fails to
 * do keeps a message from its modem.
 */

import type { Logger } from 'winston';
import { inTime } from '../clock/within.js';
import { counted } from '../words/counted.js';
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
import { RefusedCounts } from './refused-counts.js';
import type { JournalEntry } from './wire.js';
import { WriteQueue } from './write-queue.js';

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

const startedBoundDefaultMs = 250;
const keyedBoundDefaultMs = 500;
/**
 * Milliseconds for which refusals are gathered before their rows are made and written together: of
 * hundreds in one instant each would else wait for the rows of those before it.
 */
const refusalsGatheredMs = 250;
/**
 * Milliseconds between two writings of what was refused before, and for which the first is
 * gathered: of a flood a `kill -9` may lose that much, of a single request hardly anything.
 */
const countsEveryMs = 15_000;
const countsGatheredMs = 1_000;
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
  readonly #queue: WriteQueue;
  readonly #keeper: Keeper;
  readonly #refusals = new RefusalRate(refusalBurst, refusalsPerSecond, performance.now());
  readonly #pruner: Pruner;
  readonly #startedBoundMs: number;
  readonly #keyedBoundMs: number;
  /** Who waits for the next opening. */
  readonly #awaitingOpen: (() => void)[] = [];
  /** Refusals that wait for others to be written with, and what runs meanwhile. */
  #gathered: (() => EndedEntry)[] = [];
  #gathering: NodeJS.Timeout | undefined;
  readonly #counts: RefusedCounts;
  /** Runs while counts wait to be written. */
  #counting: NodeJS.Timeout | undefined;
  /** By `performance.now()`. */
  #countsWrittenAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #isWriteDue = false;
  #isWriting = false;
  #isSlow = false;
  #droppedRows = 0;
  #skippedRefusals = 0;
  #droppedTold = 0;

  constructor(options: JournalOptions) {
    const { file, log, clock, onFault, busyTimeoutMs = 2_000, retryMs = 1_000 } = options;
    this.#options = options;
    this.#startedBoundMs = options.startedBoundMs ?? startedBoundDefaultMs;
    this.#keyedBoundMs = options.keyedBoundMs ?? keyedBoundDefaultMs;
    this.#queue = new WriteQueue(options.maxPending ?? 2_000);
    this.#keeper = new Keeper({
      file,
      log,
      clock,
      busyTimeoutMs,
      retryMs,
      onFault,
      onOpen: () => this.#onOpen(),
    });
    this.#counts = new RefusedCounts(clock);
    this.#pruner = new Pruner(this.#keeper, this.#queue, options, log);
  }

  open(): Promise<void> {
    return this.#keeper.open();
  }

  async started(entry: StartedEntry): Promise<void> {
    const { keyHmac, wasPromised = false } = entry;
    const onDisk = keyHmac !== undefined || wasPromised;
    const isSafe = await this.#addSafely({ kind: 'started', entry }, onDisk);
    if (onDisk && !isSafe) this.#tellUnsafe(entry);
  }

  promised(entry: PromisedEntry): Promise<boolean> {
    return this.#addSafely({ kind: 'promised', entry }, true);
  }

  /** Resolves with whether it is in the file, or on the disk, within the bound of that. */
  async #addSafely(entry: JournalEntry, onDisk: boolean): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const isSafe = await new Promise<boolean>((resolve) => {
      let isWritten = false;
      const isWaiting = this.#add(entry, () => {
        isWritten = true;
        if (!onDisk) resolve(true);
        else void this.#flush().then(resolve);
      });
      if (!isWaiting || !this.#keeper.isWell || (this.#isSlow && !onDisk)) return resolve(false);
      timer = setTimeout(
        () => {
          if (!isWritten) this.#noteSlow();
          resolve(false);
        },
        onDisk ? this.#keyedBoundMs : this.#startedBoundMs,
      );
    });
    clearTimeout(timer);
    return isSafe;
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

  /** One message has waited in vain: the next ones do not, until the file has caught up. */
  #noteSlow(): void {
    if (this.#isSlow) return;
    this.#isSlow = true;
    this.#options.log.warn(
      'the journal takes too long to write: messages do not wait for it until it has caught up. Were the gateway killed now, it might ' +
        'not know of the last ones',
      { event: 'journal', pending: this.#queue.size },
    );
  }

  ended(entry: EndedEntry): void {
    // A row that is there has to learn its end.
    if (!entry.wasStarted && entry.wasPromised !== true) this.refused(() => entry, true);
    else if (isToldAgain(entry)) this.#add({ kind: 'ended', entry }, () => void this.#flush());
    else this.#add({ kind: 'ended', entry });
  }

  refused(toEntry: () => EndedEntry, mayBeToldAgain: boolean): boolean {
    if (!this.#refusals.admits(performance.now())) {
      this.#skippedRefusals += 1;
      return false;
    }
    if (mayBeToldAgain) {
      const entry = toEntry();
      if (isToldAgain(entry)) return this.#add({ kind: 'ended', entry }, () => void this.#flush());
      return this.#gather(() => entry);
    }
    return this.#gather(toEntry);
  }

  #gather(toEntry: () => EndedEntry): boolean {
    if (this.#isClosed || !this.#queue.hasRoomFor(this.#gathered.length + 1)) {
      this.#droppedRows += 1;
      return false;
    }
    this.#gathered.push(toEntry);
    this.#gathering ??= setTimeout(() => this.#writeGathered(), refusalsGatheredMs);
    return true;
  }

  refusedBefore(refused: RefusedBefore): void {
    this.#counts.count(refused);
    const dueMs = this.#countsWrittenAt + countsEveryMs - performance.now();
    this.#counting ??= setTimeout(
      () => this.#writeCounts(),
      Math.max(countsGatheredMs, dueMs),
    ).unref();
  }

  late(id: string, outcome: LateOutcome, keyHmac?: string): void {
    this.#add(
      { kind: 'late', id, outcome },
      keyHmac === undefined ? undefined : () => void this.#flush(),
    );
  }

  delivered(id: string, delivery: JournalDelivery): void {
    this.#add({ kind: 'delivered', id, delivery });
  }

  saveHold(hold: SavedHold): void {
    this.#add({ kind: 'hold', hold });
  }

  recent(bounds: RecentBounds): Promise<Recent> {
    return this.#ofBefore((ask, lastChange) => {
      if (bounds.ofThisRunToo !== true) return readRecent(ask, bounds, lastChange);
      this.#writeGathered(); // what was told before is found
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
    this.#writeGathered(); // what was told before is found
    return this.#keeper.ask('query', { filter });
  }

  async refusedCounts(filter: RefusedFilter): Promise<RefusedCount[]> {
    this.#writeCounts();
    return this.#keeper.ask('refused', { filter });
  }

  async summary(by: SummaryKey, filter: Parameters<LogSource['summary']>[1]) {
    this.#writeCounts();
    return this.#keeper.ask('summary', { by, filter });
  }

  state(): JournalState {
    const { fault } = this.#keeper;
    return {
      isOk: fault === undefined,
      ...(fault !== undefined && { fault }),
      path: this.#options.file,
      droppedRows: this.#droppedRows,
      skippedRefusals: this.#skippedRefusals,
      pending: this.#queue.size + this.#gathered.length,
    };
  }

  async close(): Promise<void> {
    this.#writeCounts();
    this.#writeGathered();
    this.#isClosed = true;
    this.#pruner.stop();
    if (this.#keeper.isWell) await inTime(closeBoundMs, this.#queue.drained());
    if (this.#queue.size > 0) {
      const lost = `the journal was closed with ${counted(this.#queue.size, 'entry')} that could not be written`;
      this.#options.log.error(lost, { event: 'journal' });
    }
    await inTime(closeBoundMs, this.#keeper.close());
  }

  /** Puts what was written on the disk. False if that failed; the keeper tells it. */
  async #flush(): Promise<boolean> {
    try {
      await this.#keeper.flush();
      return true;
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error;
      return false;
    }
  }

  /** False when the entry is lost: nobody can be made to wait for it. */
  #add(entry: JournalEntry, onWritten?: () => void): boolean {
    const isQueued = this.#enqueue(entry, onWritten);
    if (isQueued) this.#writeSoon();
    return isQueued;
  }

  #enqueue(entry: JournalEntry, onWritten?: () => void): boolean {
    this.#queueGathered();
    const isQueued = !this.#isClosed && this.#queue.add(entry, onWritten);
    if (!isQueued) this.#droppedRows += 1;
    return isQueued;
  }

  /** While the file takes nothing they stay where they are, for rows of messages come first. */
  #writeCounts(): void {
    clearTimeout(this.#counting);
    this.#counting = undefined;
    if (!this.#counts.hasChanged) return;
    if (this.#keeper.isOpen) {
      this.#countsWrittenAt = performance.now();
      for (const tally of this.#counts.take()) this.#enqueue({ kind: 'refused', tally });
      void this.#write();
    } else if (!this.#isClosed)
      this.#counting = setTimeout(() => this.#writeCounts(), countsEveryMs).unref();
  }

  #writeGathered(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#queueGathered();
    void this.#write();
  }

  /** Rows stand in the order in which things happened. */
  #queueGathered(): void {
    if (this.#gathered.length === 0) return;
    for (const toEntry of this.#gathered.splice(0))
      if (!this.#queue.add({ kind: 'ended', entry: toEntry() })) this.#droppedRows += 1;
  }

  /**
   * Once all that is due now was done: the end of a message and the start of the next come in one
   * tick, and go into one transaction.
   */
  #writeSoon(): void {
    if (this.#isWriteDue) return;
    this.#isWriteDue = true;
    process.nextTick(() => {
      this.#isWriteDue = false;
      void this.#write();
    });
  }

  /**
   * Writes what waits, a batch at a time, as long as the journal is well. A batch that failed stays
   * for the next opening.
   */
  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      while (this.#queue.size > 0 && this.#keeper.isOpen) {
        const entries = this.#queue.next();
        const begunAt = performance.now();
        const { refused } = await this.#keeper.ask('write', { entries });
        const isQuick = performance.now() - begunAt < this.#startedBoundMs;
        this.#queue.written(entries.length);
        // A start that comes now is written with the next batch. With busy modems the queue may
        // never be empty.
        if (isQuick && this.#queue.isOneBatch) this.#isSlow = false;
        this.#keeper.proved();
        this.#tellLost(refused);
      }
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error; // told by the keeper, which opens it again
    } finally {
      this.#isWriting = false;
    }
  }

  #tellLost(refused: readonly Fault[]): void {
    this.#droppedRows += refused.length;
    const lost = this.#droppedRows - this.#droppedTold;
    if (lost === 0) return;
    this.#droppedTold = this.#droppedRows;
    const why = refused[0]?.message ?? 'too many waited while it was out of order';
    const verb = lost === 1 ? 'is' : 'are';
    this.#options.log.error(`${counted(lost, 'entry')} of the journal ${verb} lost: ${why}`, {
      event: 'journal',
    });
  }

  #onOpen(): void {
    if (this.#queue.size === 0) this.#keeper.proved();
    void this.#write();
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
