/**
 * Submits whose result never came, and may still come: a late `+CMGS` of one of them must never answer a newer one (a false
 * 200). A modem that works its commands off in order cannot mix them up once it has answered a later `AT`; one that answers `AT` while a
 * submit is still out can. Only the message reference tells: modems count it up by one for each submit, so with k results outstanding ours is
 * the last one plus k plus 1.
 */
export class UnansweredSubmits {
  /** `performance.now()` milliseconds until which each may still be answered. */
  #until: number[] = [];
  #lastReference: number | undefined;

  /** The newest reference that is known to belong to a submit of ours; undefined before the first. */
  get lastReference(): number | undefined {
    return this.#lastReference;
  }

  /** A Ctrl-Z got no result; one may come until `until`. */
  add(until: number): void {
    this.#until.push(until);
  }

  /** The modem has started anew, or has shown that it works in order: nothing old can come any more. */
  clear(): void {
    this.#until = [];
  }

  /** A reference that surely belongs to its submit. */
  answered(reference: number): void {
    this.#lastReference = reference;
  }

  /** A result that came when none was awaited: it answers the oldest. */
  answeredLate(reference: number): void {
    this.#until.shift();
    this.#lastReference = reference;
  }

  /** Whether `reference`, come after our own Ctrl-Z, can only be ours. */
  proves(reference: number, now: number): boolean {
    const outstanding = this.outstanding(now);
    if (outstanding === 0) return true;
    if (this.#lastReference === undefined) return false;
    return (reference - this.#lastReference + 256) % 256 === (outstanding + 1) % 256;
  }

  /** How many results may still come. */
  outstanding(now: number): number {
    this.#until = this.#until.filter((until) => until > now);
    return this.#until.length;
  }
}
