import type { RefusedBefore, RefusedTally } from './entries.js';
import { RefusedCounts } from './refused-counts.js';

/**
 * Milliseconds between two writings of what was refused before, and for which the first is
 * gathered: of a flood a `kill -9` may lose that much, of a single request hardly anything.
 */
const everyMs = 15_000;
const gatheredMs = 1_000;

export interface RefusedTalliesOptions {
  /** Wall-clock milliseconds that never run backwards. */
  clock: () => number;
  /** False while the file takes nothing: they stay here then, for rows of messages come first. */
  mayWrite: () => boolean;
  write: (tallies: readonly RefusedTally[]) => void;
}

/** Has the counts of what was refused before it was a message written, now and then. */
export class RefusedTallies {
  readonly #options: RefusedTalliesOptions;
  readonly #counts: RefusedCounts;
  /** Runs while counts wait to be written. */
  #timer: NodeJS.Timeout | undefined;
  /** By `performance.now()`. */
  #writtenAt = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: RefusedTalliesOptions) {
    this.#options = options;
    this.#counts = new RefusedCounts(options.clock);
  }

  count(refused: RefusedBefore): void {
    this.#counts.count(refused);
    const dueMs = this.#writtenAt + everyMs - performance.now();
    this.#startTimer(Math.max(gatheredMs, dueMs));
  }

  /** What was counted before is found when this has returned, if the file can be written. */
  writeNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#counts.hasChanged) return;
    if (!this.#options.mayWrite()) return this.#startTimer(everyMs);
    this.#writtenAt = performance.now();
    this.#options.write(this.#counts.take());
  }

  /** Writes what can be, once more. */
  stop(): void {
    this.#isStopped = true;
    this.writeNow();
  }

  #startTimer(ms: number): void {
    if (!this.#isStopped) this.#timer ??= setTimeout(() => this.writeNow(), ms).unref();
  }
}
