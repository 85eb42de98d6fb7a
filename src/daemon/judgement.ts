/**
 * Would a code go out now, and what is in the way? It is judged here once; doctor, `simgate
 * status`, `STATUS=`, the admin listener, `/readyz`, the metrics and the log all say the same.
 */

import type { ClockDoubt } from '../clock/clock.js';
import type { FailingSends } from '../dispatch/send-streak.js';
import { about, type Finding, type Health } from '../doctor/finding.js';
import {
  otherPortRemedy,
  readOnlyRemedy,
  registrationRemedies,
  simRemedies,
} from '../doctor/remedies.js';
import type { JournalState } from '../journal/entries.js';
import type { LogLoss } from '../log.js';
import { canSend, type ModemPhase, type ModemSnapshot } from '../modem/sms-modem.js';
import type { Caps, SimUse } from '../policy/sim-caps.js';
import type { TruthState } from '../shared/truth.js';
import { plugInRemedy } from '../usb/select.js';
import type { Condition } from '../words/condition.js';
import { counted } from '../words/counted.js';
import { withoutWayOut } from '../words/way-out.js';
import { type Check, error, warning } from './checks.js';
import { type JudgedPolicy, judgeLimits } from './judge-limits.js';

/** One modem as it is judged. */
export interface JudgedModem {
  snapshot: ModemSnapshot;
  /** The network refuses one recipient after the other. */
  isSuspect: boolean;
  /** None of its last messages got through, whatever the cause. */
  failing?: FailingSends | undefined;
  /** What shows that its loop is broken; undefined while it makes progress. */
  wedgedBy: string | undefined;
  caps: Caps;
  used: SimUse;
}

/** All that the judgement is made of, at one moment. */
export interface JudgedDaemon {
  isStopping: boolean;
  /** Why no token can be judged; undefined while the clock is right. */
  clockDoubt: ClockDoubt | undefined;
  modems: readonly JudgedModem[];
  /** Messages that wait, and how many may. */
  waiting: number;
  maxWaiting: number;
  /** Milliseconds until a login that came now would be done, and the most that one has. */
  loginDoneInMs?: number | undefined;
  longestDeadlineMs: number;
  policy: JudgedPolicy;
  /** The disk of the state directory; undefined while it cannot be told. */
  disk: { isFull: boolean; isReadOnly?: boolean } | undefined;
  stateDir: string;
  journal: Pick<JournalState, 'isOk' | 'fault'>;
  /** Whether the limits, caps and keys of earlier runs are known. */
  isRestored: boolean;
  /** Undefined while the log is written. */
  log?: LogLoss | undefined;
  /** Ways of alerts that cannot be told for long, and why. */
  deadWays?: readonly { name: string; why: string }[];
  /** What is to be told of SMS that come in. */
  inbound?: readonly Condition[];
  /** The engine that boxes share; undefined where this box is alone. */
  shared?: Pick<TruthState, 'isUp' | 'why' | 'hasTwin'> | undefined;
}

/**
 * `down` is where a request would be refused before the first Ctrl-Z. What a request would get
 * past, and what heals by traffic only, as a suspect SIM, is `degraded`: who sends nothing to a
 * degraded gateway would never see it well again.
 */
export function judge(daemon: JudgedDaemon): Health {
  const modems = daemon.modems.map(judgeModem);
  const isAnyAble = modems.some(({ isAble }) => isAble);
  const limits = judgeLimits(daemon.policy);
  const refusing = [
    ...(daemon.isStopping ? [stopping] : []),
    ...(daemon.clockDoubt ? [judgeClock(daemon.clockDoubt)] : []),
    ...(isAnyAble ? [] : modems.flatMap(({ obstacles }) => obstacles)),
    ...judgeQueue(daemon),
    ...limits.refusing,
  ];
  const impairing = [
    ...(isAnyAble ? modems.flatMap(judgeAmongOthers) : []),
    ...limits.impairing,
    ...judgeDisk(daemon),
    ...judgeJournal(daemon),
    ...judgeLog(daemon),
    ...judgeAlerts(daemon),
    ...judgeInbound(daemon),
    ...judgeShared(daemon),
  ];
  const obstacles = [...refusing, ...impairing];
  if (refusing.length > 0) return { grade: 'down', obstacles };
  return { grade: obstacles.length > 0 ? 'degraded' : 'ok', obstacles };
}

