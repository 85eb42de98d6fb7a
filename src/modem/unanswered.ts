/**
 * Submits whose result never came, and may still come: a late `+CMGS` of one of them must never answer a newer one (a false
 * 200). A modem that works its commands off in order cannot mix them up once it has answered a later `AT`; one that answers `AT` while a
 * submit is still out can. Only the message reference tells (23.040 9.2.3.6): modems count it up by one for each submit, so with k results
 * outstanding, and r refused ones since the last reference known, ours is that one plus k plus r plus 1.
 */
export class UnansweredSubmits {
  /** `performance.now()` milliseconds until which each may still be answered: those begun after the last reference known … */
  #ahead: number[] = [];
  /** … and those whose references lie behind it, since a newer submit was answered meanwhile. */
  #behind: number[] = [];
  #lastReference: number | undefined;
  #refused = 0;

  /**
   * The newest reference that surely belongs to a submit of ours, where nothing that may or may not have been counted came after it; undefined
   * otherwise.
   */
  get lastReference(): number | undefined {
    return this.#refused === 0 ? this.#lastReference : undefined;
  }

  /** A Ctrl-Z got no result; one may come until `until`. */
  add(until: number): void {
    this.#ahead.push(until);
  }

  /** One of ours may be among those that are out; it is waited for no longer than they are, so that doubt has an end. */
  addForAsLong(): void {
    const until = Math.max(...this.#ahead, ...this.#behind);
    if (until > Number.NEGATIVE_INFINITY) this.#ahead.push(until);
  }

  /** The reference that was given last, of several that came: they count up, modulo 256. */
  newest(references: readonly number[]): number {
    const isNewer = (a: number, b: number) => (a - b + 256) % 256 < 128;
    return references.reduce((newest, reference) => (isNewer(reference, newest) ? reference : newest));
  }

  /** A Ctrl-Z was answered by an error; most modems have counted it. */
  refused(): void {
    this.#refused += 1;
  }

  /** The modem has started anew: nothing old can come any more. */
  clear(): void {
    this.#ahead = [];
    this.#behind = [];
  }

  /** A reference that surely belongs to its submit. */
  answered(reference: number): void {
    this.#behind.push(...this.#ahead);
    this.#ahead = [];
    this.#lastReference = reference;
    this.#refused = 0;
  }

  /** A result that is nobody's in flight: it answers the oldest. Undefined: it was an error. */
  answeredLate(reference: number | undefined): void {
    const isBehind = this.#behind.length > 0 && (reference === undefined || this.#distance(reference) > 128);
    if (isBehind) {
      this.#behind.shift();
      return;
    }
    this.#ahead.shift();
    if (reference === undefined) this.#refused += 1;
    else {
      this.#lastReference = reference;
      this.#refused = 0;
    }
  }

  /** Whether `reference`, come after our own Ctrl-Z, can only be ours. */
  proves(reference: number, now: number): boolean {
    if (this.outstanding(now) === 0) return true;
    if (this.#lastReference === undefined) return false;
    return this.#distance(reference) === this.#ahead.length + this.#refused + 1;
  }

  /** How many results may still come. */
  outstanding(now: number): number {
    this.#ahead = this.#ahead.filter((until) => until > now);
    this.#behind = this.#behind.filter((until) => until > now);
    return this.#ahead.length + this.#behind.length;
  }

  /** By how many submits `reference` is ahead of the last one known, 0–255. */
  #distance(reference: number): number {
    return (reference - (this.#lastReference ?? reference) + 256) % 256;
  }
}
