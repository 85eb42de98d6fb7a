import { type DecodedSubmit, toHex } from './decode-submit.js';
import { encodeDeliver, encodeStatusReport } from './encode.js';
import type { HeldMessage } from './message-store.js';
import type { ModemOptions, RegistrationState } from './options.js';
import type { Random } from './random.js';
import type { NetworkRecord } from './record.js';
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

/** TP-ST 0x00: received by the recipient's handset (23.040 9.2.3.15). */
const deliveredStatus = 0x00;
const maxUndelivered = 1000;

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

  constructor(options: ModemOptions, clock: Clock, random: Random, record: NetworkRecord) {
    this.#options = options;
    this.#timers = new Timers(clock);
    this.#record = record;
    this.#meant = options.registration;
    this.#mr = random.below(256);
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
    if (decoded.statusReportRequested && this.#options.statusReports)
      this.#reportLater(mr, decoded.recipient);
    return mr;
  }

  /** Runs after `delayMs` while the network exists. */
  after(delayMs: number, run: () => void): void {
    this.#timers.after(delayMs, run);
  }

  /** An SMS for the subscriber. `isBroken`: it is cut short, so that nobody can decode it. */
  sendInbound(from: string, text: string, isBroken = false): void {
    this.#record.write({ kind: 'inbound', from, text });
    const at = new Date();
    const tpdu = encodeDeliver(from, text, at);
    this.#deliver({
      kind: 'deliver',
      tpdu: isBroken ? tpdu.subarray(0, brokenOctets) : tpdu,
      from,
      text,
      at,
    });
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

  #reportLater(mr: number, recipient: string): void {
    this.#timers.after(this.#options.statusReportDelayMs, () => {
      const at = new Date();
      const status = deliveredStatus;
      this.#record.write({ kind: 'status_report', mr, recipient, status });
      const tpdu = encodeStatusReport(mr, recipient, status, at);
      this.#deliver({ kind: 'report', tpdu, mr, recipient, status, at });
    });
  }

  #deliver(message: HeldMessage): void {
    if (this.#undelivered.length < maxUndelivered) this.#undelivered.push(message);
    this.deliverHeld();
  }
}
