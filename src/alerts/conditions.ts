/** What the operator is told of: how weighty each is, how long it has to be so, and its title. */

import type { AlertKind, AlertsConfig } from '../config/alert-settings.js';

/** Who is woken by it: `severe` at any time, `mild` not in the quiet hours. */
export type AlertSeverity = 'severe' | 'mild';

/** Something that is so now. Texts are ours: they hold no whole number and steer no terminal. */
export interface Observation {
  kind: AlertKind;
  /** Whose: the name of a modem, a limit, a way; empty where there is one only. */
  subject: string;
  /** What is so, as a sentence without its end. */
  what: string;
  /** What to do about it, as doctor says it. */
  remedy: string;
}

interface Condition {
  severity: AlertSeverity;
  /** Milliseconds for which it has to be so; where it may be configured, by {@link holdMsOf}. */
  holdMs: number;
  /** It has no end: it is told once a day, and nobody is told that it is over. */
  isEvent?: true;
  /** A few words; `of` is the subject. */
  title: (of: string) => string;
}

/** A message that takes its time, a re-plug and a restart pass sooner. */
const soonMs = 30_000;
/** What mends itself within a minute or two need not wake anybody. */
const patientMs = 120_000;

export const conditions: Readonly<Record<AlertKind, Condition>> = {
  no_modem_ready: { severity: 'severe', holdMs: 0, title: () => 'no modem is ready' },
  modem_away: { severity: 'mild', holdMs: 0, title: (of) => `modem ${of} is not ready` },
  pin_wanted: { severity: 'severe', holdMs: soonMs, title: (of) => `the SIM of ${of} is locked` },
  sim_suspect: { severity: 'severe', holdMs: 0, title: (of) => `the SIM of ${of} is suspect` },
  full: { severity: 'severe', holdMs: soonMs, title: (of) => `${of} is full` },
  nearly_full: { severity: 'mild', holdMs: 0, title: (of) => `${of} is nearly full` },
  unknown_outcomes: {
    severity: 'severe',
    holdMs: 0,
    title: () => 'many outcomes are unknown',
  },
  upgrade_does_not_send: {
    severity: 'severe',
    holdMs: patientMs,
    title: (of) => `since the change to ${of} nothing is sent`,
  },
  clock_unset: { severity: 'severe', holdMs: patientMs, title: () => 'the clock is not set' },
  journal_fault: {
    severity: 'severe',
    holdMs: patientMs,
    title: () => 'the journal is out of order',
  },
  credit_low: { severity: 'mild', holdMs: 0, title: (of) => `the credit of ${of} is low` },
  credit_expires: { severity: 'mild', holdMs: 0, title: (of) => `the SIM of ${of} expires` },
  credit_unknown: {
    severity: 'mild',
    holdMs: 0,
    title: (of) => `the credit of ${of} is not known`,
  },
  engine_away: {
    severity: 'severe',
    holdMs: patientMs,
    title: (of) => (of === '' ? 'the shared engine is away' : 'another box has the same name'),
  },
  undelivered: { severity: 'severe', holdMs: 0, title: (of) => `codes to ${of} do not arrive` },
  inbound_full: { severity: 'mild', holdMs: 0, title: () => 'the inbound spool is full' },
  inbound_left: {
    severity: 'mild',
    holdMs: 0,
    title: () => 'SMS that came in go nowhere',
  },
  inbound_receiver: {
    severity: 'mild',
    holdMs: 0,
    title: () => 'SMS that come in do not reach their receiver',
  },
  carrier_message: {
    severity: 'mild',
    holdMs: 0,
    isEvent: true,
    title: (of) => `the carrier writes: ${of}`,
  },
  receiver_dead: { severity: 'mild', holdMs: 0, title: (of) => `alerts do not reach ${of}` },
  other: { severity: 'severe', holdMs: patientMs, title: (of) => `not all is well: ${of}` },
};

/** Milliseconds for which it has to be so before it is told. */
export function holdMsOf(
  kind: AlertKind,
  { noModemReadyMs, modemAwayMs }: Pick<AlertsConfig, 'noModemReadyMs' | 'modemAwayMs'>,
): number {
  if (kind === 'no_modem_ready') return noModemReadyMs;
  if (kind === 'modem_away') return modemAwayMs;
  return conditions[kind].holdMs;
}
