import { OptionSyntaxError } from './option-syntax.js';
import { plainHabits, type ReportHabits } from './report-habits.js';
import type { VendorName } from './vendors.js';

/** What the network grants: `+CREG` stat 1, 5, 2, 3 and 0 (3GPP TS 27.007 7.2). */
export const registrationStates = ['home', 'roaming', 'searching', 'denied', 'none'] as const;
export type RegistrationState = (typeof registrationStates)[number];

/** Where a modem registers (27.007 7.2, 10.1.20, 10.1.22, 10.1.47). */
export const domains = ['CREG', 'CGREG', 'CEREG', 'C5GREG'] as const;
export type Domain = (typeof domains)[number];

/**
 * What a domain says once the network has granted anything: that, or a `<stat>` of its own.
 * `unknown`: the modem has no such command.
 */
export type DomainStat = 'network' | 'unknown' | number;

/**
 * What becomes of bytes that reach the modem while it works on a command: a FIFO keeps them, or
 * they are lost.
 */
export const busyPolicies = ['buffer', 'drop'] as const;
export type BusyPolicy = (typeof busyPolicies)[number];

/**
 * How TP-MR is given (23.040 9.2.3.6): a number for each submit, for each that the network
 * accepted, or one and the same for all.
 */
export const referenceStyles = ['submits', 'accepted', 'constant'] as const;
export type ReferenceStyle = (typeof referenceStyles)[number];

/**
 * Whether the tty goes away when the modem restarts itself, as with a USB stick, or stays, as with
 * a UART.
 */
export const resetTtys = ['keep', 'hangup'] as const;
export type ResetTty = (typeof resetTtys)[number];

/**
 * Everything that can be chosen about the virtual modem and its network. Times are milliseconds.
 */
export interface ModemOptions {
  /** How the record names the modem. */
  name: string;
  vendor: VendorName;
  /** Same seed, same faults, same first message reference. */
  seed: number;
  /** From Ctrl-Z to `+CMGS`. */
  submitLatencyMs: number;
  /** From a command line to its answer. */
  commandLatencyMs: number;
  /** What a submit costs more when the radio link is not held by AT+CMMS. */
  linkSetupMs: number;
  /** UART pacing in both directions at 10 bits an octet; 0 is unpaced. */
  baud: number;
  /** Echo at power-on (V.250 6.2.4). */
  echo: boolean;
  /**
   * Mean rate of unsolicited vendor lines; with it, a burst comes between Ctrl-Z and `+CMGS` too.
   */
  urcNoisePerSecond: number;
  /**
   * Whether the network sends status reports that were asked for, and how long after acceptance.
   */
  statusReports: boolean;
  statusReportDelayMs: number;
  /** What these reports are like. */
  reportHabits: ReportHabits;
  registration: RegistrationState;
  /** From power-on (with the PIN given, where one is needed) to registration. */
  registrationDelayMs: number;
  /**
   * Domains that do not say what the network grants, as on 5G alone or on a firmware that keeps a
   * stale value.
   */
  domains: Readonly<Partial<Record<Domain, DomainStat>>>;
  /** The SIM asks for this PIN at power-on. */
  pin?: string;
  puk: string;
  /**
   * The SIM's serial number as modems tell it (ITU-T E.118): 18–22 hexadecimal digits, the filling
   * F included where it is told.
   */
  iccid: string;
  /** The SMSC's number in the SIM; empty when it holds none. */
  serviceCentre: string;
  /** Tries left for the PIN, 0–3. */
  pinTries: number;
  /** How long the modem is deaf after a restart, until its boot lines. */
  bootMs: number;
  /** The SIM's own number, E.164. */
  number: string;
  /** What is left on a prepaid SIM, and what an accepted SMS takes of it. */
  credit: number;
  smsCost: number;
  /**
   * What the carrier answers to any USSD code, and to an SMS to its number: with `{credit}` in it;
   * empty for silence.
   */
  balanceText: string;
  /**
   * Milliseconds from a USSD request to its OK, in which nothing else is answered, as by modems
   * that say it when the network has answered; 0: at once.
   */
  ussdHoldMs: number;
  /** Any octet ends that wait (V.250 5.6.1), and is taken for nothing else. */
  ussdAborts: boolean;
  /** The carrier's own number. */
  carrier: string;
  /**
   * The one `+CGSMS` (27.007 10.1.21) under which the network takes SMS, 0–3; undefined: under
   * every one.
   */
  onlyCgsms?: number;
  /** Whether it is registered with the network's IMS (`+CIREG`, 27.007 8.71). */
  ims: boolean;
  /** `+CSMS` at power-on: 1 where somebody has left it so in the modem. */
  csms: 0 | 1;
  /** `+CSMS: 1` cannot be set back. */
  csmsIsFixed: boolean;
  /**
   * Milliseconds after which an unacknowledged +CMT or +CDS ends the routing under `+CSMS: 1`
   * (27.005 3.2.1); undefined: by the vendor.
   */
  acknowledgeMs?: number;
  /** Slots of the SIM's message storage; the modem's own has as many. */
  storageSlots: number;
  /**
   * Its storages (27.005 3.2.2), the one for what comes in first; undefined: by the vendor. MT
   * beside others is the first of them under another name.
   */
  storages?: readonly string[];
  busy: BusyPolicy;
  /** The odd modem that answers other commands while a submit is under way. */
  parallel: boolean;
  references: ReferenceStyle;
  /**
   * The UART sleeps so many milliseconds after the last octet, and loses the first ones that wake
   * it; 0: never.
   */
  uartSleepMs: number;
  resetTty: ResetTty;
}

