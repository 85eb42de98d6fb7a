import type { SendError } from '../errors.js';

/**
 * So many different recipients in a row, and none accepted in between, are no accident of theirs.
 */
const recipientsToNotice = 3;

/**
 * Causes that lie with the message or its recipient (24.011 8.2.5.4, 23.040 9.2.3.22), or that are
 * told of by themselves (330, 331).
 */
const ofTheirOwn = new Set([
  1, 21, 27, 30, 81, 95, 96, 97, 98, 99, 111, 195, 196, 304, 305, 330, 331,
]);

/** Whether a modem that is registered gets no message out: each fails, whoever it is for. */
export class FailingSends {
  /** At most {@link recipientsToNotice}; never shown. */
  readonly #recipients = new Set<string>();
  #lastCause: string | undefined;

  /** The last cause, as a phrase, when every send fails; else undefined. */
  get cause(): string | undefined {
    return this.#recipients.size >= recipientsToNotice ? this.#lastCause : undefined;
  }

  accepted(): void {
    this.#recipients.clear();
  }

  failed(error: SendError, recipient: string): void {
    if (error.code !== 'network_refused' && error.code !== 'outcome_unknown') return;
    const code = /^CMS (\d+)/.exec(error.causeCode ?? '')?.[1];
    if (code !== undefined && ofTheirOwn.has(Number(code))) return;
    if (this.#recipients.size < recipientsToNotice) this.#recipients.add(recipient);
    this.#lastCause = error.causeCode ?? 'no answer';
  }
}
