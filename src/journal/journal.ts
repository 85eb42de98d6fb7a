import type { Logger } from 'winston';
import type {
  EndedEntry,
  JournalState,
  LateOutcome,
  LogFilter,
  LogPage,
  Recent,
  SavedHold,
  StartedEntry,
} from './entries.js';
import { type Fault, JournalFault } from './faults.js';
import { Keeper } from './keeper.js';
import { readRecent } from './recent.js';
import { RefusalRate } from './refusal-rate.js';
import type { Bounds, Entry } from './wire.js';
import { WriteQueue } from './write-queue.js';

/** What happened to each message. It only listens: nothing it does or fails to do keeps a message from its modem. */
export interface Journal {
  /**
   * Resolves when the row is in the file, so that it outlives a killed process; or after `startedBoundMs`, and for those that come after
   * at once until the file has caught up, for a slow disk must not delay answers; or at once when the journal is out of order. Never rejects. What is not written yet is written when that is possible.
   */
  started(entry: StartedEntry): Promise<void>;
  /** The outcome of a message that was started, or the whole of one that never was: those are skipped when there are too many. */
  ended(entry: EndedEntry): void;
  /** What became of it after its caller had been answered. */
  late(id: string, outcome: LateOutcome): void;
  saveHold(hold: SavedHold): void;
  removeHold(hold: Pick<SavedHold, 'kind' | 'key'>): void;
  /**
   * What has to be known again after a restart. Never rejects: out of order, it is empty and says so.
   * @param bounds.messagesSinceMs for windows and idempotency records; @param bounds.simUsesSinceMs for the caps of SIMs
   */
  recent(bounds: { messagesSinceMs: number; simUsesSinceMs: number }): Promise<Recent>;
  /** Rows, newest first, or by their change with `afterChange`. @throws JournalFault when the journal is out of order */
  query(filter: LogFilter): Promise<LogPage>;
  state(): JournalState;
  /** Writes what waits, for 3 s at most, and closes the file, for 3 s at most. Await it before `process.exit`. */
  close(): Promise<void>;
}

export interface JournalOptions {
  /** The database; its folder must be there. */
  file: string;
  /** Days after which a row goes, 1 or more. What the caps of a SIM need is kept, without the rest, for 62 days. */
  retentionDays: number;
  log: Logger;
  /** Wall-clock milliseconds that never run backwards. */
  clock: () => number;
  /** It got out of order. Must not throw. */
  onFault?: ((fault: Pick<Fault, 'kind'>) => void) | undefined;
  /** Milliseconds that `started` waits at most. Default 250. */
  startedBoundMs?: number;
  /** Milliseconds to wait for another program's lock before that is a fault. Default 2000. */
  busyTimeoutMs?: number;
  /** Milliseconds before the first try to open it again; doubled with each, up to 60 s. Default 1000. */
  retryMs?: number;
  /** Entries that may wait to be written. Default 2000: about an hour of one modem. */
  maxPending?: number;
  /** The most rows of messages that no modem was given. Default 50,000. */
  maxRefusals?: number;
  /** The most rows of messages that one was: about 300 MB. Default 500,000. */
  maxStarted?: number;
}

const dayMs = 86_400_000;
/** Two calendar months, whatever the time zone. */
const simUsesDays = 63;
/** Refusals are written at this rate at most: 100 at once, then one a second. */
const refusalBurst = 100;
const refusalsPerSecond = 1;
const pruneEveryMs = 3_600_000;
/** Rows removed in one go: a message that starts meanwhile waits for no more than that. */
const pruneRows = 200;
/** Longer than the store waits for a lock by default, or the thread would be ended in the middle of a call. */
const closeBoundMs = 3_000;
const openBoundMs = 5_000;

