/** Whether there is room for what comes in, and the asking for what was left where it was. */

import type { Condition } from '../words/condition.js';

/** Milliseconds within which a modem that is there has been looked at again. */
const fetchedWithinMs = 60_000;

interface Full {
  /** Wall-clock milliseconds. */
  sinceMs: number;
  /** For people. */
  why: string;
  /** `performance.now()` at which what was left was asked for again. */
  askedAt: number | undefined;
}

export class SpoolRoom {
  readonly #ask: () => void;
  #full: Full | undefined;

  /** @param ask what was left on the SIMs is to be fetched */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** True while what comes is left on the SIM. */
  get isFull(): boolean {
    return this.#full !== undefined;
  }

  /** One was left. */
  left(why: string, nowMs: number): void {
    this.#full = { sinceMs: this.#full?.sinceMs ?? nowMs, why, askedAt: undefined };
  }

  /** One found room. */
  found(): void {
    this.#full = undefined;
  }

  /** There may be room again: what was left is fetched; what is left then is told anew. */
  again(): void {
    if (this.#full === undefined || this.#full.askedAt !== undefined) return;
    this.#full.askedAt = performance.now();
    this.#ask();
  }

  /** To be called now and then: what was asked for has come by now, or there was nothing. */
  look(): void {
    const { askedAt } = this.#full ?? {};
    if (askedAt !== undefined && performance.now() - askedAt > fetchedWithinMs) this.found();
  }

  conditions(): Condition[] {
    if (this.#full === undefined) return [];
    return [
      {
        kind: 'inbound_full',
        about: '',
        sentence: `SMS that come in are left on the SIM: ${this.#full.why}`,
        remedy:
          'make the receiver of inbound.url take them, or raise inbound.spool_max; nothing is lost until the SIM is full, and the network keeps it then for some days',
        sinceMs: this.#full.sinceMs,
      },
    ];
  }
}
