/**
 * One message from its admission to its answer, and the one place that decides whether it may still
 * be committed to a modem.
 */

import type { SendError } from '../errors.js';
import type { OutgoingSms, SmsModem, SubmitControl, SubmitReceipt } from '../modem/sms-modem.js';
import type { Reservation, Subject } from '../policy/request.js';
import type { Message, Outcome, SendControl, SendResult } from './message.js';
import type { MessageRecord } from './recorder.js';
import { callerLeft, deadlineUnreachable, neverCost, outcomeUnknown } from './refusals.js';

/** What a message brings along, and carries to its true end. */
export interface PendingOptions {
  message: Message;
  sms: OutgoingSms;
  control: SendControl;
  /** Order in which messages were asked for: of two, the greater is the newer. */
  order: number;
  /** Has the recipient as it is counted, and its keyed HMAC, as the caps of a SIM know it. */
  subject: Pick<Subject, 'recipient' | 'recipientHmac'>;
  /** What the journal is told of it. */
  record: MessageRecord;
  /** Told what became of it after its caller was answered. Must not throw. */
  onLate: (truth: Outcome) => void;
}

/**
 * A message that has no answer yet, or whose modem still works on it after the answer.
 * Waiting → handed (to a modem, no Ctrl-Z yet) → committed; handed → waiting again when it fails
 * over. It is answered once, at its deadline at the latest, from any of these; an answer takes it
 * out of the waiting list and, unless it is committed, ends its right to be started (I3).
 */
export class PendingMessage {
  readonly message: Message;
  readonly sms: OutgoingSms;
  readonly order: number;
  readonly record: MessageRecord;
  /** Names of the modems that were handed this message; none gets it twice. */
  readonly tried = new Set<string>();
  /** Settles with the outcome, or with a {@link SendError} whose `progress` is filled. */
  readonly answer: Promise<SendResult>;
  /** Which modem gave it back unsent, and why; what follows is a fail-over. */
  cameBack: { from: string; cause: string } | undefined;
  /** Its place within the limits of the policy, from its admission on; settled by its answer. */
  reservation: Reservation | undefined;
  /**
   * Asked each time it is about to be given to a modem; its Ctrl-Z waits for what it returns, which
   * may answer the message before. Must not reject.
   */
  beforeStart: (() => Promise<void> | undefined) | undefined;

  readonly #subject: Pick<Subject, 'recipient' | 'recipientHmac'>;
  #supersedeKey: string | undefined;
  readonly #control: SendControl;
  readonly #onLate: (truth: Outcome) => void;
  readonly #admittedAt = performance.now();
  #deadlineTimer: NodeJS.Timeout | undefined;
  #resolve!: (result: SendResult) => void;
  #reject!: (error: SendError) => void;
  #modem: string | undefined;
  #leavePlace: (() => void) | undefined;
  #handedAt: number | undefined;
  /** The control of the hand-over in progress; an earlier modem's is void. */
  #handOver: SubmitControl | undefined;
  #committed = false;
  #answered = false;
  #promised = false;

  constructor(options: PendingOptions) {
    const { message, sms, control, order, subject, record, onLate } = options;
    this.message = message;
    this.sms = sms;
    this.order = order;
    this.#subject = subject;
    this.record = record;
    this.#control = control;
    this.#onLate = onLate;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get recipientHmac(): string {
    return this.#subject.recipientHmac;
  }

  /**
   * Only one of the waiting messages with the same key is worth sending: caller, recipient (in any
   * spelling), type. Names the recipient in clear, for this process alone: each message that is
   * refused is looked for by it, and an HMAC would be a good part of what that costs.
   */
  get supersedeKey(): string {
    this.#supersedeKey ??= this.#supersedes(this.#subject.recipient.countedAs);
    return this.#supersedeKey;
  }

  /** The same without the number, for other boxes. */
  get sharedSupersedeKey(): string {
    return this.#supersedes(this.recipientHmac);
  }

