import { closeSync, openSync, writeSync } from 'node:fs';
import type { PhoneAct } from './sim-card.js';
import type { Clock } from './timers.js';

/** An SMS-SUBMIT the network took: the ground truth that verdicts are judged by. */
export interface AcceptedEntry {
  kind: 'accepted';
  /** 1, 2, 3 … in the order of acceptance. */
  seq: number;
  /** The modem's name and IMEI. */
  modem: string;
  imei: string;
  /** The SIM's serial number, as the modem tells it. */
  iccid: string;
  /** The SMSC it went by: that of the PDU, else the SIM's. */
  service_centre: string;
  /** Which AT+CMGS or AT+CMSS of this modem it was, 1-based, refused ones counted. */
  submit: number;
  /** The TPDU in upper-case hex as the modem got it, without the SMSC address. */
  tpdu: string;
  /** TP-MR that the modem assigned and returned, 0–255. */
  mr: number;
  recipient: string;
  dcs: number;
  /** TP-UDH in hex with its length octet, absent without one. */
  udh?: string;
  concat_reference?: number;
  concat_total?: number;
  concat_sequence?: number;
  /** TP-VP in hex as got, absent without one. */
  validity_period?: string;
  status_report_requested: boolean;
  /** Decoded by the simulator's own decoder; absent for 8-bit data. */
  text?: string;
  /** Faults played on this submit, as written on the command line. */
  faults?: string[];
}

/** An `AT+CPIN=` that the modem saw: the ground truth about PINs. */
export interface PinEntry {
  kind: 'pin';
  command: '+CPIN';
  /** 1, 2, 3 … over the life of the simulator. */
  attempt: number;
  iccid: string;
  /** As it was entered: nobody's but the simulator's. */
  pin: string;
  /** What `+CPIN?` would have said before it. */
  state: string;
  /** The card's counter before and after it, 0–3. */
  tries_before: number;
  tries_left: number;
  /**
   * What the card made of it. `not_asked`: it was ready, or wants the PUK; `lost`: the card never
   * saw it; `uncounted`: nor did it then, and the modem said an error. Whether the client was told
   * is another matter: see `pin_reply`.
   */
  outcome: 'accepted' | 'refused' | 'not_asked' | 'lost' | 'uncounted';
}

type HandedOver = { inbound: number; part: number } | { mr: number } | object;

/** What else happened, in the same file and order. */
export type OtherEntry =
  | { kind: 'started'; modem: string; imei: string; vendor: string; seed: number }
  | { kind: 'attached'; tty: string; link?: string }
  | { kind: 'hang_up'; power: 'kept' | 'lost'; reattach_ms: number }
  | { kind: 'boot' }
  /** Ready for commands; `sim` is what `+CPIN?` says. */
  | { kind: 'booted'; sim: string }
  | { kind: 'command'; line: string }
  | { kind: 'prompt'; submit: number }
  | { kind: 'ctrl_z'; submit: number; data: string }
  /** Ctrl-Z at a prompt that was not the client's: garbage would have gone out. */
  | { kind: 'foreign_ctrl_z'; data: string }
  | { kind: 'escape'; submit: number }
  | { kind: 'reply'; submit: number; mr: number }
  | { kind: 'refused'; submit: number; cause: string; tpdu: string; faults?: string[] }
  | { kind: 'lost'; submit: number; phase: string }
  | { kind: 'link_setup'; submit: number }
  | { kind: 'fault'; fault: string; submit?: number }
  /** One that lasts has ended. */
  | { kind: 'fault_over'; fault: string }
  | { kind: 'registration'; state: string }
  /** An eSIM has changed to another profile. */
  | { kind: 'profile'; iccid: string }
  /** `AT+CSCA=`. */
  | { kind: 'service_centre'; number: string }
  /** The answer to this attempt was said. */
  | { kind: 'pin_reply'; attempt: number }
  /** `AT+CLCK` or `AT+CPWD`, which take the PIN too. */
  | {
      kind: 'pin_use';
      command: '+CLCK' | '+CPWD';
      outcome: 'accepted' | 'refused';
      tries_left: number;
    }
  /** A person put the SIM into a phone. */
  | { kind: 'phone'; did: PhoneAct; tries_left: number }
  /** `of`: the `seq` of the acceptance it reports on; `recipient` as it is spelled there. */
  | { kind: 'status_report'; of: number; mr: number; recipient: string; status: number }
  /** A text for the subscriber: 1, 2, 3 …, and of how many parts; `missing` ones never come. */
  | {
      kind: 'inbound';
      seq: number;
      from: string;
      text: string;
      parts: number;
      missing?: number[];
      broken?: true;
    }
  /**
   * What the network has handed over: into a slot, or to the host as `+CMT` or `+CDS`; a part of an
   * inbound text, or a report, whose TP-MR it is.
   */
  | ({ kind: 'stored'; storage: string; index: number } & HandedOver)
  | ({ kind: 'routed' } & HandedOver)
  /** The host has deleted a slot that held something. */
  | { kind: 'deleted'; storage: string; index: number }
  /** A USSD code, as it was written. */
  | { kind: 'ussd'; request: string }
  | { kind: 'stopped'; octets_dropped: number };

export type RecordEntry = (AcceptedEntry | PinEntry | OtherEntry) & {
  /**
   * `process.hrtime.bigint()` in decimal: CLOCK_MONOTONIC nanoseconds, comparable between
   * processes.
   */
  at_ns: string;
};

/** The record's file cannot be written. */
export class RecordRefused extends Error {
  override readonly name = 'RecordRefused';
}

/**
 * The network's record: one JSON line per entry, in order. An entry is in the file (written, not
 * synced) before `write` returns, hence before the modem can say `+CMGS`.
 */
export class NetworkRecord {
  readonly #clock: Clock;
  readonly #file: number | undefined;
  readonly #listeners: ((entry: RecordEntry) => void)[] = [];
  #open = true;

  /**
   * `path` is truncated and created readable by its owner only: it holds whole texts. Throws
   * {@link RecordRefused}.
   */
  constructor(clock: Clock, path?: string) {
    this.#clock = clock;
    this.#file = path === undefined ? undefined : openRecord(path);
  }

  listen(listener: (entry: RecordEntry) => void): void {
    this.#listeners.push(listener);
  }

  write(entry: AcceptedEntry | PinEntry | OtherEntry): void {
    if (!this.#open) return;
    const stamped: RecordEntry = { ...entry, at_ns: this.#clock.nowNs().toString() };
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(stamped)}\n`);
    for (const listener of this.#listeners) listener(stamped);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

function openRecord(path: string): number {
  try {
    return openSync(path, 'w', 0o600);
  } catch (cause) {
    throw new RecordRefused(`the record cannot be written: ${(cause as Error).message}`, { cause });
  }
}
