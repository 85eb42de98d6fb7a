/**
 * Bounds how fast refusals get into the journal (a token bucket), so that a flood of them neither
 * fills the disk nor keeps the rows of real messages waiting.
 */
export class RefusalRate {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: number;

  /** @param nowMs as {@link admits}'s; a clock that never jumps */
  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#filledAt = nowMs;
  }

  admits(nowMs: number): boolean {
    this.#tokens = Math.min(
      this.#burst,
      this.#tokens + ((nowMs - this.#filledAt) / 1000) * this.#perSecond,
    );
    this.#filledAt = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