/**
 * Opens the journal. Never rejects: what cannot be opened is loud in the log and tried again for ever, ever more slowly. Resolves after 5 s
 * even if the disk does not answer.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const journal = new SqliteJournal(options);
  await bounded(journal.open(), openBoundMs);
  return journal;
}

class SqliteJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #queue: WriteQueue;
  readonly #keeper: Keeper;
  readonly #refusals = new RefusalRate(refusalBurst, refusalsPerSecond, performance.now());
  readonly #pruning: NodeJS.Timeout;
  #isClosed = false;
  #isWriting = false;
  #isPruning = false;
  #isSlow = false;
  #droppedRows = 0;
  #skippedRefusals = 0;
  #droppedTold = 0;

  constructor(options: JournalOptions) {
    const { file, log, clock, onFault, busyTimeoutMs = 2_000, retryMs = 1_000 } = options;
    this.#options = options;
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
    this.#pruning = setInterval(() => void this.#prune(), pruneEveryMs);
    this.#pruning.unref();
  }

  open(): Promise<void> {
    return this.#keeper.open();
  }

  async started(entry: StartedEntry): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      const isWaiting = this.#add({ kind: 'started', entry }, resolve);
      if (!isWaiting || !this.#keeper.isWell || this.#isSlow) return resolve();
      timer = setTimeout(() => {
        this.#noteSlow();
        resolve();
      }, this.#options.startedBoundMs ?? 250);
    });
    clearTimeout(timer);
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
    if (!entry.wasStarted && !this.#refusals.admits(performance.now())) this.#skippedRefusals += 1;
    else this.#add({ kind: 'ended', entry });
  }

  late(id: string, outcome: LateOutcome): void {
    this.#add({ kind: 'late', id, outcome });
  }

  saveHold(hold: SavedHold): void {
    this.#add({ kind: 'hold', hold });
  }

  removeHold({ kind, key }: Pick<SavedHold, 'kind' | 'key'>): void {
    this.#add({ kind: 'hold_removed', hold: { kind, key } });
  }

  async recent(bounds: { messagesSinceMs: number; simUsesSinceMs: number }): Promise<Recent> {
    try {
      return await readRecent((name, request) => this.#keeper.ask(name, request), bounds);
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error;
      return { isComplete: false, messages: [], simUses: [], holds: [] };
    }
  }

  async query(filter: LogFilter): Promise<LogPage> {
    return this.#keeper.ask('query', { filter });
  }

  state(): JournalState {
    const { fault } = this.#keeper;
    return {
      isOk: fault === undefined,
      ...(fault !== undefined && { fault }),
      path: this.#options.file,
      droppedRows: this.#droppedRows,
      skippedRefusals: this.#skippedRefusals,
      pending: this.#queue.size,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#pruning);
    if (this.#keeper.isWell) await bounded(this.#queue.drained(), closeBoundMs);
    if (this.#queue.size > 0) {
      const lost = `the journal was closed with ${this.#queue.size} entries that could not be written`;
      this.#options.log.error(lost, { event: 'journal' });
    }
    await bounded(this.#keeper.close(), closeBoundMs);
  }

  /** False when the entry is lost: nobody can be made to wait for it. */
  #add(entry: Entry, onWritten?: () => void): boolean {
    if (this.#isClosed || !this.#queue.add(entry, onWritten)) {
      this.#droppedRows += 1;
      return false;
    }
    void this.#write();
    return true;
  }

  /** Writes what waits, a batch at a time, as long as the journal is well. A batch that failed stays for the next opening. */
  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      while (this.#queue.size > 0 && this.#keeper.isOpen) {
        const entries = this.#queue.next();
        const { refused } = await this.#keeper.ask('write', { entries });
        this.#queue.written(entries.length);
        this.#keeper.proved();
        this.#tellLost(refused);
      }
      if (this.#queue.size === 0) this.#isSlow = false;
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
    this.#options.log.error(`${lost} entries of the journal are lost: ${why}`, { event: 'journal' });
  }

  #onOpen(): void {
    if (this.#queue.size === 0) this.#keeper.proved();
    void this.#write();
    void this.#prune();
  }

  /** Removes what is too old or too much, in small goes between the messages. */
  async #prune(): Promise<void> {
    if (this.#isPruning) return;
    this.#isPruning = true;
    try {
      for (let isMore = true; isMore && !this.#isClosed && this.#keeper.isOpen; ) {
        const { removed, youngestCutMs } = await this.#keeper.ask('prune', { bounds: this.#bounds() });
        isMore = removed > 0;
        if (youngestCutMs !== undefined && youngestCutMs > this.#bounds().keepSinceMs) this.#tellCut();
        await this.#queue.drained();
      }
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error; // as above
    } finally {
      this.#isPruning = false;
    }
  }

  #tellCut(): void {
    this.#options.log.warn(
      `the journal has its most rows: older ones went before journal.retention_days (${this.#options.retentionDays})`,
      { event: 'journal' },
    );
  }

  #bounds(): Bounds {
    const { clock, retentionDays, maxRefusals = 50_000, maxStarted = 500_000 } = this.#options;
    const keepSinceMs = clock() - retentionDays * dayMs;
    return {
      keepSinceMs,
      keepSimUsesSinceMs: Math.min(keepSinceMs, clock() - simUsesDays * dayMs),
      maxRefusals,
      maxStarted,
      limit: pruneRows,
    };
  }
}

/** Resolves with `work`, or after `timeoutMs` without it. */
async function bounded(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
