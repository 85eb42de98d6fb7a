import type { JournalEntry } from './wire.js';

interface Waiting {
  entry: JournalEntry;
  onWritten: (() => void) | undefined;
}

/** Entries of one batch, which is one transaction. */
const batchEntries = 64;

/**
 * What waits to be written, in order and bounded (I5). A batch stays here until it is surely in the
 * file, for the thread that was to write it may be lost.
 */
export class WriteQueue {
  readonly #maxEntries: number;
  #waiting: Waiting[] = [];
  #drained: (() => void)[] = [];

  /** @param maxEntries 1 or more */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** True when the next batch takes all that waits, and whatever comes before it. */
  get isOneBatch(): boolean {
    return this.#waiting.length < batchEntries;
  }

  hasRoomFor(entries: number): boolean {
    return this.#waiting.length + entries <= this.#maxEntries;
  }

  /**
   * False when it is full: the entry is lost. The older ones are kept, for a start must not be
   * without its outcome.
   */
  add(entry: JournalEntry, onWritten?: () => void): boolean {
    if (this.#waiting.length >= this.#maxEntries) return false;
    this.#waiting.push({ entry, onWritten });
    return true;
  }

  /** The next entries; they stay until {@link written}. */
  next(): JournalEntry[] {
    return this.#waiting.slice(0, batchEntries).map(({ entry }) => entry);
  }

  /** The first `count` are in the file. */
  written(count: number): void {
    for (const { onWritten } of this.#waiting.splice(0, count)) onWritten?.();
    if (this.#waiting.length > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Resolves when all that waits now is in the file. */
  caughtUp(): Promise<void> {
    const last = this.#waiting.at(-1);
    if (last === undefined) return Promise.resolve();
    const { onWritten } = last;
    return new Promise((resolve) => {
      last.onWritten = () => {
        onWritten?.();
        resolve();
      };
    });
  }

  /** Resolves when nothing waits. */
  drained(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }
}
