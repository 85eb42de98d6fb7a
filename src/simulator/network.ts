import { type DecodedSubmit, toHex } from './decode-submit.js';
import { encodeDeliver, encodeStatusReport, partsOf } from './encode.js';
import type { HeldMessage } from './message-store.js';
import type { ModemOptions, RegistrationState } from './options.js';
import type { Random } from './random.js';
import type { NetworkRecord } from './record.js';
import { type PlannedReport, planReports, type ReportHabits, spell } from './report-habits.js';
import { type Clock, Timers } from './timers.js';

/** In the middle of the number behind TP-MTI. */
const brokenOctets = 6;

/** Who a network's messages go to. */
export interface Subscriber {
  /**
   * Returns false when it cannot take the message now (off, unregistered, memory full); the network
   * keeps it.
   */
  takeDelivery(message: HeldMessage): boolean;
  /** What the network grants has changed. */
  registrationChanged(): void;
}

/** Who submits, and under what circumstances. */
export interface Submitter {
  imei: string;
  iccid: string;
  serviceCentre: string;
  submit: number;
  faults: readonly string[];
  /** The TP-MR that the modem has given it; undefined: the next one. */
  reference?: number | undefined;
}

/** A text for the subscriber, and what becomes of it on its way. */
export interface InboundText {
  from: string;
  text: string;
  /** It is cut short, so that nobody can decode it. */
  isBroken?: boolean;
  /** In which order its parts come, where it is long. */
  order?: 'sent' | 'reversed' | 'shuffled';
  /** Parts that never come, counted from 1. */
  missing?: readonly number[];
}

/** What was accepted, to be reported on. */
interface Reported {
  seq: number;
  mr: number;
  recipient: string;
  acceptedAt: Date;
}

const maxUndelivered = 1000;
/** Milliseconds until the carrier answers an SMS. */
const carrierMs = 300;

/**
 * The network: takes SMS-SUBMITs into its record, numbers them, reports on them, delivers to the
 * subscriber.
 */
export class Network {
  readonly #options: ModemOptions;
  readonly #record: NetworkRecord;
  readonly #timers: Timers;
  readonly #undelivered: HeldMessage[] = [];
  #subscriber: Subscriber | undefined;
  /** What it grants, but for the losses that last. */
  #meant: RegistrationState;
  #losses = 0;
  #mr: number;
  #accepted = 0;
  /** What is left on the SIM, and how the carrier says so. */
  credit: number;
  balanceText: string;
  /** What stands behind `+CUSD: ` instead; empty: silence. */
  ussdAnswer: string | undefined;
  #inboundReference = 0;
  #inboundCount = 0;
  readonly #random: Random;
  /** How it reports from now on. */
  reportHabits: ReportHabits;

  constructor(options: ModemOptions, clock: Clock, random: Random, record: NetworkRecord) {
    this.#options = options;
    this.#timers = new Timers(clock);
    this.#record = record;
    this.#meant = options.registration;
    this.credit = options.credit;
    this.balanceText = options.balanceText;
    this.#mr = random.below(256);
    this.#random = random;
    this.reportHabits = options.reportHabits;
  }

  get granted(): RegistrationState {
    return this.#losses > 0 ? 'searching' : this.#meant;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get undelivered(): number {
    return this.#undelivered.length;
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscriber = subscriber;
  }

