/** What `dispatch` knows of a modem: whether it can send, and how to hand it one message. */

import type { Registration } from './registration.js';
import type { SimState } from './sim.js';

/** A modem's phase of life (DESIGN §3); `ready` and `sending` are the healthy ones. */
export type ModemPhase =
  | 'absent'
  | 'opening'
  | 'probing'
  | 'unlocking'
  | 'registering'
  | 'ready'
  | 'sending'
  | 'stalled'
  | 'lost'
  | 'stopped';

/** The phases in which a modem takes messages; one that is sending will be free. */
export const canSend = (phase: ModemPhase): boolean => phase === 'ready' || phase === 'sending';

/**
 * `smsc`: the SIM holds no number of one · `init`: a line of the configuration was refused ·
 * `sends`: every message fails.
 */
export type NoticeKind = 'smsc' | 'init' | 'sends';

/** What is wrong with a modem that works all the same, or fails at each send. */
export interface Notice {
  kind: NoticeKind;
  /** For people, with the way out. */
  sentence: string;
}

/**
 * One look at a modem; plain data for status pages, readiness and admission. Texts are untrusted
 * (they come from the air).
 */
export interface ModemSnapshot {
  name: string;
  phase: ModemPhase;
  /** `performance.now()` milliseconds at which the phase began. */
  phaseSince: number;
  /** The same since when it can send nothing, in whatever phase; undefined while it can. */
  awaySince?: number | undefined;
  /** What a person should know or do, when the modem is not ready. */
  reason: string | undefined;
  /** The way out that it ends with, where the tty itself is what stands in the way. */
  remedy?: string | undefined;
  device: string;
  manufacturer: string | undefined;
  model: string | undefined;
  operator: string | undefined;
  /** How it is with the network, as `LTE`; undefined when unknown. */
  technology?: string | undefined;
  /** The SIM's serial number (ITU-T E.118); undefined when unknown. Personal: never shown whole. */
  iccid: string | undefined;
  /** What the SIM says (27.007 8.3); undefined while no modem is open. */
  sim?: SimState | undefined;
  /** With the network, 3GPP TS 27.007 7.2, 10.1.20 and 10.1.22; undefined while unknown. */
  registration?: Registration | undefined;
  /** Received signal strength, 3GPP TS 27.007 8.5; undefined when unknown. */
  signalDbm: number | undefined;
  /** Messages in its storages that were read, and that it does not delete. */
  undeletable?: number;
  /** What is wrong although it works. */
  notices?: readonly Notice[];
}

/** One message, already split. */
export interface OutgoingSms {
  /** E.164 with `+`. */
  recipient: string;
  alphabet: 'gsm7' | 'ucs2';
  /** The text of each segment, in order, 1–255. */
  segments: readonly string[];
  /** How long the network may keep trying to deliver; becomes TP-VP (3GPP TS 23.040 9.2.3.12). */
  validityMs: number;
  /**
   * Whether its caller wants a status report (TP-SRR, 23.040 9.2.3.5); undefined: as the modem is
   * set.
   */
  statusReport?: boolean | undefined;
}

/** How it goes with a segment that a status report was asked for. */
export interface SegmentEvent {
  /** Its place in the message, from 0. */
  index: number;
  /** `sending`: Ctrl-Z was written, and its result is to come. */
  outcome: 'sending' | 'accepted' | 'unknown' | 'not_sent';
  /** TP-MR, where it was accepted. */
  reference: number | undefined;
  /** `performance.now()` of its Ctrl-Z, and of its result or now. */
  committedAt: number;
  settledAt: number;
}

export interface SubmitControl {
  /**
   * Settles when it is written down, as far as it will be, that the message goes to this modem: the
   * first Ctrl-Z is not written before. It must settle soon, for the modem is kept at its prompt
   * until then, and never rejects.
   */
  readonly noted?: Promise<void> | undefined;
  /** Called when the modem turns to the message, and whatever else it did before is over. */
  onBegun?: (() => void) | undefined;
  /**
   * Asked at the last moment, when the modem has given its prompt for the first segment: false
   * leaves the prompt unsent (I3).
   */
  mayCommit(): boolean;
  /**
   * Called once, as the first Ctrl-Z is written: from here on the whole message is committed to
   * this modem.
   */
  onCommitted(): void;
  /** Told of each segment that a report is asked for; must not throw. */
  onSegment?: ((event: SegmentEvent) => void) | undefined;
  /**
   * `performance.now()` milliseconds until which a segment that was surely not sent may be tried
   * again here.
   */
  retryUntil: number;
}

export interface SubmitReceipt {
  /** TP-MR of each segment as returned in `+CMGS` (3GPP TS 27.005 3.5.1). */
  references: number[];
}

export interface SmsModem {
  readonly name: string;
  /** The SIM's own number as labelled in the configuration, E.164. */
  readonly number: string | undefined;
  /** As in {@link snapshot}, which takes a look at everything. */
  readonly phase: ModemPhase;
  /**
   * It left a message unanswered and may still answer it, and nothing would tell that answer from
   * the next one's, which would end as unknown: another modem is the better choice. Default: no.
   */
  readonly isBlind?: boolean;
  snapshot(): ModemSnapshot;
  /**
   * Whether it asks the network for reports on a message whose caller wants them, or not, or says
   * nothing; without it: never.
   */
  asksForReport?(wish: boolean | undefined): boolean;
  /** Called at each change of phase; returns the way to stop listening. */
  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void;
  /**
   * Sends one message; one call at a time (the queue sees to that). It may outlive every deadline:
   * after Ctrl-Z it waits for the network's answer, up to the modem's submit timeout for each
   * segment (a minute at least where it may be an older submit's), and what it then settles with is
   * the truth, late or not. Rejects with a `SendError`: `network_refused`, `partly_submitted`,
   * `outcome_unknown`, or, surely not sent and with `elsewhere` set, `no_modem_ready`;
   * `deadline_unreachable` when `mayCommit` said no.
   */
  submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt>;
}
