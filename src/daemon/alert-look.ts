/**
 * What the operator is to be told of now, made of the one judgement: its sentences and remedies are
 * those that doctor says.
 */

import type { Look } from '../alerts/book.js';
import type { Observation } from '../alerts/conditions.js';
import type { AlertKind } from '../config/alert-settings.js';
import type { Finding, Health } from '../doctor/finding.js';
import { canSend, type ModemSnapshot } from '../modem/sms-modem.js';
import type { NearlyFullLimit } from '../policy/full-limits.js';
import type { Caps, SimUse } from '../policy/sim-caps.js';
import { limitText } from '../policy/wording.js';
import type { Condition } from '../words/condition.js';
import type { Check } from './checks.js';
import { alertCaller } from './clients.js';

/** One modem as it is looked at. */
export interface WatchedSim {
  snapshot: Pick<ModemSnapshot, 'name' | 'phase' | 'sim'>;
  caps: Caps;
  used: SimUse;
  /** It was done with a message since the start: whether its SIM is suspect is known. */
  hasTried: boolean;
}

/** All that the look is made of, at one moment. */
export interface LookedAt {
  health: Health;
  isStopping: boolean;
  modems: readonly WatchedSim[];
  /** Whether what limits and caps counted before the start is known. */
  isRestored: boolean;
  /** Whether it is known what other boxes have sent, where there are some. */
  areLimitsKnown: boolean;
  nearlyFull: readonly NearlyFullLimit[];
  /** Those of the last hour; undefined while the journal cannot tell. */
  unknownOutcomes: number | undefined;
  mostUnknownOutcomes: number;
  /** The version that runs, while it is new and the network has taken nothing of it. */
  untried: { version: string; failures: number } | undefined;
  /** Ways of alerts that are dead, and those of which that is not known. */
  deadWays: readonly { name: string; why: string }[];
  isWayUnknown: (name: string) => boolean;
  /** SMS that came in and wait, how many may, and those handed over since the start. */
  inbound: { spooled: number; most: number; delivered: number };
  /** Whether messages to such a country or block arrive again cannot be told yet. */
  isArrivalUnknown: (about: string) => boolean;
  /** What other rooms have to tell. */
  others: readonly Observation[];
}

/** Failures in a row after which a new version is taken for the cause. */
const mostFailures = 3;

/** By the judgement's own names. */
const kindsByCheck: Readonly<Record<Check, AlertKind | 'told apart' | 'not told'>> = {
  clock: 'clock_unset',
  journal: 'journal_fault',
  disk: 'journal_fault',
  limit: 'full',
  queue: 'full',
  sim_cap: 'full',
  engine: 'engine_away',
  shared: 'engine_away',
  log: 'other',
  alerts: 'not told',
  // By conditions of their own kinds.
  inbound: 'not told',
  storage: 'other',
  daemon: 'not told',
  modem: 'told apart',
  registration: 'told apart',
  sim: 'told apart',
  smsc: 'other',
  sends: 'other',
  init: 'other',
};

/** What a finding is told as. */
const kindOf = (check: string): AlertKind | 'told apart' | 'not told' =>
  kindsByCheck[check as Check] ?? 'other';

export function lookAt(daemon: LookedAt): Look {
  const ready = daemon.modems.filter((modem) => isReady(modem, daemon.health));
  return {
    holding: [
      ...modemsAway(daemon, ready.length > 0),
      ...lockedSims(daemon),
      ...suspectSims(daemon),
      ...daemon.health.obstacles.flatMap(fromObstacle),
      ...nearlyFullLimits(daemon),
      ...daemon.modems.flatMap(nearlyFullCaps),
      ...unknownOutcomes(daemon),
      ...upgrade(daemon, ready.length > 0),
      ...daemon.deadWays.map(deadWay),
      ...daemon.others,
    ],
    isUnknown: (kind, subject) => isUnknown(daemon, ready.length > 0, kind, subject),
  };
}

/** It can send, and its loop makes progress. */
function isReady({ snapshot: { name, phase } }: WatchedSim, { obstacles }: Health): boolean {
  const isStuck = obstacles.some(({ check, about }) => check === 'modem' && about === name);
  return canSend(phase) && !isStuck;
}