const stopping = error(
  'daemon',
  'simgate is stopping: every request is answered 503 shutting_down',
  'sudo systemctl start simgate',
);

const judgeClock = ({ what, remedy }: ClockDoubt): Finding => error('clock', what, remedy);

function judgeQueue(daemon: JudgedDaemon): Finding[] {
  const { waiting, maxWaiting, loginDoneInMs = 0, longestDeadlineMs } = daemon;
  const passes =
    'it passes as they are sent; if it comes again, another modem sends more at a time';
  if (waiting >= maxWaiting) {
    const what = `${counted(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'}, and no more may (message.max_waiting is ${maxWaiting}): requests are answered 503 queue_full`;
    return [error('queue', what, passes)];
  }
  if (loginDoneInMs <= longestDeadlineMs) return [];
  const [neededS, mostS] = [loginDoneInMs, longestDeadlineMs].map((ms) => Math.round(ms / 1000));
  const what = `a message that came now would be sent in ${neededS} s, behind ${counted(waiting, 'message')} and what the modems have in hand; the longest deadline is ${mostS} s: requests are answered 503 deadline_unreachable`;
  return [error('queue', what, passes)];
}

/** What {@link judgeModem} says of one. */
export interface ModemJudgement {
  /** It would take a message. */
  isAble: boolean;
  obstacles: Finding[];
}

/** Whether it would take a message, and what is in its way or wrong with it. */
export function judgeModem(modem: JudgedModem): ModemJudgement {
  const { snapshot, wedgedBy } = modem;
  const refusing = [
    ...(wedgedBy === undefined ? [] : [wedged(snapshot.name, wedgedBy)]),
    ...(canSend(snapshot.phase) ? judgeCaps(modem) : [notReady(snapshot)]),
  ];
  const isAble = refusing.length === 0;
  const obstacles = isAble ? [...judgeSends(modem), ...judgeStorage(snapshot)] : refusing;
  return { isAble, obstacles: obstacles.map((finding) => about(snapshot.name, finding)) };
}

/** One that cannot send hurts less while another one can. */
function judgeAmongOthers({ isAble, obstacles }: ModemJudgement): Finding[] {
  return isAble ? obstacles : obstacles.map((finding) => ({ ...finding, level: 'warning' }));
}

const wedged = (name: string, why: string): Finding =>
  error(
    'modem',
    `modem ${name}: its supervisor makes no progress: ${why}`,
    'sudo systemctl restart simgate, and report it with the log',
  );

/** Its SIM may send no more for now. One that may write to nobody new still sends to others. */
function judgeCaps({ snapshot: { name }, caps, used }: JudgedModem): Finding[] {
  const reached = (
    [
      ['per_day', used.dayCount, caps.perDay],
      ['per_month', used.monthCount, caps.perMonth],
    ] as const
  ).filter(([, count, most]) => most !== undefined && count >= most);
  return reached.map(([cap, count, most]) =>
    error(
      'sim_cap',
      `the SIM of modem ${name} has sent ${count} segments, and may send no more (${cap} = ${most})`,
      `raise ${cap} of this modem if the contract has more, and "sudo simgate reload"; another modem helps at once`,
    ),
  );
}

function notReady(snapshot: ModemSnapshot): Finding {
  const { name, phase, reason, remedy } = snapshot;
  const why = reason === undefined ? '' : `: ${withoutWayOut(reason, remedy)}`;
  return error(checkOf(snapshot), `modem ${name} is ${phase}${why}`, remedyOf(snapshot));
}

/** Which part is at fault, in doctor's words. */
function checkOf({ phase, sim }: ModemSnapshot): Check {
  if (phase === 'unlocking' || (phase === 'registering' && sim === 'failed')) return 'sim';
  if (phase === 'registering' && (sim === 'ready' || sim === 'unknown')) return 'registration';
  return 'modem';
}

