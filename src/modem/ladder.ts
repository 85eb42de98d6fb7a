/**
 * How hard to try to get a modem back (I8), as a pure decision. The rungs: ESC and `AT` (the
 * session's own synchronising), close and open, the radio off and on, `AT+CFUN=1,1`, the operator's
 * hook. Each higher one is for what the lower one did not mend, and none but the hook is for a tty
 * that merely vanished: resetting a stick that has just come back makes it vanish again, for ever.
 */
export type Rung = 'reopen' | 'radio' | 'reset' | 'hook';

/** Why a modem is not usable any more. */
export type LossKind =
  /** The tty was hung up, or is somebody else's now; nothing but waiting helps. */
  | 'vanished'
  /** No tty of it is there, or none that can be talked to. */
  | 'missing'
  /** It says that it restarted; it must be initialised again. */
  | 'restarted'
  /** The tty is open, but `AT` is not answered. */
  | 'silent'
  /** A submit was not answered in all its time; the message's outcome is decided (unknown). */
  | 'wedged'
  /** It answers `AT`, but gave no prompt for a message. */
  | 'promptless'
  /** It answers, but nothing would tell a result that it owes from that of the next message. */
  | 'owing';

/** So many times in a row it may be silent, each time opened anew, before it is reset. */
const silencesBeforeReset = 3;
/**
 * So many submits in a row may go unanswered, or get no prompt, with no message sent in between,
 * before it is reset.
 */
const wedgesBeforeReset = 2;
/**
 * Milliseconds before it may be reset again; doubles each time until it is ready once, up to the
 * second figure.
 */
const firstResetGapMs = 10 * 60_000;
const longestResetGapMs = 6 * 3_600_000;
/** Milliseconds a reset has to show its effect before anything harder is tried. */
const resetSettleMs = 120_000;
/** Milliseconds between calls of the hook. */
const hookGapMs = 3_600_000;
/** Milliseconds that it may be missing before the hook is called. */
const missingBeforeHookMs = 5 * 60_000;
/**
 * Milliseconds that it may answer, and not be ready, before the first rung; doubles with each, up
 * to the second figure.
 */
const firstStuckGapMs = 10 * 60_000;
const longestStuckGapMs = 6 * 3_600_000;
/** What is done about one that answers and is not ready, one after the other, over and over. */
const stuckRungs: readonly Rung[] = ['radio', 'reset', 'hook'];

export interface LadderOptions {
  /** There is an operator's hook to call. */
  hasHook: boolean;
  /**
   * A link that is cut is noticed as such, so silence is the modem's own. Over raw TCP both look
   * alike, and a modem is not reset for what its link has done.
   */
  silenceIsItsOwn?: boolean;
}

export class Ladder {
  readonly #silenceIsItsOwn: boolean;
  readonly #stuckRungs: readonly Rung[];
  #silences = 0;
  #wedges = 0;
  #resets = 0;
  #lastResetAt = Number.NEGATIVE_INFINITY;
  #lastHookAt = Number.NEGATIVE_INFINITY;
  #missingSince: number | undefined;
  /**
   * `performance.now()` milliseconds of the next rung for one that is stuck, and how many there
   * were.
   */
  #stuckDueAt: number | undefined;
  #stuckTimes = 0;

  constructor({ hasHook, silenceIsItsOwn = true }: LadderOptions = { hasHook: true }) {
    this.#silenceIsItsOwn = silenceIsItsOwn;
    this.#stuckRungs = stuckRungs.filter((rung) => hasHook || rung !== 'hook');
  }

  /** Its tty was opened. */
  opened(): void {
    this.#missingSince = undefined;
  }

  /** It is ready to send: what was done about its silence, or about its being stuck, has helped. */
  ready(): void {
    this.#silences = 0;
    this.#stuckDueAt = undefined;
    this.#stuckTimes = 0;
  }

  /**
   * The network took a message: it is really well, and the next trouble starts from the lowest
   * rung.
   */
  sent(): void {
    this.#silences = 0;
    this.#wedges = 0;
    this.#resets = 0;
  }

  /** A loss at `now` (`performance.now()` milliseconds): which rung comes next. */
  next(kind: LossKind, now: number): Rung {
    if (kind === 'missing') return this.#missing(now);
    if (kind === 'silent') this.#silences += 1;
    if (kind === 'wedged' || kind === 'promptless') this.#wedges += 1;
    if (kind === 'owing') return this.mayReset(now) ? this.#reset(now) : 'reopen';
    const bad = this.#silences >= silencesBeforeReset || this.#wedges >= wedgesBeforeReset;
    if (kind === 'vanished' || kind === 'restarted' || !bad) return 'reopen';
    if (kind !== 'promptless' && !this.#silenceIsItsOwn) return this.#hook(now);
    if (this.mayReset(now)) return this.#reset(now);
    return now - this.#lastResetAt < resetSettleMs ? 'reopen' : this.#hook(now);
  }

  /**
   * It answers at `now`, and lacks what it needs to be ready, as it has since it was last ready:
   * which rung is due, if any. One that still lacks it after that is asked about again at the next
   * look.
   */
  stuck(now: number): Rung | undefined {
    this.#stuckDueAt ??= now + firstStuckGapMs;
    if (now < this.#stuckDueAt) return undefined;
    const rung = this.#stuckRungs[this.#stuckTimes % this.#stuckRungs.length] ?? 'reopen';
    this.#stuckTimes += 1;
    this.#stuckDueAt = now + Math.min(firstStuckGapMs * 2 ** this.#stuckTimes, longestStuckGapMs);
    if (rung === 'hook') return this.#hook(now);
    return rung === 'reset' ? this.#reset(now) : rung;
  }

  /** Whether its last reset is long enough ago. */
  mayReset(now: number): boolean {
    const gapMs = Math.min(firstResetGapMs * 2 ** Math.max(0, this.#resets - 1), longestResetGapMs);
    return now - this.#lastResetAt >= gapMs;
  }

  #missing(now: number): Rung {
    this.#missingSince ??= now;
    return now - this.#missingSince < missingBeforeHookMs ? 'reopen' : this.#hook(now);
  }

  #reset(now: number): Rung {
    this.#lastResetAt = now;
    this.#resets += 1;
    return 'reset';
  }

  #hook(now: number): Rung {
    if (now - this.#lastHookAt < hookGapMs) return 'reopen';
    this.#lastHookAt = now;
    return 'hook';
  }
}
