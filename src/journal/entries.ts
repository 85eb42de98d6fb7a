/**
 * What the journal keeps of a message. No text, no whole number, no token, no user agent and no
 * address of a client (I6): a recipient is its mask and keyed HMACs (`hmac-key.ts`). All times are
 * wall-clock milliseconds since 1970 of a clock that never runs backwards.
 */

import type { Submitted } from '../errors.js';
import type { MessageDelivery } from '../sms/delivery.js';

/** A SIM: its ICCID (ITU-T E.118) masked for people and as a keyed HMAC to compare. */
export interface JournalSim {
  masked: string;
  hmac: string;
}

/** What is known of a message before anything becomes of it. HMACs are 32 hex digits. */
export interface MessageEntry {
  /** UUID of the request. */
  id: string;
  /** When the request came. */
  atMs: number;
  /** The configured name. */
  caller: string;
  recipientMasked: string;
  recipientHmac: string;
  /** Of the recipient without its last four digits. */
  blockHmac: string;
  /** Of the client's address. */
  ipHmac?: string | undefined;
  /** ISO 3166-1 alpha-2; undefined for numbers of no country. */
  country?: string | undefined;
  /** How many segments (TPDUs). */
  segments?: number | undefined;
  /** Of the Idempotency-Key. */
  keyHmac?: string | undefined;
  /** Of what the request asked, to tell a repeat from a key used for something else. */
  requestHmac?: string | undefined;
  /** Milliseconds for which the key is remembered; undefined: for a day. */
  keyForMs?: number | undefined;
}

/** What finds a message again when the network reports on it. */
export interface AskedReport {
  /** Keyed HMAC of the recipient's last digits: reports spell numbers in their own way. */
  tailHmac: string;
  /** Wall-clock milliseconds until which reports may come. */
  untilMs: number;
}

/** A message that waits, and that its caller was promised. */
export interface PromisedEntry extends MessageEntry {
  segments: number;
}

/** A message that is about to be given to a modem. */
export interface StartedEntry extends MessageEntry {
  segments: number;
  /** True when {@link Journal.promised} was called for it: its row says that it waits. */
  wasPromised?: boolean | undefined;
  /** The modem's configured name. */
  modem: string;
  sim?: JournalSim | undefined;
  /** Where a status report was asked for. */
  report?: AskedReport | undefined;
}

/** What the caller was told. */
export interface JournalOutcome {
  /** HTTP status. */
  status: number;
  /** Of the problem body; undefined for 200. */
  code?: string | undefined;
  /** The modem's or network's own code, as `CMS 38`. */
  causeCode?: string | undefined;
  submitted: 'yes' | Submitted;
  /**
   * Why, in a sentence for people, as `US is not in policy.countries`: what the caller was told, as
   * it may leave (I6), 200 characters at most.
   */
  detail?: string | undefined;
  /** TP-MR of each segment that was accepted (3GPP TS 23.040 9.2.3.2), 0–255. */
  references?: readonly number[] | undefined;
  /** Milliseconds between admission and the first command to the modem. */
  waitedMs?: number | undefined;
  /** Milliseconds from admission to the outcome. */
  tookMs?: number | undefined;
}

/** The outcome of a message that was started, or the whole of one that never was. */
export interface EndedEntry extends MessageEntry {
  /**
   * True when {@link Journal.started} was called for it. Those that never started are refusals, and
   * are bounded in number.
   */
  wasStarted: boolean;
  /** As at its start. */
  wasPromised?: boolean | undefined;
  modem?: string | undefined;
  sim?: JournalSim | undefined;
  report?: AskedReport | undefined;
  outcome: JournalOutcome;
}

/** What status reports have said of a message so far (3GPP TS 23.040 9.2.3.15). */
export interface JournalDelivery {
  state: MessageDelivery;
  /** TP-ST of the segment that decides. */
  status: number;
  /** When the last of the reports came. */
  atMs: number;
  /** Milliseconds from the network's taking it to its delivery, by the network's time stamps. */
  tookMs?: number | undefined;
  /** Of each segment in order; null: nothing yet. */
  segments: readonly (SegmentDelivery | null)[];
}

