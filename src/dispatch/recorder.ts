/**
 * Tells the journal what happened to each message. It only listens: nothing waits for it but the
 * start of a message, and that is bounded.
 */

import type { SendError } from '../errors.js';
import type { AskedReport, JournalOutcome, JournalSim, MessageEntry } from '../journal/entries.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { Journal } from '../journal/journal.js';
import type { OutgoingSms, SegmentEvent, SmsModem } from '../modem/sms-modem.js';
import { maskNumber } from '../number/mask.js';
import { tailOf } from '../number/tail.js';
import type { Subject } from '../policy/request.js';
import { foreignWords } from '../words/foreign.js';
import type { Message, Outcome } from './message.js';
import type { KeyedRequest } from './request-keys.js';
import { iccidHmac, knownIccid } from './sim-key.js';

/** What of the journal hears of messages; the start is waited for where it gives a promise. */
export interface MessageJournal extends Pick<Journal, 'promised' | 'ended' | 'refused' | 'late'> {
  started(entry: Parameters<Journal['started']>[0]): Promise<void> | undefined;
}

export interface RecorderOptions {
  journal: MessageJournal;
  hmac: Hmac;
  /** The HTTP status of an error, which only `http` knows. */
  statusOf(error: SendError): number;
  /** Wall clock milliseconds that never run backwards. */
  now(): number;
  /** Hears of what may be reported on; default: nobody does. */
  onSegment?: ((segment: SegmentOfMessage) => void) | undefined;
}

/** Characters of the reason that is kept. */
const longestDetail = 200;
/** A segment that a status report was asked for, and whose it is. */
export interface SegmentOfMessage extends SegmentEvent {
  /** Of the message. */
  id: string;
  modem: string;
  simHmac: string | undefined;
  /** Keyed HMAC of the recipient's last digits. */
  tailHmac: string;
  country: string | undefined;
  blockHmac: string;
  /** Segments of the message. */
  total: number;
  /** Milliseconds for which the network may keep trying to deliver it. */
  validityMs: number;
}

/** Milliseconds after the validity in which a report may still be on its way. */
export const reportGraceMs = 600_000;

export class Recorder {
  readonly #options: RecorderOptions;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The record of a message that has come in. */
  open(
    message: Message,
    sms: OutgoingSms,
    subject: Subject,
    key: KeyedRequest | undefined,
  ): MessageRecord {
    return new MessageRecord(message, sms, subject, key, this.#options);
  }
}

/** What the journal is told of one message. */
export class MessageRecord {
  readonly #message: Message;
  readonly #sms: OutgoingSms;
  readonly #subject: Subject;
  readonly #key: KeyedRequest | undefined;
  readonly #options: RecorderOptions;
  readonly #atMs: number;
  #madeEntry: MessageEntry | undefined;
  #at: { modem: string; sim?: JournalSim; report?: AskedReport } | undefined;
  #wasPromised = false;

  constructor(
    message: Message,
    sms: OutgoingSms,
    subject: Subject,
    key: KeyedRequest | undefined,
    options: RecorderOptions,
  ) {
    this.#message = message;
    this.#sms = sms;
    this.#subject = subject;
    this.#key = key;
    this.#options = options;
    this.#atMs = options.now();
  }

  /** Made when the journal wants it: of most refusals it does not. */
  get #entry(): MessageEntry {
    this.#madeEntry ??= this.#makeEntry();
    return this.#madeEntry;
  }

  #makeEntry(): MessageEntry {
    const { id, caller, recipient } = this.#message;
    const { country, recipientHmac, blockHmac, ipHmac } = this.#subject;
    return {
      id,
      atMs: this.#atMs,
      caller,
      recipientMasked: maskNumber(recipient),
      segments: this.#sms.segments.length,
      country,
      recipientHmac,
      blockHmac,
      ...(ipHmac !== undefined && { ipHmac }),
      ...this.#key,
    };
  }

  /** Wall-clock milliseconds at which the message came. */
  get atMs(): number {
    return this.#entry.atMs;
  }

  /**
   * It waits, and its caller is told that it is on its way. Resolves, within the journal's bound,
   * with whether the row is on the disk.
   */
  promised(): Promise<boolean> {
    this.#wasPromised = true;
    return this.#options.journal.promised({ ...this.#entry, segments: this.#sms.segments.length });
  }

  /** Its turn has come at this modem. Settles when that is written, within the journal's bound. */
  starting(modem: SmsModem): Promise<void> | undefined {
    const iccid = knownIccid(modem);
    const sim =
      iccid === undefined
        ? undefined
        : { masked: maskNumber(iccid), hmac: iccidHmac(modem, iccid, this.#options.hmac) };
    const report = this.#askedReport(modem);
    this.#at = { modem: modem.name, ...(sim && { sim }), ...(report && { report }) };
    return this.#options.journal.started({
      ...this.#entry,
      ...this.#at,
      segments: this.#sms.segments.length,
      wasPromised: this.#wasPromised,
    });
  }

  /** What becomes of a segment at the modem it {@link starting started} at. */
  segment(event: SegmentEvent): void {
    const { modem = '', sim, report } = this.#at ?? {};
    if (report === undefined) return;
    const { country, blockHmac } = this.#subject;
    this.#options.onSegment?.({
      ...event,
      id: this.#message.id,
      modem,
      simHmac: sim?.hmac,
      tailHmac: report.tailHmac,
      country,
      blockHmac,
      total: this.#sms.segments.length,
      validityMs: this.#sms.validityMs,
    });
  }

  #askedReport(modem: SmsModem): AskedReport | undefined {
    if (modem.asksForReport?.(this.#sms.statusReport) !== true) return undefined;
    const tailHmac = this.#options.hmac('tail', tailOf(this.#message.recipient));
    return { tailHmac, untilMs: this.#options.now() + this.#sms.validityMs + reportGraceMs };
  }

  /** Its caller has been answered. */
  ended(outcome: Outcome): void {
    const wasStarted = this.#at !== undefined;
    const toEntry = () => ({
      ...this.#entry,
      ...this.#at,
      wasStarted,
      wasPromised: this.#wasPromised,
      outcome: this.#toJournal(outcome),
    });
    const { journal } = this.#options;
    // A row that is there has to learn its end.
    const mustBeTold = wasStarted || this.#wasPromised;
    if (mustBeTold) journal.ended(toEntry());
    const hasRow = mustBeTold || journal.refused(toEntry, this.#key !== undefined);
    if ('error' in outcome) outcome.error.hasRow = hasRow;
  }

  /** What became of it after its caller was answered. */
  late(outcome: Outcome): void {
    const {
      waitedMs: _,
      tookMs: __,
      ...truth
    } = {
      ...this.#toJournal(outcome),
      atMs: this.#options.now(),
    };
    this.#options.journal.late(this.#entry.id, truth, this.#entry.keyHmac);
  }

  #toJournal(outcome: Outcome): JournalOutcome {
    if ('result' in outcome) {
      const { references, waitedMs, tookMs } = outcome.result;
      return { status: 200, submitted: 'yes', references, waitedMs, tookMs };
    }
    const { code, causeCode, submitted, progress, detail } = outcome.error;
    const { waitedMs, tookMs } = progress;
    return {
      status: this.#options.statusOf(outcome.error),
      code,
      causeCode,
      submitted,
      detail: detail === undefined ? undefined : foreignWords(detail, longestDetail),
      waitedMs,
      tookMs,
    };
  }
}
