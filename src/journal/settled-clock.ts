/** Milliseconds for which a wall clock has to have said so before anything goes by its age. */
export const settleMs = 2_700_000;

/**
 * What time it surely is, for removing what is old. A wall clock that leaps ahead by mistake (a modem's network time, a bad RTC, a typing
 * error) would have the whole journal removed at once; so a time ahead is believed only once the clock has been there for
 * {@link settleMs}, told by the monotonic clock. A box that was off for weeks therefore removes what is old within the first hour of its
 * next run, and a clock that was wrong for minutes removes nothing.
 */
export class SettledClock {
  readonly #wallClock: () => number;
  readonly #settleMs: number;
  /** Wall less monotonic milliseconds, when it was looked at last. */
  #observed: { at: number; offsetMs: number };
  #settledOffsetMs = -Infinity;

  /** @param wallClock milliseconds since 1970, which may jump either way */
  constructor(wallClock: () => number, settleAfterMs = settleMs) {
    this.#wallClock = wallClock;
    this.#settleMs = settleAfterMs;
    const at = performance.now();
    this.#observed = { at, offsetMs: wallClock() - at };
  }

  /** Milliseconds since 1970 that have surely passed; `-Infinity` until that is known. Call it about every {@link settleMs}. */
  now(): number {
    const at = performance.now();
    const offsetMs = this.#wallClock() - at;
    if (at - this.#observed.at >= this.#settleMs) {
      this.#settledOffsetMs = Math.min(this.#observed.offsetMs, offsetMs);
      this.#observed = { at, offsetMs };
    }
    return at + Math.min(this.#settledOffsetMs, offsetMs);
  }
}
