/**
 * How hard to try to get a modem back (I8), as a pure decision. The rungs: ESC and `AT` (the session's own synchronising), close and
 * open, `AT+CFUN=1,1`, the operator's hook. Each higher one is for what the lower one did not mend, and none is climbed for a tty that
 * merely vanished: resetting a stick that has just come back makes it vanish again, for ever.
 */
export type Rung = 'reopen' | 'reset' | 'hook';

/** Why a modem is not usable any more. */
export type LossKind =
  /** The tty is gone or was hung up; nothing but waiting helps. */
  | 'vanished'
  /** It says that it restarted; it must be initialised again. */
  | 'restarted'
  /** The tty is open, but `AT` is not answered. */
  | 'silent'
  /** A submit was not answered in all its time; the message's outcome is decided (unknown). */
  | 'wedged';

/** So many times in a row it may be silent, each time opened anew, before it is reset. */
const silencesBeforeReset = 3;
/** So many submits in a row may go unanswered, with no message sent in between, before it is reset. */
const wedgesBeforeReset = 2;
/** Milliseconds before it may be reset again; doubles each time until it is ready once, up to the second figure. */
const firstResetGapMs = 10 * 60_000;
const longestResetGapMs = 6 * 3_600_000;
/** Milliseconds a reset has to show its effect before anything harder is tried. */
const resetSettleMs = 120_000;
/** Milliseconds between calls of the hook. */
const hookGapMs = 3_600_000;

export class Ladder {
  #silences = 0;
  #wedges = 0;
  #resets = 0;
  #lastResetAt = Number.NEGATIVE_INFINITY;
  #lastHookAt = Number.NEGATIVE_INFINITY;

  /** It is ready to send: what was done about its silence has helped. */
  ready(): void {
    this.#silences = 0;
  }

  /** The network took a message: it is really well, and the next trouble starts from the lowest rung. */
  sent(): void {
    this.#silences = 0;
    this.#wedges = 0;
    this.#resets = 0;
  }

  /** A loss at `now` (`performance.now()` milliseconds): which rung comes next. */
  next(kind: LossKind, now: number): Rung {
    if (kind === 'silent') this.#silences += 1;
    if (kind === 'wedged') this.#wedges += 1;
    const bad = this.#silences >= silencesBeforeReset || this.#wedges >= wedgesBeforeReset;
    if (kind === 'vanished' || kind === 'restarted' || !bad) return 'reopen';
    const gapMs = Math.min(firstResetGapMs * 2 ** Math.max(0, this.#resets - 1), longestResetGapMs);
    if (now - this.#lastResetAt >= gapMs) {
      this.#lastResetAt = now;
      this.#resets += 1;
      return 'reset';
    }
    if (now - this.#lastResetAt < resetSettleMs || now - this.#lastHookAt < hookGapMs) return 'reopen';
    this.#lastHookAt = now;
    return 'hook';
  }
}