/** What reports have said of one segment. */
export interface SegmentDelivery {
  /** TP-ST. */
  status: number;
  /** TP-SCTS and TP-DT, milliseconds since 1970; undefined where they held no date. */
  takenAtMs?: number | undefined;
  endedAtMs?: number | undefined;
}

/** A message of an earlier run that may still be reported on. */
export interface AwaitedMessage {
  id: string;
  modem: string;
  simHmac: string | undefined;
  tailHmac: string;
  country: string | undefined;
  blockHmac: string | undefined;
  /** How many. */
  segments: number;
  /** TP-MR of each; undefined: nobody knows. */
  references: readonly number[] | undefined;
  /** Wall-clock milliseconds within which the network took it. */
  fromMs: number;
  untilMs: number;
  reportsUntilMs: number;
  delivery: JournalDelivery | undefined;
}

/** How the messages to a country ended that a report was asked for. */
export interface CountryEnds {
  country: string;
  delivered: number;
  failed: number;
  /** Nothing came within its time. */
  silent: number;
}

/** What became of a message after its caller had been answered. */
export interface LateOutcome extends Omit<JournalOutcome, 'waitedMs' | 'tookMs'> {
  atMs: number;
}

/** A lock-out or cool-down. */
export interface SavedHold {
  /** What holds, as `lock_out`. */
  kind: string;
  /** Who has to wait: an HMAC, with its scope in front if the policy says so. */
  key: string;
  /** How often in a row. */
  strikes: number;
  untilMs: number;
}

/** A message of the last day, as policy windows and idempotency records need it. */
export interface RecentMessage {
  id: string;
  atMs: number;
  caller: string;
  recipientHmac: string;
  blockHmac: string;
  ipHmac?: string;
  country?: string;
  segments: number;
  keyHmac?: string;
  requestHmac?: string;
  keyForMs?: number;
  /** False for one that was superseded while it waited: kept for its Idempotency-Key only. */
  wasStarted: boolean;
  modem?: string;
  /** Undefined while it is still with the modem. */
  outcome?: JournalOutcome;
  late?: LateOutcome;
  /** Its recipient was unlocked since. */
  isForgiven?: boolean;
}

/**
 * A SIM as its caps count by it: its ICCID's HMAC, or the modem it was in when its ICCID could not
 * be read.
 */
export type CountedSim = { simHmac: string } | { modem: string };

/** What was, or may have been, submitted by a SIM. */
export interface HourlySimUse extends HourlyUse {
  sim: CountedSim;
  /** What of it was for callers that only alert, as far as that is known. */
  ofAlerts: HourlyUse;
}

/** By the hour. */
export interface HourlyUse {
  /** Segments by the hour of the clock (UTC), which has its beginning in milliseconds. */
  hours: Map<number, number>;
  /**
   * The recipients' HMACs, each with the beginning of the newest hour in which a message went to
   * it.
   */
  recipients: Map<string, number>;
}

/**
 * What earlier runs knew and a restart has to know again. What this run writes is not in it.
 */
export interface Recent {
  /** Newest first. */
  messages: RecentMessage[];
  /** Each SIM once. */
  simUses: HourlySimUse[];
  holds: SavedHold[];
}

/** A request that was refused before it was a message: no number was read, or none counts. */
export interface RefusedBefore {
  /** HTTP status. */
  status: number;
  code: string;
  /** The configured name; undefined while it is not known. */
  caller?: string | undefined;
}

/** How many of them one run had within a minute. */
export interface RefusedTally {
  /** Wall-clock milliseconds at which the minute began. */
  beganAtMs: number;
  /** Of the run, so that two within a minute are added. */
  run: number;
  status: number;
  code: string;
  /** Empty while it was not known. */
  caller: string;
  count: number;
}

/** How many of them there were within a minute, or, a day later, within an hour. */
export interface RefusedCount {
  beganAtMs: number;
  /** Milliseconds that it is the count of. */
  spanMs: number;
  status: number;
  code: string;
  caller?: string;
  count: number;
}

