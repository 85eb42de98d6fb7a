/** Whether a modem gets messages through, as those who ask for them see it: yes, and in time. */

import type { SendError } from '../errors.js';
import type { PendingMessage } from './pending.js';

/**
 * So many recipients, or messages, in a row: it is no accident of one recipient, or of one caller
 * who tries again.
 */
const recipientsToTell = 3;
const messagesToTell = 5;
/** Milliseconds; who had no yes by then, or had left, owes it to the modem. */
const slowMs = 5_000;

/** Why a message that a modem had was not answered with a yes. */
export interface Miss {
  /** A phrase for people. */
  why: string;
  /** The modem took too long; else it, or the network, failed. */
  isSlow: boolean;
}

/** A modem that gets nothing through. */
export interface FailingSends {
  /** So many messages, in a row. */
  messages: number;
  /** The last one's. */
  miss: Miss;
}

/** How the last messages of one modem ended. */
export class SendStreak {
  /** Of those that were missed since the last yes: at most {@link recipientsToTell}. */
  readonly #recipients = new Set<string>();
  #messages = 0;
  #miss: Miss | undefined;

  /** Undefined while messages get through, or too few have failed to say that they do not. */
  get failing(): FailingSends | undefined {
    const areMany = this.#recipients.size >= recipientsToTell || this.#messages >= messagesToTell;
    if (!areMany || this.#miss === undefined) return undefined;
    return { messages: this.#messages, miss: this.#miss };
  }

  /** The network took this one. */
  accepted(message: PendingMessage): void {
    const heldMs = heldMsOf(message);
    if (!message.isAnswered || message.isPromised || heldMs < slowMs) return this.forget();
    const why = `it was sent, but that took ${seconds(heldMs)}, and its caller had been answered`;
    this.#missed(message, { why, isSlow: true });
  }

  /** It ended in `error`. One that was not begun says nothing, unless that took long. */
  failed(message: PendingMessage, { code, detail }: SendError): void {
    if (code !== 'deadline_unreachable')
      return this.#missed(message, { why: detail ?? code, isSlow: false });
    const heldMs = heldMsOf(message);
    if (heldMs < slowMs) return;
    this.#missed(message, { why: `it was not begun within ${seconds(heldMs)}`, isSlow: true });
  }

  /** Nothing that was speaks against it. */
  forget(): void {
    this.#recipients.clear();
    this.#messages = 0;
  }

  #missed({ recipientHmac }: PendingMessage, miss: Miss): void {
    this.#messages += 1;
    this.#miss = miss;
    if (this.#recipients.size < recipientsToTell) this.#recipients.add(recipientHmac);
  }
}

/** Milliseconds since the modem that has it was given it. */
function heldMsOf(message: PendingMessage): number {
  const { waitedMs, tookMs } = message.progress();
  return tookMs - waitedMs;
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
