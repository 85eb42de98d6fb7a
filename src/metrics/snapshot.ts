import type { Registration } from '../modem/registration.js';
import type { ModemPhase } from '../modem/sms-modem.js';
import type { Caps, SimUse } from '../policy/sim-caps.js';

/** The state of the daemon at one moment, as the metrics show it; numbers and closed words only. */
export interface MetricsSnapshot {
  /** Messages that wait for a modem, and how many may. */
  waiting: number;
  maxWaiting: number;
  /** False while the wall clock cannot judge tokens. */
  clockIsSet: boolean;
  modems: readonly ModemFigures[];
  journal: JournalFigures;
}

/** One modem of a {@link MetricsSnapshot}. */
export interface ModemFigures {
  /** The configured name. */
  name: string;
  phase: ModemPhase;
  /** As the modem last said (3GPP TS 27.007 7.2, 10.1.20, 10.1.22); undefined while it has not. */
  registration: Registration | undefined;
  /** Received signal strength (27.007 8.5); undefined when unknown. */
  signalDbm: number | undefined;
  simSuspect: boolean;
  /** What its SIM may send, and has sent. */
  caps: Caps;
  used: SimUse;
}

/** The journal's part of a {@link MetricsSnapshot}; the journal's own state is one. */
export interface JournalFigures {
  isOk: boolean;
  /** Rows that wait to be written. */
  pending: number;
  /** Rows lost since the start; never falls. */
  droppedRows: number;
  /** Refusals left out since the start, because they came too fast; never falls. */
  skippedRefusals: number;
}
