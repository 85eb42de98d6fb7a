import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import type Registry from 'prom-client/lib/registry.js';
import { transitions } from '../modem/life.js';
import { type Registration, registrationReasons } from '../modem/registration.js';
import type { ModemPhase } from '../modem/sms-modem.js';
import type { CapReached, Caps, SimUse } from '../policy/sim-caps.js';

/** Puts a snapshot into the metrics that only show a state. */
export type ShowSnapshot = (snapshot: MetricsSnapshot) => void;

const grades = ['ok', 'degraded', 'down'] as const;
const phases = Object.keys(transitions);
const registrations = Object.keys(registrationReasons);

/** The gauges that are filled at each scrape, each from the same look at the daemon. */
export function createGauges(registry: Registry): ShowSnapshot {
  const registers = [registry];
  const health = new Gauge({
    name: 'simgate_health',
    help: 'Would a code go out now: 1 for the grade it is in. It is refused in down; degraded needs a look.',
    labelNames: ['grade'],
    registers,
  });
  const waiting = new Gauge({
    name: 'simgate_messages_waiting',
    help: 'Messages that wait for a modem.',
    registers,
  });
  const maxWaiting = new Gauge({
    name: 'simgate_messages_waiting_limit',
    help: 'How many messages may wait (message.max_waiting).',
    registers,
  });
  const clockSet = new Gauge({
    name: 'simgate_clock_set',
    help: '1 when the wall clock can judge tokens, 0 while it is behind the last time known.',
    registers,
  });
  const showModems = modemGauges(registers);
  const showJournal = journalGauges(registers);
  const showAlerts = alertGauges(registers);
  const showShared = sharedGauges(registers);
  return (snapshot) => {
    for (const grade of grades) health.set({ grade }, Number(grade === snapshot.grade));
    waiting.set(snapshot.waiting);
    maxWaiting.set(snapshot.maxWaiting);
    clockSet.set(Number(snapshot.clockIsSet));
    showModems(snapshot.modems);
    showJournal(snapshot.journal);
    showAlerts(snapshot.alerts);
    showShared(snapshot.shared);
  };
}

function modemGauges(registers: Registry[]): (modems: readonly ModemFigures[]) => void {
  const phase = new Gauge({
    name: 'simgate_modem_phase',
    help: 'The phase of a modem: 1 for the one it is in. It can send in ready, and does in sending.',
    labelNames: ['modem', 'phase'],
    registers,
  });
  const registration = new Gauge({
    name: 'simgate_modem_registration',
    help: 'The registration of a modem with the network: 1 for the one it has, all 0 while unknown.',
    labelNames: ['modem', 'registration'],
    registers,
  });
  const signal = new Gauge({
    name: 'simgate_modem_signal_dbm',
    help: 'Received signal strength in dBm (27.007 8.5); no sample while unknown.',
    labelNames: ['modem'],
    registers,
  });
  const suspect = new Gauge({
    name: 'simgate_sim_suspect',
    help: '1 while the network refuses one recipient after the other: no credit, barred, or blocked.',
    labelNames: ['modem'],
    registers,
  });
  const undeletable = new Gauge({
    name: 'simgate_modem_sms_undeletable',
    help: 'Received SMS that the modem does not delete: once its storage is full of them, nothing comes in any more.',
    labelNames: ['modem'],
    registers,
  });
  const showCaps = capGauges(registers);
  const showCredit = creditGauges(registers);
  return (modems) => {
    // A modem that a reload took away, a signal that is unknown now: what is not set below is not
    // shown.
    for (const gauge of [phase, registration, signal, suspect, undeletable]) gauge.reset();
    for (const modem of modems) {
      for (const name of phases)
        phase.set({ modem: modem.name, phase: name }, Number(name === modem.phase));
      for (const name of registrations) {
        registration.set(
          { modem: modem.name, registration: name },
          Number(name === modem.registration),
        );
      }
      if (modem.signalDbm !== undefined) signal.set({ modem: modem.name }, modem.signalDbm);
      suspect.set({ modem: modem.name }, Number(modem.simSuspect));
      undeletable.set({ modem: modem.name }, modem.undeletable ?? 0);
    }
    showCaps(modems);
    showCredit(modems);
  };
}

function capGauges(registers: Registry[]): (modems: readonly ModemFigures[]) => void {
  const used = new Gauge({
    name: 'simgate_sim_cap_used',
    help: 'What counts towards a cap of the SIM: segments, or different recipients; also where no cap is configured.',
    labelNames: ['modem', 'cap'],
    registers,
  });
  const limit = new Gauge({
    name: 'simgate_sim_cap_limit',
    help: 'The cap; no sample where none is configured.',
    labelNames: ['modem', 'cap'],
    registers,
  });
  return (modems) => {
    used.reset();
    limit.reset();
    for (const modem of modems) {
      for (const [cap, count, most] of capRows(modem)) {
        used.set({ modem: modem.name, cap }, count);
        if (most !== undefined) limit.set({ modem: modem.name, cap }, most);
      }
    }
  };
}

function creditGauges(registers: Registry[]): (modems: readonly ModemFigures[]) => void {
  const credit = new Gauge({
    name: 'simgate_sim_credit',
    help: "What is left on the SIM, in the carrier's units; no sample while it is not known.",
    labelNames: ['modem'],
    registers,
  });
  const until = new Gauge({
    name: 'simgate_sim_credit_valid_until_seconds',
    help: 'Until when the credit is good, in seconds since 1970; no sample where the carrier does not say.',
    labelNames: ['modem'],
    registers,
  });
  const answered = new Gauge({
    name: 'simgate_sim_credit_answered_seconds',
    help: 'When the carrier said so, in seconds since 1970.',
    labelNames: ['modem'],
    registers,
  });
  return (modems) => {
    for (const gauge of [credit, until, answered]) gauge.reset();
    for (const { name: modem, credit: known } of modems) {
      const { amount, validUntilMs, answeredAtMs } = known ?? {};
      if (amount !== undefined) credit.set({ modem }, amount);
      if (validUntilMs !== undefined) until.set({ modem }, validUntilMs / 1000);
      if (answeredAtMs !== undefined) answered.set({ modem }, answeredAtMs / 1000);
    }
  };
}

