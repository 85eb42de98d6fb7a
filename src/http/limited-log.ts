import type { Logger } from 'winston';

const windowMs = 60_000;

/**
 * A log for what anyone on the network can cause: at most `perMinute` warnings a minute; the first of a later minute is preceded
 * by one line that says how many were left out.
 */
export class LimitedLog {
  readonly #log: Logger;
  readonly #perMinute: number;
  readonly #now: () => number;
  #windowStartedAt = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** `now`: monotonic milliseconds. */
  constructor(log: Logger, perMinute = 10, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#perMinute = perMinute;
    this.#now = now;
  }

  warn(message: string, fields: Record<string, unknown>): void {
    if (this.#now() - this.#windowStartedAt >= windowMs) this.#startWindow();
    this.#count++;
    if (this.#count <= this.#perMinute) this.#log.warn(message, fields);
  }

  #startWindow(): void {
    const suppressed = Math.max(0, this.#count - this.#perMinute);
    if (suppressed > 0) {
      this.#log.warn(`${suppressed} more requests were refused and not logged`, {
        event: 'refusals_suppressed',
        suppressed,
      });
    }
    this.#windowStartedAt = this.#now();
    this.#count = 0;
  }
}
