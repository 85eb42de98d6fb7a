import type { AlertsState } from '../alerts/watch.js';
import type { Clock } from '../clock/clock.js';
import type { Config } from '../config/config.js';
import type { SimCredit } from '../credit/credit.js';
import type { Deliveries } from '../delivery/reports.js';
import type { Dispatch } from '../dispatch/dispatch.js';
import { simKey } from '../dispatch/sim-key.js';
import type { Health } from '../doctor/finding.js';
import type { Inbound, InboundState } from '../inbound/inbound.js';
import type { JournalState } from '../journal/entries.js';
import { logLoss } from '../log.js';
import type { MetricsSnapshot } from '../metrics/gauges.js';
import type { Supervisor } from '../modem/supervisor.js';
import type { Caps } from '../policy/sim-caps.js';
import type { Truth, TruthState } from '../shared/truth.js';
import { version } from '../version.js';
import type { Condition } from '../words/condition.js';
import { alertsAsJson } from './alert-commands.js';
import { creditAsJson } from './credit-shown.js';
import type { DiskWatch } from './disk-watch.js';
import { judge } from './judgement.js';
import type { Remembered } from './remembered.js';
import type { SharedLimits } from './shared-limits.js';

/** What a running daemon is made of, to be looked at. */
export interface DaemonParts {
  modems: readonly Supervisor[];
  dispatch: Dispatch;
  /** What several boxes know together; undefined where this one is alone. */
  truth?: Pick<Truth, 'state' | 'look'> | undefined;
  remembered: Remembered;
  /** How the limits stand that many share. */
  limits: Pick<SharedLimits, 'full' | 'nearlyFull' | 'isWhole' | 'standing' | 'fresh'>;
  /** The configuration in force. */
  config: () => Config;
  clock: Clock;
  disk: Pick<DiskWatch, 'room'>;
  inbound: Pick<Inbound, 'state' | 'conditions'>;
  isStopping: () => boolean;
  /** Undefined until they are open. */
  alerts: () => AlertsState | undefined;
  /** What is known of the credit of a modem's SIM. */
  credit: (modem: string) => SimCredit | undefined;
  /** Ways of alerts that cannot be told. */
  deadWays: () => readonly { name: string; why: string }[];
}

const noCaps: Caps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };

/** The caps of the SIM in the modem of that name. */
export function capsOf(config: Config, modem: string): Caps {
  return config.modems.find(({ name }) => name === modem)?.caps ?? noCaps;
}

/** Would a code go out now? */
export function judgementOf({
  modems,
  dispatch,
  remembered,
  config,
  clock,
  disk,
  isStopping,
  deadWays,
  truth,
  limits,
  inbound,
}: DaemonParts): Health {
  const { journal, simCaps, hmac } = remembered;
  const { callers, stateDir, policy: rules, message } = config();
  const suspects = new Set(dispatch.suspects());
  const failing = dispatch.failing();
  return judge({
    isStopping: isStopping(),
    clockDoubt: clock.doubt(),
    modems: modems.map((modem) => ({
      snapshot: modem.snapshot(),
      isSuspect: suspects.has(modem.name),
      failing: failing.get(modem.name),
      wedgedBy: modem.wedgedBy(),
      caps: capsOf(config(), modem.name),
      used: simCaps.used(simKey(modem, hmac)),
    })),
    waiting: dispatch.waiting(),
    maxWaiting: message.maxWaiting,
    loginDoneInMs: dispatch.loginDoneInMs(),
    longestDeadlineMs: Math.max(...callers.map(({ deadlineMs }) => deadlineMs)),
    policy: {
      full: limits.full(),
      callers: callers.map(({ name }) => name),
      countries: rules.countries,
      nowMs: remembered.date(),
    },
    disk: disk.room,
    stateDir,
    journal: journal.state(),
    log: logLoss(),
    isRestored: remembered.isRestored(),
    deadWays: deadWays(),
    inbound: inbound.conditions(),
    shared: truth?.state(),
  });
}

/** What the operator should know, beside whether a code would go out. */
export function conditionsOf({
  remembered,
  inbound,
}: Pick<DaemonParts, 'inbound'> & {
  remembered: { deliveries: Pick<Deliveries, 'conditions'> };
}): Condition[] {
  return [...remembered.deliveries.conditions(), ...inbound.conditions()];
}

function inboundAsJson(state: InboundState): object {
  const { isOn, isFull, failedTries, lastFailure, ...counts } = state;
  return {
    on: isOn,
    full: isFull,
    failed_tries: failedTries,
    ...counts,
    last_failure: lastFailure,
  };
}

/** The state of the daemon as the admin listener shows it. */
export function snapshotOf(parts: DaemonParts): object {
  const {
    modems,
    dispatch,
    remembered: { journal },
    clock,
    truth,
  } = parts;
  const suspects = new Set(dispatch.suspects());
  return {
    version,
    health: judgementOf(parts),
    waiting: dispatch.waiting(),
    clock: { is_set: clock.isSet(), ...clock.doubt() },
    journal: journalAsJson(journal.state()),
    alerts: alertsAsJson(parts.alerts()),
    ...(truth && { shared: sharedAsJson(truth.state()) }),
    conditions: conditionsOf(parts).map(({ sinceMs, ...condition }) => ({
      ...condition,
      since: new Date(sinceMs).toISOString(),
    })),
    inbound: inboundAsJson(parts.inbound.state()),
    modems: modems.map((modem) => {
      const shown = modem.snapshot();
      const { name } = shown;
      return {
        name,
        phase: shown.phase,
        phase_s: Math.round((performance.now() - shown.phaseSince) / 1000),
        reason: shown.reason,
        device: shown.device,
        manufacturer: shown.manufacturer,
        model: shown.model,
        operator: shown.operator,
        technology: shown.technology,
        signal_dbm: shown.signalDbm,
        sim_suspect: suspects.has(name),
        sms_undeletable: shown.undeletable,
        credit: creditAsJson(parts.credit(name)),
        notices: (shown.notices ?? []).map(({ sentence }) => sentence),
      };
    }),
  };
}

/** The same as the metrics show it. */
export function figuresOf(parts: DaemonParts): MetricsSnapshot {
  const { modems, dispatch, remembered, config, clock } = parts;
  const { journal, simCaps, hmac } = remembered;
  const suspects = new Set(dispatch.suspects());
  return {
    grade: judgementOf(parts).grade,
    waiting: dispatch.waiting(),
    maxWaiting: config().message.maxWaiting,
    clockIsSet: clock.isSet(),
    journal: journal.state(),
    alerts: parts.alerts() ?? { open: [], ways: [] },
    shared: parts.truth?.state(),
    modems: modems.map((modem) => {
      const { name, phase, registration, signalDbm, undeletable } = modem.snapshot();
      const used = simCaps.used(simKey(modem, hmac));
      return {
        name,
        phase,
        registration,
        signalDbm,
        simSuspect: suspects.has(name),
        undeletable,
        credit: parts.credit(name),
        caps: capsOf(config(), name),
        used,
      };
    }),
  };
}

function sharedAsJson({ isUp, why, since, untold, dropped }: TruthState): object {
  const for_s = Math.round((performance.now() - since) / 1000);
  return { up: isUp, why, for_s, untold, dropped };
}

function journalAsJson({
  isOk,
  fault,
  droppedRows,
  skippedRefusals,
  pending,
}: JournalState): object {
  return { ok: isOk, fault, dropped_rows: droppedRows, skipped_refusals: skippedRefusals, pending };
}
