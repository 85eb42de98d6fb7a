/** What log and counters are told of a message's turns at modems; the answer is its caller's. */

import type { Logger } from 'winston';
import { SendError, type Submitted } from '../errors.js';
import type { SubmitReceipt } from '../modem/sms-modem.js';
import { maskNumber } from '../number/mask.js';
import type { DispatchListener } from './message.js';
import type { PendingMessage } from './pending.js';

export class TurnNews {
  readonly #listener: Partial<DispatchListener>;
  readonly #log: Logger;

  constructor(listener: Partial<DispatchListener>, log: Logger) {
    this.#listener = listener;
    this.#log = log;
  }

  /** It is given to the modem `to`; nothing is said where no other has given it back. */
  begun({ message, cameBack }: PendingMessage, to: string): void {
    if (cameBack === undefined) return;
    const { from, cause } = cameBack;
    this.#listener.failedOver?.({ from, to });
    this.#log.warn('message goes to another modem', {
      event: 'fail_over',
      id: message.id,
      recipient: maskNumber(message.recipient),
      from,
      to,
      cause,
    });
  }

  /**
   * The modem is done with it. What never reached Ctrl-Z says nothing of the network; of one that
   * was answered already, this is the truth.
   */
  ended(modem: string, pending: PendingMessage, outcome: SubmitReceipt | SendError): void {
    const submitted = outcome instanceof SendError ? outcome.submitted : 'yes';
    if (pending.isCommitted) {
      const { waitedMs, tookMs } = pending.progress();
      this.#listener.submitEnded?.({ modem, tookMs: tookMs - waitedMs, submitted });
    }
    if (pending.isAnswered && !isNothingNew(pending, outcome))
      this.#late(modem, pending, outcome, submitted);
  }

  /** The network refused several recipients in a row, or takes messages of this SIM again. */
  suspicion(modem: string, isSuspect: boolean): void {
    const words = isSuspect
      ? 'is suspect: the network refused several recipients in a row. Check its credit and contract'
      : 'sends again';
    this.#log.log(isSuspect ? 'warn' : 'info', `the SIM of modem ${modem} ${words}`, {
      event: 'suspect',
      modem,
    });
  }

  #late(
    modem: string,
    pending: PendingMessage,
    outcome: SubmitReceipt | SendError,
    submitted: Submitted | 'yes',
  ): void {
    const { id, recipient } = pending.message;
    const { segments, waitedMs, tookMs } = pending.progress();
    const failure = outcome instanceof SendError ? outcome : undefined;
    this.#listener.lateResult?.({ modem, submitted });
    this.#log.log(failure?.code === 'internal' ? 'error' : 'info', 'late result', {
      event: 'late_result',
      id,
      recipient: maskNumber(recipient),
      modem,
      segments,
      outcome: failure?.code ?? 'submitted',
      submitted,
      ...(failure?.causeCode !== undefined && { cause_code: failure.causeCode }),
      ...(failure?.cause instanceof Error && { stack: failure.cause.stack }),
      waited_ms: Math.round(waitedMs),
      took_ms: Math.round(tookMs),
    });
  }
}

/** It was answered as not submitted, and was not. */
export function isNothingNew(
  { isCommitted }: PendingMessage,
  outcome: SubmitReceipt | SendError,
): boolean {
  return !isCommitted && outcome instanceof SendError && outcome.submitted === 'no';
}
