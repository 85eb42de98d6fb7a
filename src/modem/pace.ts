import { Liveness } from './liveness.js';

/** Milliseconds by which a timer may be late on a box that is busy. */
const latenessMs = 60_000;
/** Milliseconds between two looks that a modem's own words may bring about on its way to ready. */
const hastyGapMs = 1_000;

/**
 * The one thing that a supervisor does next, and when; with all else that it waits for, so that it
 * can be told whether anything ever comes.
 */
export class Pace {
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
