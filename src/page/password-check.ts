import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isPassword, type PasswordHash } from '../secret/password.js';
import type { Tries } from './tries.js';

/** Who may wait for their turn; each costs some tenths of a second. */
const mostWaiting = 8;

/** `wait`: it was not looked at; the milliseconds after which it may be tried again. */
export type PasswordVerdict = 'right' | 'wrong' | { waitMs: number };

/** Looks passwords up, one at a time, and bounds how often that is done. */
export class PasswordCheck {
  readonly #tries: Tries;
  /** Makes what is remembered of the last right one; gone with the process. */
  readonly #key = randomBytes(32);
  #lastRight: Buffer | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(tries: Tries) {
    this.#tries = tries;
  }

  /**
   * What was right before need not be hashed again: a scraper sends it every few seconds. It is
   * compared for no address that has to wait, which could guess it so for ever.
   */
  async check(password: string, known: PasswordHash, address: string): Promise<PasswordVerdict> {
    const waitMs = this.#tries.waitMs(address);
    if (waitMs > 0) return { waitMs };
    const mark = createHmac('sha256', this.#key).update(known.hash).update(password).digest();
    if (this.#lastRight !== undefined && timingSafeEqual(mark, this.#lastRight)) return 'right';
    if (this.#waiting >= mostWaiting) return { waitMs: 5_000 };
    this.#waiting += 1;
    const verdict = this.#turn.then(() => this.#hash(password, known, address));
    this.#turn = verdict.catch(() => undefined);
    try {
      const found = await verdict;
      if (found === 'right') this.#lastRight = mark;
      return found;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Whether the address may try is asked when its turn comes: many at once are no more tries. */
  async #hash(password: string, known: PasswordHash, address: string): Promise<PasswordVerdict> {
    const waitMs = this.#tries.waitMs(address);
    if (waitMs > 0) return { waitMs };
    if (await isPassword(password, known)) {
      this.#tries.succeeded(address);
      return 'right';
    }
    this.#tries.failed(address);
    return 'wrong';
  }
}
