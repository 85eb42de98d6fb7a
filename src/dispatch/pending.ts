/** One message from its admission to its answer, and the one place that decides whether it may still be started. */

import type { SendError } from '../errors.js';
import type { OutgoingSms, SubmitControl, SubmitReceipt } from '../modem/sms-modem.js';
import type { Message, SendControl, SendResult, Ticket } from './message.js';
import { callerLeft, deadlineUnreachable, outcomeUnknown } from './refusals.js';

/**
 * A message that has no answer yet, or whose modem still works on it after the answer.
 * Waiting → handed (to a modem, no Ctrl-Z yet) → committed; handed → waiting again when it fails over. It is answered
 * once, at its deadline at the latest, from any of these; an answer takes it out of the queue and, unless
 * it is committed, ends its right to be started (I3).
 */
export class PendingMessage {
  readonly message: Message;
  readonly sms: OutgoingSms;
  readonly ticket: Ticket;
  /** Names of the modems that were handed this message; none gets it twice. */
  readonly tried = new Set<string>();
  /** Settles with the outcome, or with a {@link SendError} whose `progress` is filled. */
  readonly answer: Promise<SendResult>;

  readonly #control: SendControl;
  readonly #admittedAt = performance.now();
  readonly #deadlineTimer: NodeJS.Timeout;
  #resolve!: (result: SendResult) => void;
  #reject!: (error: SendError) => void;
  #modem: string | undefined;
  #leaveQueue: (() => void) | undefined;
  #handedAt: number | undefined;
  /** The control of the hand-over in progress; an earlier modem's is void. */
  #handOver: SubmitControl | undefined;
  #committed = false;
  #answered = false;

  constructor(message: Message, sms: OutgoingSms, control: SendControl, ticket: Ticket) {
    this.message = message;
    this.sms = sms;
    this.ticket = ticket;
    this.#control = control;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#deadlineTimer = setTimeout(this.#onDeadline, Math.max(0, this.remainingMs));
    control.callerLeft.addEventListener('abort', this.#onCallerLeft, { once: true });
  }

  /** Milliseconds until the caller must have its answer; negative when that is past. */
  get remainingMs(): number {
    return this.#control.deadlineAt - performance.now();
  }

  get callerHasLeft(): boolean {
    return this.#control.callerLeft.aborted;
  }

  get isAnswered(): boolean {
    return this.#answered;
  }

  /** True from the moment the modem was allowed to write Ctrl-Z: it may be on the air from then on. */
  get isCommitted(): boolean {
    return this.#committed;
  }

  /** Of two messages, the one that was asked for later. */
  isNewerThan({ ticket }: PendingMessage): boolean {
    return this.ticket.order > ticket.order;
  }

  /** Among waiting messages, only the newest of the same caller, recipient and type is worth sending. */
  isSame({ caller, recipient, messageType }: Message): boolean {
    return (
      this.message.caller === caller &&
      this.message.recipient === recipient &&
      this.message.messageType === messageType
    );
  }

  /** It waits for a modem. @param leaveQueue how it gives up its place when it is answered or moved */
  waitFor(modem: string, leaveQueue: () => void): void {
    this.#modem = modem;
    this.#leaveQueue = leaveQueue;
    this.#handedAt = undefined;
    this.#handOver = undefined;
    this.#committed = false;
  }

  /** Gives up its place, so that it can be put elsewhere; nothing when it does not wait. */
  leave(): void {
    this.#leaveQueue?.();
    this.#leaveQueue = undefined;
  }

  /** Its turn has come or its place was given to another: there is no place left to give up. */
  losePlace(): void {
    this.#leaveQueue = undefined;
  }

  /** It goes to a modem now. @returns what the modem asks before, and tells at, the first Ctrl-Z */
  handTo(modem: string): SubmitControl {
    this.#modem = modem;
    this.tried.add(modem);
    this.#handedAt = performance.now();
    const handOver: SubmitControl = {
      retryUntil: this.#control.deadlineAt,
      mayStart: () => {
        if (this.#handOver !== handOver || this.#answered) return false;
        if (this.callerHasLeft || this.remainingMs <= 0) return false;
        // A yes cannot be taken back: between it and `onStarted` the deadline must already be answered as unknown.
        this.#committed = true;
        return true;
      },
      onStarted: () => {
        if (this.#handOver === handOver) this.#committed = true;
      },
    };
    this.#handOver = handOver;
    return handOver;
  }

  /** Nothing when it was answered already. */
  resolve(receipt: SubmitReceipt, modem: string): void {
    if (!this.#close()) return;
    const { segments, waitedMs, tookMs } = this.progress();
    this.#resolve({ id: this.message.id, segments, modem, references: receipt.references, waitedMs, tookMs });
  }

  /** Nothing when it was answered already. */
  reject(error: SendError): void {
    if (!this.#close()) return;
    error.progress = this.progress();
    this.#reject(error);
  }

  /** How far it came. `waitedMs` ends where the modem that is named was first given a command. */
  progress(): { segments: number; modem?: string; waitedMs: number; tookMs: number } {
    const tookMs = performance.now() - this.#admittedAt;
    return {
      segments: this.sms.segments.length,
      waitedMs: this.#handedAt === undefined ? tookMs : this.#handedAt - this.#admittedAt,
      tookMs,
      ...(this.#modem === undefined ? {} : { modem: this.#modem }),
    };
  }

  readonly #onDeadline = (): void => {
    const modem = this.#modem ?? 'unknown';
    const detail = `the deadline passed before modem ${modem} could start the message`;
    this.reject(this.#committed ? outcomeUnknown(modem) : deadlineUnreachable(detail));
  };

  readonly #onCallerLeft = (): void => {
    if (!this.#committed) this.reject(callerLeft());
  };

  /** The one way out: timer, listener and place are gone. @returns false when it was answered before */
  #close(): boolean {
    if (this.#answered) return false;
    this.#answered = true;
    clearTimeout(this.#deadlineTimer);
    this.#control.callerLeft.removeEventListener('abort', this.#onCallerLeft);
    this.leave();
    return true;
  }
}