const observed = (
  kind: AlertKind,
  subject: string,
  { what, remedy = 'sudo simgate doctor' }: Pick<Finding, 'what' | 'remedy'>,
): Observation => ({ kind, subject, what, remedy });

/** With one modem, or none that is ready, it is said once. */
function modemsAway({ health, modems }: LookedAt, isAnyReady: boolean): Observation[] {
  const away = modems.flatMap((modem): [string, Finding][] => {
    const { name } = modem.snapshot;
    if (isReady(modem, health)) return [];
    const found = health.obstacles.find(
      ({ check, about }) => about === name && kindOf(check) === 'told apart',
    );
    return found === undefined ? [] : [[name, found]];
  });
  if (isAnyReady) return away.map(([name, found]) => observed('modem_away', name, found));
  const [first] = away;
  if (first === undefined) return [];
  const what = away.map(([, found]) => found.what).join('; ');
  return [observed('no_modem_ready', '', { ...first[1], what: `no code goes out: ${what}` })];
}

function lockedSims({ health, modems }: LookedAt): Observation[] {
  return modems.flatMap(({ snapshot: { name, phase, sim } }): Observation[] => {
    if (phase !== 'unlocking' || (sim !== 'pin' && sim !== 'puk')) return [];
    const found = health.obstacles.find(({ check, about }) => check === 'sim' && about === name);
    return found === undefined ? [] : [observed('pin_wanted', name, found)];
  });
}

/** Of a modem that can send, what is wrong with its SIM is that it is suspect. */
function suspectSims({ health, modems }: LookedAt): Observation[] {
  return modems.flatMap((modem): Observation[] => {
    const { name } = modem.snapshot;
    if (!isReady(modem, health)) return [];
    const found = health.obstacles.find(({ check, about }) => check === 'sim' && about === name);
    return found === undefined ? [] : [observed('sim_suspect', name, found)];
  });
}

function fromObstacle(finding: Finding): Observation[] {
  const { check, about } = finding;
  const kind = kindOf(check);
  if (kind === 'told apart' || kind === 'not told') return [];
  const whose = about === undefined ? '' : ` of ${about}`;
  const names: Readonly<Record<string, string>> = {
    limit: `a limit${about === undefined ? '' : ` for ${about}`}`,
    queue: 'the waiting list',
    sim_cap: `the cap${whose}`,
  };
  if (kind === 'full') return [observed(kind, names[check] ?? check, finding)];
  if (kind === 'other') return [observed(kind, `${check}${whose}`, finding)];
  if (kind === 'engine_away') return [observed(kind, check === 'shared' ? 'twin' : '', finding)];
  return [observed(kind, '', finding)];
}

/** What other rooms have found by themselves. */
export const fromConditions = (found: readonly Condition[]): Observation[] =>
  found.map(({ kind, about, sentence, remedy }) => {
    return { kind, subject: about, what: sentence, remedy };
  });

function nearlyFullLimits({ nearlyFull }: LookedAt): Observation[] {
  return nearlyFull.map(({ name, limit, of }) => {
    if (name === 'per_caller' && of === alertCaller)
      return observed('nearly_full', 'alerts.sms.per_day', {
        what: `80 % of alerts.sms.per_day (${limitText(limit)}) is used: at the limit no alert goes out by SMS`,
        remedy:
          'see what is told so often: simgate alerts. Name what need not be in alerts.off, or raise per_day of [alerts.sms] and "sudo simgate reload"',
      });
    const whom = of === undefined ? '' : ` for ${of}`;
    return observed('nearly_full', `policy.${name}${whom}`, {
      what: `80 % of policy.${name} (${limitText(limit)})${whom} is used: at the limit messages are refused`,
      remedy: `see who asks for so many: sudo simgate log --since 1h. If they are real logins, raise ${name} and "sudo simgate reload"`,
    });
  });
}

