/**
 * Writes what there is to tell, in order and in batches, and tells what is lost. Who has to may
 * wait until an entry is safe, within a bound.
 */

import type { Logger } from 'winston';
import { inTime } from '../clock/within.js';
import { counted } from '../words/counted.js';
import type { EndedEntry } from './entries.js';
import { type Fault, JournalFault } from './faults.js';
import type { Keeper } from './keeper.js';
import type { JournalEntry } from './wire.js';
import { WriteQueue } from './write-queue.js';

/** What an entry has to outlive: a killed process, or a power cut. */
export type WrittenTo = 'file' | 'disk';

export interface WriterOptions {
  keeper: Keeper;
  log: Logger;
  /** Entries that may wait to be written. */
  maxPending: number;
  /** Milliseconds that {@link Writer.addSafely} takes at most. */
  boundMs: Readonly<Record<WrittenTo, number>>;
}

/**
 * Milliseconds for which refusals are gathered before their rows are made and written together: of
 * hundreds in one instant each would else wait for the rows of those before it.
 */
const gatheredMs = 250;

export class Writer {
  readonly #options: WriterOptions;
  readonly #queue: WriteQueue;
  /** Refusals that wait for others to be written with, and what runs meanwhile. */
  #gathered: (() => EndedEntry)[] = [];
  #gathering: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isWriteDue = false;
  #isWriting = false;
  #isSlow = false;
  #droppedRows = 0;
  #droppedTold = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#queue = new WriteQueue(options.maxPending);
  }

  /** Entries that wait to be written. */
  get pending(): number {
    return this.#queue.size + this.#gathered.length;
  }

  /** Entries lost: the queue was full, or the store refused them. */
  get droppedRows(): number {
    return this.#droppedRows;
  }

  /** Resolves when nothing waits but what is still gathered. */
  drained(): Promise<void> {
    return this.#queue.drained();
  }

  /**
   * Has it written, and for the disk put there soon after. False when the entry is lost: nobody can
   * be made to wait for it.
   */
  add(entry: JournalEntry, to: WrittenTo = 'file'): boolean {
    return this.#add(entry, to === 'disk' ? () => void this.#flush() : undefined);
  }

  /** Resolves with whether it is there, within the bound of that. Never rejects. */
  async addSafely(entry: JournalEntry, to: WrittenTo): Promise<boolean> {
    const { keeper, boundMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const isSafe = await new Promise<boolean>((resolve) => {
      let isWritten = false;
      const isWaiting = this.#add(entry, () => {
        isWritten = true;
        if (to === 'file') resolve(true);
        else void this.#flush().then(resolve);
      });
      if (!isWaiting || !keeper.isWell || (this.#isSlow && to === 'file')) return resolve(false);
      timer = setTimeout(() => {
        if (!isWritten) this.#noteSlow();
        resolve(false);
      }, boundMs[to]);
    });
    clearTimeout(timer);
    return isSafe;
  }

  /** Has a refusal written with others, a moment later. False when it is lost. */
  gather(toEntry: () => EndedEntry): boolean {
    if (this.#isClosed || !this.#queue.hasRoomFor(this.#gathered.length + 1)) {
      this.#droppedRows += 1;
      return false;
    }
    this.#gathered.push(toEntry);
    this.#gathering ??= setTimeout(() => this.writeNow(), gatheredMs);
    return true;
  }

  /** Begins to write what was told before, and what was gathered. */
  writeNow(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#queueGathered();
    void this.#write();
  }

  /**
   * Resolves when what was told before is in the file, or cannot be, within the bound of a message
   * that waits for that.
   */
  async caughtUp(): Promise<void> {
    const { keeper, boundMs } = this.#options;
    this.writeNow();
    if (keeper.isWell) await inTime(boundMs.file, this.#queue.caughtUp());
  }

  /** The journal was opened: what waits can be written. */
  resume(): void {
    if (this.#queue.size === 0) this.#options.keeper.proved();
    void this.#write();
  }

  /** Takes no more, and resolves when all is written that can be within so many milliseconds. */
  async close(withinMs: number): Promise<void> {
    const { keeper, log } = this.#options;
    this.writeNow();
    this.#isClosed = true;
    if (keeper.isWell) await inTime(withinMs, this.#queue.drained());
    if (this.#queue.size === 0) return;
    const lost = `the journal was closed with ${counted(this.#queue.size, 'entry')} that could not be written`;
    log.error(lost, { event: 'journal' });
  }

  #add(entry: JournalEntry, onWritten: (() => void) | undefined): boolean {
    this.#queueGathered();
    const isQueued = !this.#isClosed && this.#queue.add(entry, onWritten);
    if (isQueued) this.#writeSoon();
    else this.#droppedRows += 1;
    return isQueued;
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
    const { keeper, boundMs } = this.#options;
    this.#isWriting = true;
    try {
      while (this.#queue.size > 0 && keeper.isOpen) {
        const entries = this.#queue.next();
        const begunAt = performance.now();
        const { refused } = await keeper.ask('write', { entries });
        const isQuick = performance.now() - begunAt < boundMs.file;
        this.#queue.written(entries.length);
        // A start that comes now is written with the next batch. With busy modems the queue may
        // never be empty.
        if (isQuick && this.#queue.isOneBatch) this.#isSlow = false;
        keeper.proved();
        this.#tellLost(refused);
      }
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error; // told by the keeper, which opens it again
    } finally {
      this.#isWriting = false;
    }
  }

  /** Puts what was written on the disk. False if that failed; the keeper tells it. */
  async #flush(): Promise<boolean> {
    try {
      await this.#options.keeper.flush();
      return true;
    } catch (error) {
      if (!(error instanceof JournalFault)) throw error;
      return false;
    }
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
}