function capRows({ caps, used }: ModemFigures): [CapReached['cap'], number, number | undefined][] {
  return [
    ['per_day', used.dayCount, caps.perDay],
    ['per_month', used.monthCount, caps.perMonth],
    ['recipients_per_month', used.monthRecipients, caps.recipientsPerMonth],
  ];
}

function journalGauges(registers: Registry[]): (journal: JournalFigures) => void {
  const up = new Gauge({
    name: 'simgate_journal_up',
    help: '1 when the journal is written, 0 while it is out of order.',
    registers,
  });
  const pendingRows = new Gauge({
    name: 'simgate_journal_pending_rows',
    help: 'Rows of the journal that wait to be written.',
    registers,
  });
  const dropped = new Counter({
    name: 'simgate_journal_dropped_rows_total',
    help: 'Rows lost: too many waited, or the store refused them.',
    registers,
  });
  const skipped = new Counter({
    name: 'simgate_journal_skipped_refusals_total',
    help: 'Refused messages left out of the journal on purpose, because they came too fast.',
    registers,
  });
  return ({ isOk, pending, droppedRows, skippedRefusals }) => {
    up.set(Number(isOk));
    pendingRows.set(pending);
    dropped.reset();
    dropped.inc(droppedRows);
    skipped.reset();
    skipped.inc(skippedRefusals);
  };
}

const severities = ['severe', 'mild'] as const;

function alertGauges(registers: Registry[]): (alerts: AlertFigures) => void {
  const open = new Gauge({
    name: 'simgate_alerts_open',
    help: 'Alerts that are open, by their weight.',
    labelNames: ['severity'],
    registers,
  });
  const up = new Gauge({
    name: 'simgate_alert_way_up',
    help: '1 while the last alert reached this way of [alerts], or none was sent there yet; 0 while it cannot be told.',
    labelNames: ['way'],
    registers,
  });
  const waiting = new Gauge({
    name: 'simgate_alert_way_waiting',
    help: 'Alerts that wait to be told by this way.',
    labelNames: ['way'],
    registers,
  });
  const tries = new Counter({
    name: 'simgate_alert_tries_total',
    help: 'Tries to tell an alert by this way, by whether it was told.',
    labelNames: ['way', 'told'],
    registers,
  });
  return (alerts) => {
    for (const severity of severities)
      open.set({ severity }, alerts.open.filter((alert) => alert.severity === severity).length);
    for (const metric of [up, waiting, tries]) metric.reset();
    for (const { name: way, failing, delivered, failed, ...more } of alerts.ways) {
      up.set({ way }, Number(failing === undefined));
      waiting.set({ way }, more.waiting);
      tries.inc({ way, told: 'yes' }, delivered);
      tries.inc({ way, told: 'no' }, failed);
    }
  };
}

function sharedGauges(registers: Registry[]): (shared: SharedFigures | undefined) => void {
  const up = new Gauge({
    name: 'simgate_shared_up',
    help: '1 while the engine that boxes share answers, 0 while this box goes by its own books; no sample without [shared].',
    registers,
  });
  const untold = new Gauge({
    name: 'simgate_shared_untold',
    help: 'News that the engine is told when it is back; no sample without [shared].',
    registers,
  });
  const unanswered = new Counter({
    name: 'simgate_shared_unanswered_total',
    help: 'Questions that the engine did not answer within shared.budget_ms, or was not there for.',
    registers,
  });
  return (shared) => {
    // A gauge without labels begins at 0.
    for (const gauge of [up, untold]) gauge.remove();
    unanswered.reset();
    if (shared === undefined) return;
    up.set(Number(shared.isUp));
    untold.set(shared.untold);
    unanswered.inc(shared.unanswered);
  };
}

/** The state of the daemon at one moment, as the metrics show it; numbers and closed words only. */
export interface MetricsSnapshot {
  /** Whether a code would go out now. */
  grade: (typeof grades)[number];
  /** Messages that wait for a modem, and how many may. */
  waiting: number;
  maxWaiting: number;
  /** False while the wall clock cannot judge tokens. */
  clockIsSet: boolean;
  modems: readonly ModemFigures[];
  journal: JournalFigures;
  alerts: AlertFigures;
  /** Undefined where this box is alone. */
  shared?: SharedFigures | undefined;
}

/** The alerts' part of a {@link MetricsSnapshot}. */
export interface AlertFigures {
  open: readonly { severity: (typeof severities)[number] }[];
  ways: readonly {
    /** The configured name. */
    name: string;
    waiting: number;
    /** Since the start; never falls. */
    delivered: number;
    failed: number;
    failing: unknown;
  }[];
}

/** The engine's part of a {@link MetricsSnapshot}. */
export interface SharedFigures {
  isUp: boolean;
  untold: number;
  /** Since the start; never falls. */
  unanswered: number;
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
  /** Received messages that it does not delete; default: none. */
  undeletable?: number | undefined;
  /** What its SIM may send, and has sent. */
  caps: Caps;
  used: SimUse;
  /** Wall-clock milliseconds; undefined where nobody asks. */
  credit?:
    | {
        amount?: number | undefined;
        validUntilMs?: number | undefined;
        answeredAtMs?: number | undefined;
      }
    | undefined;
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
