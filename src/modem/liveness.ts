/**
 * Milliseconds within which a step that is not a wait must be over, so that the loop counts as
 * alive. A step asks the modem up to some fifteen things of 5–10 s each, in turn with doctor's
 * commands; to close a stuck tty takes the kernel 30 s.
 */
export const stepMs = 240_000;

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

/** Milliseconds by which a timer may be late on a box that is busy. */
const latenessMs = 60_000;
/** Milliseconds between two looks that a modem's own words may bring about on its way to ready. */
const hastyGapMs = 1_000;

/**
 * The one thing that a supervisor does next, and when; with all else that it waits for, so that it
 * can be told whether anything ever comes.
 */
export class StepTimer {
  readonly liveness = new Liveness();
  #timer: NodeJS.Timeout | undefined;
  /** What the timer is for, and since when, in `performance.now()` milliseconds. */
  #pending: { run: () => void; since: number } | undefined;

  /** Runs after `ms`, instead of what was to run before. */
  after(ms: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.liveness.expect('a timer', ms + latenessMs);
    const due = () => {
      this.#pending = undefined;
      this.liveness.met('a timer');
      run();
    };
    this.#pending = { run: due, since: performance.now() };
    this.#timer = setTimeout(due, ms);
  }

  /**
   * What is waited for may have come: runs now what was to run later, unless it was only just put
   * off.
   */
  hasten(): void {
    const pending = this.#pending;
    if (!pending || performance.now() - pending.since < hastyGapMs) return;
    clearTimeout(this.#timer);
    pending.run();
  }

  /** Nothing is to run any more. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#pending = undefined;
  }

  /** Something new begins: nothing of what was waited for counts. */
  beginAnew(): void {
    this.cancel();
    this.liveness.beginAnew();
  }
}