/** A modem without faults or latency. */
export const defaultOptions: ModemOptions = {
  name: 'sim',
  vendor: 'generic',
  seed: 1,
  submitLatencyMs: 0,
  commandLatencyMs: 0,
  linkSetupMs: 0,
  baud: 0,
  echo: true,
  urcNoisePerSecond: 0,
  statusReports: false,
  statusReportDelayMs: 1000,
  reportHabits: plainHabits,
  registration: 'home',
  registrationDelayMs: 0,
  domains: { C5GREG: 'unknown' },
  puk: '12345678',
  iccid: '89490000000000000017',
  serviceCentre: '+491710760000',
  pinTries: 3,
  bootMs: 2000,
  number: '+491700000000',
  credit: 10,
  smsCost: 0,
  balanceText: 'Balance: {credit} EUR',
  ussdHoldMs: 0,
  ussdAborts: false,
  carrier: '12345',
  csms: 0,
  csmsIsFixed: false,
  ims: false,
  storageSlots: 23,
  busy: 'buffer',
  parallel: false,
  references: 'accepted',
  uartSleepMs: 0,
  resetTty: 'keep',
};

/** Reads `CREG=0`, `C5GREG=network` or `CEREG=unknown`. Throws {@link OptionSyntaxError}. */
export function parseDomain(text: string): [domain: Domain, stat: DomainStat] {
  const [name = '', value = '', ...rest] = text.split('=');
  const domain = domains.find((known) => known === name.toUpperCase());
  const stat = /^\d{1,2}$/.test(value) ? Number(value) : value;
  const isStat = typeof stat === 'number' || stat === 'network' || stat === 'unknown';
  if (domain !== undefined && rest.length === 0 && isStat) return [domain, stat];
  throw new OptionSyntaxError(
    `"${text}": expected ${domains.join('|')}, "=", and a stat, network or unknown`,
  );
}

/** Reads `SM,ME,SR`. Throws {@link OptionSyntaxError}. */
export function readStorages(text: string): string[] {
  if (/^(?:SM|ME|MT|SR)(?:,(?:SM|ME|MT|SR))*$/.test(text)) return text.split(',');
  throw new OptionSyntaxError(`"${text}": expected SM, ME, MT and SR, with commas between`);
}

/**
 * Checks an ICCID, which is hexadecimal where an issuer numbers so or the filling is told. Throws
 * {@link OptionSyntaxError}.
 */
export function readIccid(text: string): string {
  if (/^[0-9A-F]{18,22}$/i.test(text)) return text;
  throw new OptionSyntaxError(`"${text}": expected 18 to 22 hexadecimal digits`);
}
