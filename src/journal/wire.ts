/** What passes between the daemon and the thread that has the database. */

import type {
  AwaitedMessage,
  CountedSim,
  CountryEnds,
  EndedEntry,
  JournalDelivery,
  LateOutcome,
  LogFilter,
  LogPage,
  PromisedEntry,
  RecentMessage,
  RefusedCount,
  RefusedFilter,
  RefusedTally,
  SavedHold,
  StartedEntry,
  SummaryKey,
  SummaryRow,
} from './entries.js';
import type { Fault } from './faults.js';

/** How the thread opens the database. */
export interface StoreOptions {
  file: string;
  nowMs: number;
  /** True once per process: rows still open are those of a process that is gone. */
  closesOpenRows: boolean;
  /** Milliseconds to wait for another program's lock. */
  busyTimeoutMs: number;
}

/**
 * One thing to write. Each may be written twice with no harm: a batch whose answer was lost is
 * written again.
 */
export type JournalEntry =
  | { kind: 'promised'; entry: PromisedEntry }
  | { kind: 'started'; entry: StartedEntry }
  | { kind: 'ended'; entry: EndedEntry }
  | { kind: 'late'; id: string; outcome: LateOutcome }
  | { kind: 'delivered'; id: string; delivery: JournalDelivery }
  | { kind: 'hold'; hold: SavedHold }
  | { kind: 'refused'; tally: RefusedTally };

/** Where a page of rows ended; the next one begins with what is older. */
export interface PageEnd {
  atMs: number;
  rowId: number;
}

/** Which rows of earlier runs to read. */
export interface Since {
  sinceMs: number;
  /** Rows of a later change are of this run. */
  lastChange: number;
}

/** What each SIM sent for each caller within one hour. */
export interface HourOfUse {
  beganAtMs: number;
  uses: {
    sim: CountedSim;
    /** Undefined where it is kept no longer. */
    caller: string | undefined;
    segments: number;
    /**
     * JSON: a list of HMACs. As one text they pass between the threads at a quarter of the cost.
     */
    recipients: string;
  }[];
}

/** Which rows must go. */
export interface Bounds {
  /** Older ones go, or keep only what the caps of their SIM need. */
  keepSinceMs: number;
  /** Even that goes when it is older. */
  keepSimUsesSinceMs: number;
  /** Holds that were over before go. */
  keepHoldsSinceMs: number;
  /** Counts of minutes that are older become those of hours. */
  keepMinutesSinceMs: number;
  /**
   * What is later is of a clock that was in the future, and is made as late as this; undefined
   * while that is not known.
   */
  latestMs: number | undefined;
  /** The most rows of messages that never started. */
  maxRefusals: number;
  /** The most counts of what was refused before it was a message. */
  maxRefusedCounts: number;
  /** The most rows of messages that did. */
  maxStarted: number;
  /** Rows of one go. */
  limit: number;
}

/** What may be asked, and what is answered. */
export interface Calls {
  write: { request: { entries: readonly JournalEntry[] }; answer: { refused: Fault[] } };
  query: { request: { filter: LogFilter }; answer: LogPage };
  refused: { request: { filter: RefusedFilter }; answer: RefusedCount[] };
  summary: {
    request: { by: SummaryKey; filter: Omit<LogFilter, 'limit' | 'afterChange'> };
    answer: SummaryRow[];
  };
  messages: {
    request: { before: PageEnd; since: Since; started: boolean };
    answer: Page<RecentMessage>;
  };
  /** The newest hour before `beforeMs` in which any SIM sent; undefined: there is none. */
  sim_hour: { request: { beforeMs: number; since: Since }; answer: HourOfUse | undefined };
  /** Messages that may still be reported on, newest first. */
  awaited: { request: { before: PageEnd; since: Since }; answer: Page<AwaitedMessage> };
  ends_by_country: { request: { since: Since; nowMs: number }; answer: CountryEnds[] };
  holds: { request: object; answer: SavedHold[] };
  prune: {
    request: { bounds: Bounds };
    answer: { removed: number; youngestCutMs: number | undefined };
  };
}

/** Rows, and where to go on; without an end there are no more. */
export interface Page<Row> {
  rows: Row[];
  end: PageEnd | undefined;
}

export type CallName = keyof Calls;

/** A call, or the wish that the thread ends. */
export type StoreRequest =
  | { [Name in CallName]: { number: number; name: Name } & Calls[Name]['request'] }[CallName]
  | { number: number; name: 'end' };

/** Number 0 is the answer to the opening. */
export type StoreAnswer = { number: number } & ({ result: unknown } | { fault: Fault });

/** Told once the database is open. */
export interface Opened {
  /** Rows of the process before that had no outcome. */
  closedRows: number;
  /** The newest change of any row. */
  lastChange: number;
}
