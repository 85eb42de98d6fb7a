/** When the daemon knows again what it knew before it was started anew. */

import type { Logger } from 'winston';
import type { Recent } from '../journal/entries.js';

export interface RestorationOptions {
  /** Settles when the journal could be read; perhaps never. */
  recent: Promise<Recent>;
  /** Takes it up. */
  restore: (recent: Recent) => void;
  /** `performance.now()` of the start. */
  startedAt: number;
  log: Logger;
}

/** Milliseconds after the start within which the journal has to be open and read; what comes later is taken up when it comes. */
const inTimeMs = 5_000;
/** Milliseconds after the start for which a key that is not known is refused: longer would be worse than a code that comes twice. */
const blindMs = 60_000;

/**
 * Waits for the journal for a bounded time, since a slow or broken disk must not stop logins. Until it could be read, limits, caps and
 * keys of before are not known: {@link isBlind} tells for how long a repeat must not be taken for a new message.
 */
export class Restoration {
  /** Settles when all is known again. It may never. */
  readonly whenRestored: Promise<void>;
  readonly #startedAt: number;
  readonly #log: Logger;
  #isRestored = false;
  #isLate = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ recent, restore, startedAt, log }: RestorationOptions) {
    this.#startedAt = startedAt;
    this.#log = log;
    this.whenRestored = recent.then((known) => {
      restore(known);
      this.#done();
    });
  }

  isRestored(): boolean {
    return this.#isRestored;
  }

  /** True while what earlier runs sent is not known, for a minute after the start at most. */
  isBlind(): boolean {
    return !this.#isRestored && this.#sinceStartMs() < blindMs;
  }

  /** Settles when all is known again, or when it is time to begin without; rejects for a bug only. */
  async inTime(): Promise<void> {
    const late = new Promise<void>((resolve) => {
      this.#timer = setTimeout(resolve, Math.max(0, inTimeMs - this.#sinceStartMs()));
    });
    await Promise.race([this.whenRestored, late]);
    clearTimeout(this.#timer);
    if (this.#isRestored) return;
    this.#isLate = true;
    this.#tellLate();
    this.#timer = setTimeout(() => this.#tellGivenUp(), Math.max(0, blindMs - this.#sinceStartMs()));
    this.#timer.unref();
  }

  #sinceStartMs(): number {
    return performance.now() - this.#startedAt;
  }

  #done(): void {
    this.#isRestored = true;
    if (!this.#isLate) return;
    clearTimeout(this.#timer);
    const after = `the journal could be read ${Math.round(this.#sinceStartMs() / 1000)} s after the start`;
    this.#log.info(`${after}: limits, caps and keys of before are known again`, { event: 'journal' });
  }

  #tellLate(): void {
    this.#log.error(
      `the journal could not be read within ${inTimeMs / 1000} s: messages go on, but limits, caps and Idempotency-Keys of before the ` +
        `start are not known yet. Until they are, and for ${blindMs / 1000} s after the start at most, a request with an Idempotency-Key is answered 503`,
      { event: 'journal' },
    );
  }

  #tellGivenUp(): void {
    this.#log.error(
      'the journal can still not be read: requests with an Idempotency-Key are served again, and a repeat of one from before the start is ' +
        'sent a second time',
      { event: 'journal' },
    );
  }
}
