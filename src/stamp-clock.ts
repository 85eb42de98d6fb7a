/**
 * Wall-clock stamps that never run backwards, for what must outlive a restart: a Pi has no clock battery, and NTP may step its clock
 * either way. When the clock was set back, the stamps go on from the last one at the pace of the monotonic clock.
 */
export class StampClock {
  #offsetMs = -Infinity;

  /** Milliseconds since 1970. */
  now(): number {
    const monotonicMs = performance.now();
    this.#offsetMs = Math.max(this.#offsetMs, Date.now() - monotonicMs);
    return Math.round(monotonicMs + this.#offsetMs);
  }

  /** @param stampMs a stamp of an earlier run, so that none of this run is older */
  startFrom(stampMs: number): void {
    this.#offsetMs = Math.max(this.#offsetMs, stampMs - performance.now());
  }
}
