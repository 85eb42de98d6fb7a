/**
 * What a supervisor waits for now, and by when each of it must have come. Everything it waits for
 * has a bound of its own, so something overdue, or nothing at all to wait for, means that its loop
 * is broken: no timer and no modem will ever move it again.
 */
export class Liveness {
  /** `performance.now()` milliseconds by what is waited for. */
  readonly #due = new Map<string, number>();
  #isResting = true;

  /** `what`, a phrase for the log, is to come within `withinMs`; said again, it begins anew. */
  expect(what: string, withinMs: number): void {
    this.#isResting = false;
    this.#due.set(what, performance.now() + withinMs);
  }

  /** `what` came, or is not waited for any more. */
  met(what: string): void {
    this.#due.delete(what);
  }

  /** Something new begins: nothing of what was waited for counts. */
  beginAnew(): void {
    this.#due.clear();
  }

  /** Nothing is to come until the next {@link expect}: as before the start, and after the end. */
  rest(): void {
    this.#due.clear();
    this.#isResting = true;
  }

  /**
   * Undefined while all is well at `now` (`performance.now()` milliseconds), else what is wrong, as
   * a phrase.
   */
  overdue(now: number): string | undefined {
    if (this.#isResting) return undefined;
    if (this.#due.size === 0) return 'nothing would wake it any more';
    for (const [what, by] of this.#due) {
      if (now > by) return `${what} is ${Math.round((now - by) / 1000)} s overdue`;
    }
    return undefined;
  }
}
