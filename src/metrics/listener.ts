import type { DeliveryListener } from '../delivery/reports.js';
import type { DispatchListener } from '../dispatch/message.js';
import type { SendErrorCode, Submitted } from '../errors.js';
import type { InboundListener } from '../inbound/news.js';
import type { JournalFaultKind } from '../journal/faults.js';
import type { InboundEvent } from '../modem/inbound-event.js';
import type { Rung } from '../modem/ladder.js';
import type { Refusal } from '../policy/request.js';

/** What became of a message at the network. */
export type SubmittedOrYes = Submitted | 'yes';

/**
 * What the metrics want to hear of. Whoever knows calls it as it happens, once each; none of these
 * throws or takes time. `modem` is always the configured name: it becomes a label.
 */
export interface MetricsListener extends DispatchListener, DeliveryListener, InboundListener {
  /** A request of the public listener has its answer. */
  answered(answer: AnswerFigures): void;
  /** A caller hung up before its answer. */
  callerLeft(): void;
  /** The policy refused a message. */
  refused(refusal: { reason: Refusal['reason'] }): void;
  /**
   * An attempt to submit a segment failed, retried or not; `cause` is what the AT dialogue threw.
   */
  atError(error: { modem: string; cause: unknown }): void;
  /** Something was done to get a modem back. */
  recovery(recovery: { modem: string; rung: Rung }): void;
  /** Something came in over the air, and was read and deleted. */
  inbound(inbound: { modem: string; kind: InboundEvent['kind'] }): void;
  /** The journal went out of order. */
  journalFault(fault: { kind: JournalFaultKind }): void;
}

/** An answer of the public listener, and whose it was, once that is known. */
export type AnswerFigures = {
  caller?: string | undefined;
  /** Of a request that proved to be nobody's: the caller whose it is most likely meant to be. */
  suspected?: string | undefined;
} /**
 * 200. `waitedMs`: until the modem was given the message; `tookMs`: from the message's admission
 * to the answer. `isReplay`: both are of an earlier request with the same Idempotency-Key.
 */ & (
  | { code?: undefined; isReplay?: boolean; waitedMs: number; tookMs: number }
  /** `promised`: 202. */
  | { code: SendErrorCode | 'promised' }
);