function nearlyFullCaps({ snapshot: { name }, caps, used }: WatchedSim): Observation[] {
  const rows = [
    ['per_day', used.dayCount, caps.perDay, 'segments'],
    ['per_month', used.monthCount, caps.perMonth, 'segments'],
    ['recipients_per_month', used.monthRecipients, caps.recipientsPerMonth, 'recipients'],
  ] as const;
  return rows.flatMap(([cap, count, most, unit]): Observation[] => {
    if (most === undefined || count < Math.ceil(most * 0.8)) return [];
    return [
      observed('nearly_full', `${cap} of ${name}`, {
        what: `the SIM of modem ${name} has used 80 % of the ${most} ${unit} that it may send (${cap})`,
        remedy: `raise ${cap} of this modem if the contract has more, and "sudo simgate reload"; another modem helps at once`,
      }),
    ];
  });
}

function unknownOutcomes(daemon: LookedAt): Observation[] {
  const { unknownOutcomes: count = 0, mostUnknownOutcomes: most } = daemon;
  if (count <= most) return [];
  return [
    observed('unknown_outcomes', '', {
      what: `of more than ${most} messages of the last hour nobody knows whether the network took them (504 outcome_unknown)`,
      remedy:
        'sudo simgate log --since 1h --code outcome_unknown shows them; look at signal and power of the modem, and "sudo simgate doctor"',
    }),
  ];
}

function upgrade({ untried }: LookedAt, isAnyReady: boolean): Observation[] {
  if (untried === undefined || (untried.failures < mostFailures && isAnyReady)) return [];
  const { version, failures } = untried;
  const why = isAnyReady ? `the last ${failures} messages were not sent` : 'no modem is ready';
  return [
    observed('upgrade_does_not_send', version, {
      what: `since simgate ${version} runs, the network has taken no message: ${why}`,
      remedy:
        'if "sudo simgate doctor" finds no other cause, install the version before, and report it with the log',
    }),
  ];
}

const deadWay = ({ name, why }: { name: string; why: string }): Observation =>
  observed('receiver_dead', name, {
    what: `no alert has reached ${name} for 10 minutes: ${why}`,
    remedy: `sudo simgate alerts test --way ${name} tries it, once it is mended`,
  });

/** Whether something cannot be judged now; what is missing here always can. */
const unknown: Readonly<
  Partial<
    Record<
      AlertKind,
      (
        daemon: LookedAt,
        at: { isAnyReady: boolean; subject: string; modem: WatchedSim | undefined },
      ) => boolean
    >
  >
> = {
  modem_away: (_, { isAnyReady }) => !isAnyReady,
  other: (_, { isAnyReady }) => !isAnyReady,
  pin_wanted: (_, { modem }) => modem !== undefined && !knowsSim(modem),
  sim_suspect: ({ health }, { modem }) =>
    modem !== undefined && !(modem.hasTried && isReady(modem, health)),
  full: (daemon, { subject }) => !isCounted(daemon, subject.startsWith('a limit')),
  nearly_full: (daemon, { subject }) => !isCounted(daemon, subject.startsWith('policy.')),
  unknown_outcomes: ({ unknownOutcomes: count }) => count === undefined,
  receiver_dead: ({ isWayUnknown }, { subject }) => isWayUnknown(subject),
  undelivered: ({ isArrivalUnknown }, { subject }) => isArrivalUnknown(subject),
  // After a restart the next SMS shows it, or the next try.
  inbound_full: ({ inbound: { spooled, most } }) => most > 0 && spooled >= most,
  inbound_receiver: ({ inbound: { spooled, delivered } }) => spooled > 0 && delivered === 0,
};

/** What cannot be judged now is neither raised nor over. */
function isUnknown(
  daemon: LookedAt,
  isAnyReady: boolean,
  kind: AlertKind,
  subject: string,
): boolean {
  if (daemon.isStopping) return true;
  const modem = daemon.modems.find(({ snapshot }) => snapshot.name === subject);
  return unknown[kind]?.(daemon, { isAnyReady, subject, modem }) ?? false;
}

/** Whether what counts towards a limit, or towards a cap, is known. */
const isCounted = ({ isRestored, areLimitsKnown }: LookedAt, isLimit: boolean): boolean =>
  isRestored && (areLimitsKnown || !isLimit);

const knowsSim = ({ snapshot: { phase } }: WatchedSim): boolean =>
  !['absent', 'opening', 'probing', 'lost'].includes(phase);
