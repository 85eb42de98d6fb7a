/** How often a password may be tried. */

const freeTries = 5;
const firstWaitMs = 60_000;
const longestWaitMs = 3_600_000;
/** Milliseconds of peace after which nothing is held against an address. */
const forgottenMs = 24 * 3_600_000;
/** Addresses that are remembered; the one that tried longest ago is forgotten first. */
const mostAddresses = 1_000;
/** Addresses that had it right and are remembered, those of the last ones. */
const mostKnown = 16;
/** Over all addresses: so many wrong ones at once, and then one a minute. */
const burstOfAll = 50;
const everyMsOfAll = 60_000;

interface Record {
  failures: number;
  /** `performance.now()` milliseconds. */
  triedAt: number;
  waitUntil: number;
}

/**
 * Five wrong passwords, then a minute, and twice as long after each that follows, to an hour: by
 * address, so that nobody keeps the operator out; and a bound over all addresses, of which an
 * attacker may have many. An address that had it right before, as that of a scraper, is kept out by
 * its own wrong ones only. Who is signed in stays so.
 */
export class Tries {
  readonly #records = new Map<string, Record>();
  /** `performance.now()` milliseconds at which all wrong ones of before are forgiven. */
  #allForgivenAt = 0;
  /** Who had it right longest ago is first. */
  readonly #known = new Set<string>();

  /** Milliseconds for which the address has to wait; 0: it may try. */
  waitMs(address: string, now = performance.now()): number {
    const own = (this.#records.get(address)?.waitUntil ?? 0) - now;
    if (this.#known.has(address)) return Math.max(0, own);
    const ofAll = this.#allForgivenAt - now - (burstOfAll - 1) * everyMsOfAll;
    return Math.max(0, own, ofAll);
  }

  failed(address: string, now = performance.now()): void {
    this.#allForgivenAt = Math.max(now, this.#allForgivenAt) + everyMsOfAll;
    const known = this.#records.get(address);
    const isForgotten = known === undefined || now - known.triedAt >= forgottenMs;
    const failures = (isForgotten ? 0 : known.failures) + 1;
    const over = failures - freeTries;
    const waitMs = over < 0 ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** over);
    this.#records.delete(address);
    this.#records.set(address, { failures, triedAt: now, waitUntil: now + waitMs });
    const [oldest] = this.#records.keys();
    if (this.#records.size > mostAddresses && oldest !== undefined) this.#records.delete(oldest);
  }

  succeeded(address: string): void {
    this.#records.delete(address);
    this.#known.delete(address);
    this.#known.add(address);
    const [oldest] = this.#known;
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
  }
}