  #supersedes(recipient: string): string {
    const { id, caller, messageType, isAlert } = this.message;
    // A newer code makes an older one void; a newer alert does so only where both say what they
    // are.
    const of = isAlert ? [messageType ?? id, 'alert'] : [messageType];
    return JSON.stringify([caller, recipient, ...of]);
  }

  /** Whether this modem may have it: one of its caller's, which was not handed it before. */
  mayGoTo(modem: string): boolean {
    return !this.tried.has(modem) && (this.message.modems?.includes(modem) ?? true);
  }

  /** How many TPDUs it takes. */
  get segments(): number {
    return this.sms.segments.length;
  }

  /** Milliseconds until the caller must have its answer; negative when that is past. */
  get remainingMs(): number {
    return this.#control.deadlineAt - performance.now();
  }

  /** Nobody waits for it any more; not said of what was promised. */
  get callerHasLeft(): boolean {
    return !this.#promised && this.#control.callerLeft.aborted;
  }

  /** Its caller was told that it is on its way: neither its leaving nor a stop of ours ends it. */
  get isPromised(): boolean {
    return this.#promised;
  }

  /** It is waited for by nobody from here on, and goes on. */
  promise(): void {
    this.#promised = true;
  }

  get isAnswered(): boolean {
    return this.#answered;
  }

  /**
   * True from the moment the modem was allowed to write Ctrl-Z: it may be on the air from then on.
   */
  get isCommitted(): boolean {
    return this.#committed;
  }

  /** It was given to a modem, and has not come back. */
  get isAtModem(): boolean {
    return this.#handOver !== undefined;
  }

  /** It is let in: from here on its deadline and its caller's leaving answer it. */
  enter(): void {
    this.#deadlineTimer = setTimeout(this.#onDeadline, Math.max(0, this.remainingMs));
    this.#control.callerLeft.addEventListener('abort', this.#onCallerLeft, { once: true });
  }

  /** It waits. @param leavePlace how it gives up its place when it is answered */
  waitAt(leavePlace: () => void): void {
    this.#leavePlace = leavePlace;
    this.#handedAt = undefined;
    this.#handOver = undefined;
    this.#committed = false;
  }

  /** Its place was given to another, or its turn has come: there is none left to give up. */
  losePlace(): void {
    this.#leavePlace = undefined;
  }

  /**
   * It goes to a modem now. @returns what the modem asks before, and tells at, the first Ctrl-Z,
   * which it writes when that is `noted`
   */
  handTo(modem: SmsModem, noted: Promise<void> | undefined): SubmitControl {
    this.#modem = modem.name;
    this.tried.add(modem.name);
    this.#handedAt = performance.now();
    const handOver: SubmitControl = {
      noted,
      retryUntil: this.#control.deadlineAt,
      mayCommit: () => {
        if (this.#handOver !== handOver || this.#answered) return false;
        if (this.callerHasLeft || this.remainingMs <= 0) return false;
        // A yes cannot be taken back: between it and `onCommitted` the deadline must already be
        // answered as unknown.
        this.#committed = true;
        return true;
      },
      onCommitted: () => {
        if (this.#handOver === handOver) this.#committed = true;
      },
      onSegment: (event) => this.record.segment(event),
    };
    this.#handOver = handOver;
    return handOver;
  }

  /**
   * The network took it at this modem. One that was answered already is told so as a late result.
   */
  resolve(receipt: SubmitReceipt, modem: string): void {
    const { segments, waitedMs, tookMs } = this.progress();
    const { references } = receipt;
    const result = { id: this.message.id, segments, modem, references, waitedMs, tookMs };
    if (!this.#close()) return this.#onLate({ result });
    this.reservation?.keep();
    this.#resolve(result);
  }

  /** Gives it up, if it was not committed; false when it was. */
  withdraw(why: SendError): boolean {
    if (!this.#committed) this.reject(why);
    return !this.#committed;
  }

  /**
   * It failed, or is refused. Nothing when it was answered already: {@link failedLate} tells a
   * modem's late word.
   */
  reject(error: SendError): void {
    const progress = this.progress();
    if (!this.#close()) return;
    error.progress = progress;
    if (neverCost(error)) this.reservation?.giveBack();
    else this.reservation?.keep();
    this.#reject(error);
  }

  /** What a modem said of it after its caller was answered. */
  failedLate(error: SendError): void {
    this.#onLate({ error });
  }

  /** How far it came. `waitedMs` ends where the modem that is named was first given a command. */
  progress(): { segments: number; modem?: string; waitedMs: number; tookMs: number } {
    const tookMs = performance.now() - this.#admittedAt;
    return {
      segments: this.segments,
      waitedMs: this.#handedAt === undefined ? tookMs : this.#handedAt - this.#admittedAt,
      tookMs,
      ...(this.#modem === undefined ? {} : { modem: this.#modem }),
    };
  }

  readonly #onDeadline = (): void => {
    if (this.#committed) return this.reject(outcomeUnknown(this.#modem ?? 'unknown'));
    const what =
      this.#handedAt === undefined
        ? 'the deadline passed while the message waited for a modem'
        : `the deadline passed before modem ${this.#modem} could start the message`;
    this.reject(deadlineUnreachable(what));
  };

  readonly #onCallerLeft = (): void => {
    if (!this.#committed && !this.#promised) this.reject(callerLeft());
  };

  /**
   * The one way out: timer, listener and place are gone. @returns false when it was answered before
   */
  #close(): boolean {
    if (this.#answered) return false;
    this.#answered = true;
    clearTimeout(this.#deadlineTimer);
    this.#control.callerLeft.removeEventListener('abort', this.#onCallerLeft);
    this.#leavePlace?.();
    this.#leavePlace = undefined;
    return true;
  }
}