/** What to do about a modem that is neither ready nor sending. */
const phaseRemedies: Readonly<Record<Exclude<ModemPhase, 'ready' | 'sending'>, string>> = {
  absent: plugInRemedy,
  opening:
    'it is being opened: ask again in ten seconds; if it stays so, plug the modem in again, with enough power',
  probing: 'it is being asked: ask again in a minute; if it stays so, plug the modem in again',
  unlocking: simRemedies.other,
  registering: registrationRemedies.none,
  stalled:
    'it takes nothing else until the network has answered: wait 3 minutes; if it comes again, look at signal and power',
  lost: 'it is tried again by itself; if it stays so, plug the modem in again, with enough power',
  stopped: 'sudo systemctl restart simgate',
};

function remedyOf({ phase, sim, registration, reason = '', remedy }: ModemSnapshot): string {
  if (phase === 'ready' || phase === 'sending') return '';
  if (remedy !== undefined) return remedy;
  if (phase === 'unlocking' && sim !== undefined && sim !== 'ready') {
    // Of a PIN that was refused, its reason says more than the SIM does.
    return sim === 'pin' && !/set pin_file/.test(reason) ? pinRemedy : simRemedies[sim];
  }
  if (isOtherPort.test(reason)) return otherPortRemedy;
  const ofReason = phase === 'registering' && reasonRemedies.find(([words]) => words.test(reason));
  if (ofReason) return ofReason[1];
  if (phase === 'registering' && sim === 'failed') return simRemedies.failed;
  if (phase === 'registering' && registration !== undefined && registration !== 'home')
    return registrationRemedies[registration];
  return phaseRemedies[phase];
}

/** As a tty says that is one of a modem's other ports (`AtTimeout`). */
const isOtherPort = /no answer in time \(command\); what comes /;

/** What keeps a modem from the network that is not the network's. */
const reasonRemedies: readonly (readonly [RegExp, string])[] = [
  [
    /^the radio is off/,
    'plug the modem in again, with enough power; a card in a slot may be switched off there: "rfkill list" says so, and "sudo rfkill unblock all" switches it on',
  ],
  [
    /^the modem does not say whether it is registered/,
    'plug the modem in again, with enough power: one that answers with nothing but errors has hung; if it stays so, it may be no modem that sends SMS',
  ],
  [
    /^the modem is not ready for SMS/,
    'it needs up to a minute after power-on; if it stays so, plug it in again, and look whether it sends SMS at all',
  ],
];

const pinRemedy =
  '"sudo simgate pin enter" shows the tries left, takes the right PIN, and writes it into pin_file; where it takes none, put the SIM into a phone, and enter the PIN or take its lock off there';

/** Why its messages do not get through; where that is not known, that they do not. */
function judgeSends(modem: JudgedModem): Finding[] {
  const causes = [...judgeSim(modem), ...judgeNotices(modem.snapshot)];
  return causes.length > 0 ? causes : judgeStreak(modem);
}

function judgeStreak({ snapshot: { name }, failing }: JudgedModem): Finding[] {
  if (failing === undefined) return [];
  const { messages, miss } = failing;
  const last = `its last ${counted(messages, 'message')} ${miss.isSlow ? 'took too long' : 'failed'}, the last one so: ${miss.why}`;
  return [
    error(
      'sends',
      miss.isSlow
        ? `modem ${name} sends nothing in time: ${last}`
        : `modem ${name} gets nothing through: ${last}`,
      miss.isSlow
        ? 'look at signal and power; where it always takes so long, raise deadline_s as far as the callers wait, or add another modem'
        : 'send one to a telephone of your own, "sudo simgate send +49… TEXT": the first that the network takes ends this. While it takes none, look at signal and power, plug the modem in again, and send from its SIM in a phone: what fails there, too, is the carrier’s to mend',
    ),
  ];
}

function judgeSim({ snapshot: { name }, isSuspect }: JudgedModem): Finding[] {
  if (!isSuspect) return [];
  return [
    error(
      'sim',
      `the SIM of modem ${name} is suspect: the network refused its last messages to several recipients (no credit, barred, or taken for a spammer)`,
      'ask for the balance with "sudo simgate ussd \'*100#\'" and put credit on it, or call the carrier; the first message that the network takes ends the suspicion: "sudo simgate send +49… TEXT"',
    ),
  ];
}