  grant(state: RegistrationState): void {
    this.#change(() => {
      this.#meant = state;
    });
  }

  /** The modem searches for `ms` milliseconds, and longer where another loss outlasts this one. */
  lose(ms: number): void {
    this.#change(() => {
      this.#losses += 1;
    });
    this.after(ms, () =>
      this.#change(() => {
        this.#losses -= 1;
      }),
    );
  }

  #change(change: () => void): void {
    const before = this.granted;
    change();
    if (this.granted === before) return;
    this.#record.write({ kind: 'registration', state: this.granted });
    this.#subscriber?.registrationChanged();
  }

  /** The next TP-MR, 0–255. */
  nextReference(): number {
    const mr = this.#mr;
    if (this.#options.references !== 'constant') this.#mr = (this.#mr + 1) % 256;
    return mr;
  }

  /** Takes a TPDU. The entry is in the record before this returns the TP-MR. */
  accept(tpdu: Uint8Array, decoded: DecodedSubmit, submitter: Submitter): number {
    const mr = submitter.reference ?? this.nextReference();
    this.#accepted += 1;
    const { concatenation } = decoded;
    this.#record.write({
      kind: 'accepted',
      seq: this.#accepted,
      modem: this.#options.name,
      imei: submitter.imei,
      iccid: submitter.iccid,
      service_centre: submitter.serviceCentre,
      submit: submitter.submit,
      tpdu: toHex(tpdu),
      mr,
      recipient: decoded.recipient,
      dcs: decoded.dataCodingScheme,
      ...(decoded.userDataHeader !== undefined && { udh: decoded.userDataHeader }),
      ...(concatenation !== undefined && {
        concat_reference: concatenation.reference,
        concat_total: concatenation.total,
        concat_sequence: concatenation.sequence,
      }),
      ...(decoded.validityPeriod !== undefined && { validity_period: decoded.validityPeriod }),
      status_report_requested: decoded.statusReportRequested,
      ...(decoded.text !== undefined && { text: decoded.text }),
      ...(submitter.faults.length > 0 && { faults: [...submitter.faults] }),
    });
    this.credit = Math.max(0, this.credit - this.#options.smsCost);
    if (decoded.recipient === this.#options.carrier) this.#answerAsCarrier();
    if (decoded.statusReportRequested && this.#options.statusReports) {
      const { recipient } = decoded;
      this.#reportOn({ seq: this.#accepted, mr, recipient, acceptedAt: new Date() });
    }
    return mr;
  }

  /** What the carrier says when it is asked for the balance; undefined: nothing. */
  get balance(): string | undefined {
    if (this.balanceText === '') return undefined;
    return this.balanceText.replaceAll('{credit}', this.credit.toFixed(2));
  }

  /** The answer to a USSD code, as the modem says it. */
  get ussdLine(): string | undefined {
    const { balance, ussdAnswer = balance && `0,"${balance}",15` } = this;
    return ussdAnswer === undefined || ussdAnswer === '' ? undefined : `+CUSD: ${ussdAnswer}`;
  }

  #answerAsCarrier(): void {
    const { balance } = this;
    if (balance !== undefined)
      this.after(carrierMs, () => this.sendInbound({ from: this.#options.carrier, text: balance }));
  }

  /** Runs after `delayMs` while the network exists. */
  after(delayMs: number, run: () => void): void {
    this.#timers.after(delayMs, run);
  }

  /** An SMS for the subscriber, in as many parts as it takes. */
  sendInbound({ from, text, isBroken = false, order = 'sent', missing = [] }: InboundText): void {
    const at = new Date();
    const texts = partsOf(text);
    this.#inboundCount += 1;
    const inbound = this.#inboundCount;
    this.#record.write({
      kind: 'inbound',
      seq: inbound,
      from,
      text,
      parts: texts.length,
      ...(missing.length > 0 && { missing: [...missing] }),
      ...(isBroken && { broken: true as const }),
    });
    this.#inboundReference = (this.#inboundReference + 1) % 256;
    const total = texts.length;
    const numbered = texts.map((part, index) => ({ part, sequence: index + 1 }));
    for (const { part, sequence } of this.#inOrder(numbered, order)) {
      if (missing.includes(sequence)) continue;
      const place = { reference: this.#inboundReference, total, sequence };
      const tpdu = encodeDeliver(from, part, at, total > 1 ? place : undefined, text);
      this.#deliver({
        kind: 'deliver',
        tpdu: isBroken ? tpdu.subarray(0, brokenOctets) : tpdu,
        from,
        text: part,
        at,
        of: { inbound, part: sequence },
      });
    }
  }

  #inOrder<Part>(parts: Part[], order: NonNullable<InboundText['order']>): Part[] {
    if (order === 'sent') return parts;
    if (order === 'reversed') return [...parts].reverse();
    return parts
      .map((part) => ({ part, place: this.#random.next() }))
      .sort((one, other) => one.place - other.place)
      .map(({ part }) => part);
  }

  /** Tries again what could not be delivered. */
  deliverHeld(): void {
    let next = this.#undelivered[0];
    while (next !== undefined && this.#subscriber?.takeDelivery(next) === true) {
      this.#undelivered.shift();
      next = this.#undelivered[0];
    }
  }

  close(): void {
    this.#timers.cancelAll();
  }

  /** A plain network draws nothing, so that what else is drawn stays as it was. */
  #reportOn(reported: Reported): void {
    for (const planned of planReports(this.reportHabits, this.#random)) {
      if (planned.delayMs === undefined) this.#report(reported, planned);
      else
        this.#timers.after(this.#options.statusReportDelayMs + planned.delayMs, () =>
          this.#report(reported, planned),
        );
    }
  }

  #report({ seq, mr, recipient, acceptedAt }: Reported, { status, spelling }: PlannedReport): void {
    const at = new Date();
    const spelled = spell(recipient, spelling);
    const { stamping } = this.reportHabits;
    this.#record.write({ kind: 'status_report', of: seq, mr, recipient: spelled, status });
    const fields = { mr, recipient: spelled, status, acceptedAt, dischargedAt: at, stamping };
    const tpdu = encodeStatusReport(fields);
    this.#deliver({ kind: 'report', tpdu, mr, recipient: spelled, status, at });
  }

  #deliver(message: HeldMessage): void {
    if (this.#undelivered.length < maxUndelivered) this.#undelivered.push(message);
    this.deliverHeld();
  }
}
