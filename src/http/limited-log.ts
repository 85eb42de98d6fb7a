import type { Logger } from 'winston';

const windowMs = 60_000;

/**
 * A log for what anyone on the network can cause: at most `perMinute` warnings a minute; the first
 * of a later minute is preceded by one line that says how many were left out.
 */
export class LimitedLog {
  readonly #log: Logger;
  readonly #perMinute: number;
  readonly #now: () => number;
  readonly #what: string;
  #windowStartedAt = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** `now`: monotonic milliseconds. `what` follows the number of those left out. */
  constructor(
    log: Logger,
    perMinute = 10,
    now: () => number = () => performance.now(),
    what = 'requests were refused and not logged',
  ) {
    this.#log = log;
    this.#perMinute = perMinute;
    this.#now = now;
    this.#what = what;
  }

  warn(message: string, fields: Record<string, unknown>): void {
    if (this.#now() - this.#windowStartedAt >= windowMs) this.#startWindow();
    this.#count++;
    if (this.#count <= this.#perMinute) this.#log.warn(message, fields);
  }

  #startWindow(): void {
    const suppressed = Math.max(0, this.#count - this.#perMinute);
    if (suppressed > 0) {
      this.#log.warn(`${suppressed} more ${this.#what}`, {
        event: 'refusals_suppressed',
        suppressed,
      });
    }
    this.#windowStartedAt = this.#now();
    this.#count = 0;
  }
}
