/** Whether the trouble lies with a SIM rather than with the messages it is given. */

/** So many different recipients refused in a row, and none accepted in between, speak against the SIM. */
const refusalsToSuspect = 3;
/** Milliseconds between tries of a suspect SIM while another modem works. */
const trialEveryMs = 300_000;

/** One modem's record of refusals that may be its SIM's fault: no credit, barred, blocked as a spammer. */
export class Suspicion {
  /** At most {@link refusalsToSuspect} recipients. */
  readonly #refused = new Set<string>();
  #lastTrialAt = Number.NEGATIVE_INFINITY;

  get isSuspect(): boolean {
    return this.#refused.size >= refusalsToSuspect;
  }

  /** True when a message may be spent on finding out whether the SIM works again. */
  get isTrialDue(): boolean {
    return performance.now() - this.#lastTrialAt >= trialEveryMs;
  }

  /** The network took a message. @returns true when that ends a suspicion */
  accepted(): boolean {
    const was = this.isSuspect;
    this.#refused.clear();
    return was;
  }

  /** The network refused one, perhaps because of the SIM. @returns true when that makes it suspect */
  refused(recipient: string): boolean {
    this.#lastTrialAt = performance.now();
    if (this.isSuspect) return false;
    this.#refused.add(recipient);
    return this.isSuspect;
  }
}