/** Which counts to show. */
export interface RefusedFilter {
  caller?: string | undefined;
  sinceMs?: number | undefined;
  status?: number | undefined;
  code?: string | undefined;
  /** 1–{@link maxLogRows}; the newest are given. */
  limit: number;
}

/** What totals can be made by. */
export const summaryKeys = ['day', 'code', 'modem', 'country', 'caller'] as const;
export type SummaryKey = (typeof summaryKeys)[number];

/** The total of the messages that have one thing in common. */
export interface SummaryRow {
  /** As `2026-11-30`, `rate_limited`, `DE`; `-` where there is none. */
  key: string;
  messages: number;
  sent: number;
  /** Surely not, as a whole. */
  notSent: number;
  partly: number;
  /** Nobody knows. */
  unknown: number;
  /** They wait, or are with a modem. */
  open: number;
  /** Segments that were, or may have been, submitted. */
  segments: number;
  /** Requests that were refused before they were messages. */
  refusedBefore: number;
}

/** Which rows to show: those for which every condition holds that is given. */
export interface LogFilter {
  /** Of one message. */
  id?: string | undefined;
  caller?: string | undefined;
  recipientHmac?: string | undefined;
  /** Its configured name; looked for among the newest {@link maxScannedRows} only. */
  modem?: string | undefined;
  /** ISO 3166-1 alpha-2; looked for among the newest {@link maxScannedRows} only. */
  country?: string | undefined;
  sinceMs?: number | undefined;
  /** Rows before this. */
  untilMs?: number | undefined;
  /** Rows that come behind this one, newest first; by its time alone when it is gone since. */
  before?: { atMs: number; id: string } | undefined;
  /** HTTP status that the caller was told. */
  status?: number | undefined;
  code?: string | undefined;
  /**
   * Rows written or changed after the one with this `change`, in the order of their changes;
   * without it, the newest by time.
   */
  afterChange?: number | undefined;
  /** 1–{@link maxLogRows}. */
  limit: number;
}

/** A journal to be read: the daemon's, or the file of one that does not run. */
export interface LogSource {
  /** Rows, newest first, or by their change with `afterChange`. @throws JournalFault */
  query(filter: LogFilter): Promise<LogPage>;
  /** Newest first; those of both runs of a minute are added. @throws JournalFault */
  refusedCounts(filter: RefusedFilter): Promise<RefusedCount[]>;
  /** By key. @throws JournalFault */
  summary(by: SummaryKey, filter: Omit<LogFilter, 'limit' | 'afterChange'>): Promise<SummaryRow[]>;
}

/** The most rows that one query gives. */
export const maxLogRows = 1_000;

/**
 * How many rows are looked at for what has no index: the thread writes nothing meanwhile, and a
 * message may wait for it.
 */
export const maxScannedRows = 20_000;

/** A row for people. */
export interface LogRow {
  /** Grows with every row written or changed: see {@link LogFilter.afterChange}. */
  change: number;
  id: string;
  atMs: number;
  caller: string;
  recipientMasked: string;
  country?: string;
  segments?: number;
  modem?: string;
  simMasked?: string;
  /** False for one that was refused, or that was promised and still waits. */
  wasStarted: boolean;
  /** Undefined while it waits or is with the modem. */
  outcome?: JournalOutcome;
  late?: LateOutcome;
  /** Undefined while the network has not reported on it. */
  delivery?: JournalDelivery;
  /** True when a status report was asked for. */
  isReportAsked?: boolean;
}

/** The rows that a query found. */
export interface LogPage {
  rows: LogRow[];
  /**
   * The newest change of any row at the time of the query. A query that goes on after it misses
   * nothing.
   */
  lastChange: number;
}

/** How the journal is, for the status page and the metrics. */
export interface JournalState {
  isOk: boolean;
  /** A sentence for people; there when `isOk` is false. */
  fault?: string;
  path: string;
  /** Entries lost since the start: the queue was full, or the store refused them. */
  droppedRows: number;
  /**
   * Refusals not written since the start, because they came faster than the journal takes refusals.
   */
  skippedRefusals: number;
  /** Entries that wait to be written. */
  pending: number;
}
