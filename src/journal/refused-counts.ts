import type { RefusedBefore, RefusedTally } from './entries.js';

const minuteMs = 60_000;
/** Tallies that wait to be written: hours of a disk that takes nothing (I5). */
const maxWaiting = 1_000;

/**
 * Counts what was refused before it was a message, by minute, code and caller: an addition for each
 * request, whoever floods, and a row for each minute at most. Codes and callers are few: those of
 * the contract and of the configuration.
 */
export class RefusedCounts {
  readonly #now: () => number;
  /** Tells this run's counts of a minute from those of another run. */
  readonly #run: number;
  /** Of this minute, by code and caller. */
  readonly #tallies = new Map<string, RefusedTally>();
  /** Counted on since they were taken. */
  readonly #changed = new Set<RefusedTally>();

  /** @param now wall-clock milliseconds that never run backwards */
  constructor(now: () => number) {
    this.#now = now;
    this.#run = Math.round(now());
  }

  get hasChanged(): boolean {
    return this.#changed.size > 0;
  }

  count({ status, code, caller = '' }: RefusedBefore): void {
    const beganAtMs = Math.floor(this.#now() / minuteMs) * minuteMs;
    const key = `${code} ${caller}`;
    let tally = this.#tallies.get(key);
    if (tally?.beganAtMs !== beganAtMs) {
      tally = { beganAtMs, run: this.#run, status, code, caller, count: 0 };
      this.#tallies.set(key, tally);
    }
    tally.count += 1;
    this.#changed.add(tally);
    if (this.#changed.size <= maxWaiting) return;
    const [oldest] = this.#changed;
    if (oldest !== undefined) this.#changed.delete(oldest);
  }

  /** Those that have changed since, each with its whole count. */
  take(): RefusedTally[] {
    const taken = [...this.#changed].map((tally) => ({ ...tally }));
    this.#changed.clear();
    return taken;
  }
}