/** What fails each send; that a line of `init` was refused stands with its modem only. */
function judgeNotices({ name, notices = [] }: ModemSnapshot): Finding[] {
  return notices.flatMap(({ kind, sentence }): Finding[] => {
    if (kind === 'init') return [];
    const remedy =
      kind === 'smsc'
        ? 'set smsc = "+…" for this modem, and "sudo simgate reload", as the operator tells it, or set the message centre with a phone'
        : 'write the first init line that is named under the [[modem]] of this one, and "sudo simgate reload"; where sends go on failing, the next one';
    return [error(kind, `modem ${name}: ${sentence}`, remedy)];
  });
}

/** Codes go out as ever; what comes in, and reports, will not once there is no room. */
function judgeStorage({ name, undeletable = 0 }: ModemSnapshot): Finding[] {
  if (undeletable === 0) return [];
  return [
    warning(
      'storage',
      `modem ${name} does not delete ${counted(undeletable, 'SMS')} that came in: once its storage is full of them, nothing comes in any more, and no report`,
      'delete them with a phone, or put in another SIM; where that does not help, the modem itself has a fault',
    ),
  ];
}

/** The journal's fault says so too, but one that has nothing to write has none. */
function judgeDisk({ disk, stateDir }: JudgedDaemon): Finding[] {
  if (disk?.isReadOnly === true)
    return [
      warning(
        'disk',
        `the disk of ${stateDir} is mounted read-only: messages are sent, but no row of the journal and no try of a PIN can be written, and no restart succeeds`,
        readOnlyRemedy,
      ),
    ];
  if (disk?.isFull !== true) return [];
  return [
    warning(
      'disk',
      `the disk of ${stateDir} is full: messages are sent, but no row of the journal and no try of a PIN can be written, and a restart forgets what limits have counted`,
      'make room: "sudo journalctl --vacuum-size=100M" and "sudo apt-get clean" free some at once, "df -h" shows what else is full',
    ),
  ];
}

function judgeShared({ shared }: JudgedDaemon): Finding[] {
  if (shared === undefined) return [];
  const away = warning(
    'engine',
    `the shared engine is away (${shared.why ?? 'it does not answer'}): limits, Idempotency-Keys and the newest code are this box's own until it is back`,
    'look whether it runs and is reached: redis-cli -u with the url of [shared] says PONG to PING; a box by itself goes on, and tells it all when it is back',
  );
  const twin = warning(
    'shared',
    'another box calls itself the same: caps of SIMs that move between the two are counted once',
    'give each its own shared.box, and restart',
  );
  return [...(shared.isUp ? [] : [away]), ...(shared.hasTwin ? [twin] : [])];
}

function judgeJournal({ journal: { isOk, fault }, isRestored }: JudgedDaemon): Finding[] {
  if (!isOk) {
    const what = `the journal is out of order, messages are sent without it: ${fault ?? 'it cannot be written'}`;
    return [
      warning(
        'journal',
        what,
        'make room on the disk, or give the state directory back to the user of the service; simgate tries again by itself within a minute',
      ),
    ];
  }
  if (isRestored) return [];
  return [
    warning(
      'journal',
      'the journal has not been read yet: limits, caps and Idempotency-Keys of before the start are not known',
      'wait a minute; if it stays so, the disk is slow or failing: the log has more',
    ),
  ];
}

function judgeLog({ log }: JudgedDaemon): Finding[] {
  if (log === undefined) return [];
  return [
    warning(
      'log',
      `the log cannot be written, messages are sent without it: ${log.why}; ${counted(log.lines, 'line')} lost so far`,
      'make room where it goes, or look at what reads it; where that has gone for good, "sudo systemctl restart simgate"',
    ),
  ];
}

/** Texts that have no way on; what the carrier writes is told, and stands in nobody's way. */
function judgeInbound({ inbound = [] }: JudgedDaemon): Finding[] {
  return inbound.flatMap(({ kind, sentence, remedy }) =>
    kind === 'carrier_message' ? [] : [warning('inbound', sentence, remedy)],
  );
}

/** Nobody would be told of what is wrong next. */
function judgeAlerts({ deadWays = [] }: JudgedDaemon): Finding[] {
  return deadWays.map(({ name, why }) =>
    about(
      name,
      warning(
        'alerts',
        `no alert has reached ${name} for 10 minutes: ${why}`,
        `mend it, then "sudo simgate alerts test --way ${name}"`,
      ),
    ),
  );
}
