/** Whether the trouble lies with a modem or its SIM rather than with the messages it is given. */

/**
 * So many different recipients refused in a row, and none accepted in between, speak against the
 * SIM.
 */
const refusalsToSuspect = 3;
/** Milliseconds between tries of a suspect SIM while another modem works. */
const suspectTrialMs = 300_000;
/**
 * Milliseconds for which a modem that could not begin a message is passed over; doubles with each
 * failure in a row.
 */
const firstPauseMs = 2_000;
/** The longest such pause: a modem that was mended without a word is not left out for longer. */
const longestPauseMs = 30_000;

/**
 * What one modem's last messages say of it. A SIM that is refused (no credit, barred, blocked as a
 * spammer) is *suspect*; a modem that gives messages back unsent, or leaves their outcome unknown,
 * is *failing*. Both are passed over while another modem works, and tried now and then: else the
 * one that fails fastest would take all.
 */
export class LaneHealth {
  /** At most {@link refusalsToSuspect} recipients. */
  readonly #refused = new Set<string>();
  /** Messages in a row that it gave back unsent, or whose outcome is unknown. */
  #failures = 0;
  /** It was brought up anew after a failure, and the network has taken nothing of it since. */
  #isBack = false;
  #lastFailureAt = Number.NEGATIVE_INFINITY;
  /** Of the SIM that was in the modem last, as far as it could be read. */
  #iccid: string | undefined;

  get isSuspect(): boolean {
    return this.#refused.size >= refusalsToSuspect;
  }

  /** Passed over while another works. */
  get isDoubtful(): boolean {
    return this.isSuspect || this.#failures > 0;
  }

  /** True when a message may be spent on finding out whether it works again. */
  get isTrialDue(): boolean {
    const pauseMs = Math.min(firstPauseMs * 2 ** (this.#failures - 1), longestPauseMs);
    return performance.now() - this.#lastFailureAt >= (this.isSuspect ? suspectTrialMs : pauseMs);
  }

  /** The network took a message. @returns true when that ends a suspicion */
  accepted(): boolean {
    const was = this.isSuspect;
    this.#refused.clear();
    this.#failures = 0;
    this.#isBack = false;
    return was;
  }

  /**
   * The network refused one, perhaps because of the SIM. @returns true when that makes it suspect
   */
  refused(recipient: string): boolean {
    this.#lastFailureAt = performance.now();
    if (this.isSuspect) return false;
    this.#refused.add(recipient);
    return this.isSuspect;
  }

  /**
   * It gave a message back that was surely not sent, for a reason of its own, or its outcome is
   * unknown.
   */
  failed(): void {
    this.#failures += 1;
    this.#lastFailureAt = performance.now();
  }

  /**
   * It was brought up anew: what it failed at before is mended, or shows again, and then that is no
   * cure any more until the network takes a message. Whether a suspect one is mended is tried at
   * once, for what was refused may have been no fault of its SIM's. `iccid` is that of its SIM,
   * undefined when it cannot be read: another SIM has nothing to answer for. @returns true when it
   * is another one
   */
  cameBack(iccid: string | undefined): boolean {
    const isOther = iccid !== undefined && this.#iccid !== undefined && this.#iccid !== iccid;
    const hasFailed = this.#failures > 0 || this.isSuspect;
    if (isOther || !this.#isBack) {
      this.#failures = 0;
      this.#lastFailureAt = Number.NEGATIVE_INFINITY;
    }
    this.#isBack ||= hasFailed;
    if (isOther) this.#refused.clear();
    this.#iccid = iccid ?? this.#iccid;
    return isOther;
  }
}
