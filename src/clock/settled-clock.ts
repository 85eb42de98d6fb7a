/**
 * What time it surely is. A wall clock that leaps ahead by mistake (a modem's network time, a bad
 * RTC, a typing error) must not decide anything for good; so a time ahead is believed only once the
 * clock has been there for a while, told by the monotonic clock. One that is put back is believed
 * at once.
 */
export class SettledClock {
  readonly #wallClock: () => number;
  readonly #settleMs: number;
  /** The lowest that wall less monotonic milliseconds was since `beganAt`. */
  #window: { beganAt: number; lowestMs: number };
  #settledOffsetMs = -Infinity;

  /**
   * @param wallClock milliseconds since 1970, which may jump either way
   * @param settleMs milliseconds for which it has to have said so; a leap is believed after twice
   *   that at the latest
   */
  constructor(wallClock: () => number, settleMs: number) {
    this.#wallClock = wallClock;
    this.#settleMs = settleMs;
    const at = performance.now();
    this.#window = { beganAt: at, lowestMs: wallClock() - at };
  }

  /**
   * Milliseconds since 1970 that have surely passed; `-Infinity` until that is known. A leap that
   * no call falls into is not seen.
   */
  now(): number {
    const at = performance.now();
    const offsetMs = this.#wallClock() - at;
    this.#window.lowestMs = Math.min(this.#window.lowestMs, offsetMs);
    if (at - this.#window.beganAt >= this.#settleMs) {
      this.#settledOffsetMs = this.#window.lowestMs;
      this.#window = { beganAt: at, lowestMs: offsetMs };
    }
    return at + Math.min(this.#settledOffsetMs, offsetMs);
  }

  /** Somebody who knows says that the wall clock is right. */
  believe(): void {
    const at = performance.now();
    this.#settledOffsetMs = this.#wallClock() - at;
    this.#window = { beganAt: at, lowestMs: this.#settledOffsetMs };
  }
}
