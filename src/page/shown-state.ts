/** What the page shows, as the daemon tells it; plain data. */

import type { Finding, Health } from '../doctor/finding.js';
import type { Caps, SimUse } from '../policy/sim-caps.js';

/** A message that the network took. Wall-clock milliseconds. */
export interface Accepted {
  atMs: number;
  tookMs: number;
}

/** A modem on the page. Its words come from the air, and are untrusted. */
export interface ShownModem {
  name: string;
  phase: string;
  /** Since when it can send, or cannot; wall-clock milliseconds. */
  sinceMs: number;
  reason?: string | undefined;
  /** It would take a message. */
  isAble: boolean;
  /** What is in its way, or wrong with it, each with its remedy. */
  obstacles: readonly Finding[];
  device: string;
  manufacturer?: string | undefined;
  model?: string | undefined;
  operator?: string | undefined;
  /** As `LTE`. */
  technology?: string | undefined;
  registration?: string | undefined;
  signalDbm?: number | undefined;
  isSuspect: boolean;
  notices: readonly string[];
  used: SimUse;
  caps: Caps;
  lastAccepted?: Accepted | undefined;
  /** What is left on the SIM, in words; undefined while nobody asked. */
  credit?: string | undefined;
}

/** Something the operator was told of. */
export interface OpenAlert {
  what: string;
  remedy?: string | undefined;
  /** Wall-clock milliseconds. */
  sinceMs: number;
}

/** What came in by SMS, and is passed on. */
export interface ShownInbound {
  spooled: number;
  delivered: number;
  /** Given up. */
  expired: number;
  /** There was no room for them anywhere. */
  lost: number;
  /** What comes is left on the SIM. */
  isFull: boolean;
  lastFailure?: string | undefined;
}

/** By which the operator is told. */
export interface ShownWay {
  name: string;
  /** Why it cannot be told; undefined while it can. */
  failing?: string | undefined;
}

/** The daemon at one moment. */
export interface ShownState {
  /** Wall-clock milliseconds. */
  nowMs: number;
  version: string;
  health: Health;
  waiting: number;
  maxWaiting: number;
  journalFault?: string | undefined;
  modems: readonly ShownModem[];
  lastAccepted?: Accepted | undefined;
  /** Undefined where nobody is told. */
  alerts?: readonly OpenAlert[] | undefined;
  ways?: readonly ShownWay[] | undefined;
  /** Undefined where nothing is passed on. */
  inbound?: ShownInbound | undefined;
}
