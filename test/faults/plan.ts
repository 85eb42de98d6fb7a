import { type Random, seededRandom } from '../../src/simulator/random.js';
import type { VendorName } from '../../src/simulator/vendors.js';
import { type PlannedText, planTexts } from './air.js';
import { alertHead, alertRecipient } from './callers.js';
import {
  type Action,
  shuffled,
  shuffledAirDeck,
  shuffledDeck,
  shuffledNetworkDeck,
  slowRefusal,
} from './deck.js';
import type { NetworkProtocol } from './network-path.js';
import { type PinStart, type PlannedPins, planPins } from './pins.js';
import { markedText } from './texts.js';

/** Who asks: see `callers.ts`. */
export const callerNames = ['auth0', 'static', 'hasty', 'signed', 'alerts'] as const;
export type CallerName = (typeof callerNames)[number];

/** One message and how its caller behaves. Times are milliseconds. */
export interface PlannedMessage {
  /** 0, 1, 2 … over the whole run. */
  number: number;
  caller: CallerName;
  /** E.164, `+` and 12 digits. */
  recipient: string;
  marker: string;
  text: string;
  segments: number;
  messageType: string | undefined;
  /** From the caller's last answer to this request. */
  pauseMs: number;
  /** `Prefer: wait=N` (RFC 7240 4.3), in seconds. */
  waitS: number | undefined;
  /** The caller hangs up this long after it sent its request. */
  leaveAfterMs: number | undefined;
  /** The number of the modem that it is to go by. */
  sender?: string;
  /** `Idempotency-Key`: each caller has it for one message only, and another may have it too. */
  key?: string;
  /** The request is made again so long after the first. */
  repeatsAfterMs?: readonly number[];
  /** Asks at the same time for the very same: that is another message. */
  twin?: CallerName;
  /** What goes wrong around it. */
  fault: { action: Action; delayMs: number; modem: number } | undefined;
}

/** One daemon and its modems for a while. */
export interface PlannedPhase {
  number: number;
  name: string;
  vendor: VendorName;
  /** Flags of `simgate simulate`, for each modem. */
  modems: readonly (readonly string[])[];
  deadlineS: number;
  /** What was promised is given up so long after the request. */
  lateDeadlineS: number;
  statusReport: boolean;
  /** More lines of each modem's configuration. */
  settings: readonly string[];
  /** How each modem is reached, where it is not by its tty. */
  network: readonly NetworkProtocol[];
  callers: number;
  messages: readonly PlannedMessage[];
  /** Sent after them, as long as a planned fault still waits for a submit to meet. */
  draining: readonly PlannedMessage[];
  /** Sent when all faults are over, for each modem one after another until one gets through it. */
  parting: readonly (readonly PlannedMessage[])[];
  /** What comes in by SMS, where it is to go anywhere. */
  texts: readonly PlannedText[];
  pins: (PlannedPins & { messages: readonly PlannedMessage[] }) | undefined;
}

/**
 * Not among them: sierra, whose firmware never says `+CMGS`, so that no message is ever known to be
 * sent; wavecom, whose `+CPIN?` lacks the OK, so that each restart costs the ten seconds of that
 * command's timeout.
 */
const vendors: readonly VendorName[] = [
  'generic',
  'huawei',
  'zte',
  'sim800',
  'sim7600',
  'sim7670',
  'ec25',
  'ublox',
  'telit',
  'cinterion',
  'talkative',
  'novatel',
  'aithinker',
];

interface Template {
  name: string;
  modems: readonly (readonly string[])[];
  statusReport?: boolean;
  /** More lines of each modem's configuration. */
  settings?: readonly string[];
  /**
   * How many messages there are to one that meets a fault; {@link messagesPerFault} when not said.
   */
  messagesPerFault?: number;
  /** How each modem is reached, where it is not by its tty; most faults are the way's then. */
  network?: readonly NetworkProtocol[];
  /** Texts come in at a rate, among everything that can go wrong with them and with reports. */
  hasTexts?: boolean;
  /** SIMs that ask for a PIN, by modem. */
  pins?: readonly PinStart[];
}

/**
 * A tty that comes back has another number each time; the configured device is the link that points
 * to it.
 */
const moving = ['--tty-moves', '--boot-ms', '300'];
const common = [...moving, '--submit-latency', '60'];
/** Somebody has left `+CSMS: 1` behind: unless it is taken back, the second report is the last. */
const reporting = [
  ...common,
  ...'--status-reports --status-report-delay 150 --no-echo --link-setup 80 --csms 1 --acknowledge-ms 1500'.split(
    ' ',
  ),
];
/** Each of these is reported on, and has as much to take in. */
const talked = [...common, '--status-reports', '--status-report-delay', '100'];
const noisy = [...moving, '--submit-latency', '40', '--urc-noise', '5', '--baud', '115200'];
const chances = [
  'garble@2%',
  'drop-bytes@2%',
  'split:1@5%',
  'urc-burst@5%',
  'prompts:2@5%',
  'cms:42@3%',
];

const unplugged = [
  'hangup-before:900@3%',
  'hangup-during-pdu:700@3%',
  'hangup-after-ctrlz:1200@2%',
  'hangup-after-ctrlz-lost:400@2%',
  'glitch-after-ctrlz:800@2%',
  'hangup-after-reply:600:15@3%',
];
const everything = [
  ...chances,
  ...unplugged.map((fault) => fault.replace(/@.*/, '@1%')),
  `${slowRefusal}@2%`,
  'registration-lost:1500@2%',
  'reboot-before-prompt@1%',
  'reboot-before-ctrlz@1%',
  'reboot-after-ctrlz@1%',
  'silence:2500@1%',
  'late:2500@2%',
  'no-prompt:1500@1%',
  'stuck-prompt@40%',
];
const playing = (faults: readonly string[]): string[] =>
  faults.flatMap((fault) => ['--fault', fault]);

/**
 * Found at the start: all well, a mistyped PIN, tries spent elsewhere, a blocked SIM, and a first
 * try that is never answered.
 */
const pinStarts: readonly PinStart[] = [
  { file: 'right', tries: 3 },
  { file: 'wrong', tries: 3 },
  { file: 'right', tries: 2 },
  { file: 'right', tries: 0 },
  { file: 'right', tries: 3, fault: 'silence-lost:2000' },
];

/** The kinds of modem and network that a run meets, in this order, over and over. */
const templates: readonly Template[] = [
  { name: 'plain', modems: [common] },
  { name: 'answers AT while it sends', modems: [[...common, '--parallel']] },
  {
    name: 'answers AT while it sends, counts each submit, no echo',
    modems: [[...common, '--parallel', '--references', 'submits', '--no-echo']],
  },
  {
    name: 'answers AT while it sends, one reference for all, a UART that sleeps',
    modems: [[...common, '--parallel', '--references', 'constant', '--uart-sleep', '1300']],
  },
  {
    name: 'faults by chance, noise, UART speed',
    modems: [[...noisy, ...playing(chances)]],
  },
  {
    name: 'USB stick, loses bytes while busy, stuck prompts',
    modems: [[...common, '--reset-tty', 'hangup', '--busy', 'drop', '--fault', 'stuck-prompt@60%']],
  },
  { name: 'two modems', modems: [common, [...common, '--submit-latency', '150']] },
  {
    name: 'status reports, no echo, link set-up',
    modems: [reporting],
    statusReport: true,
  },
  {
    name: 'two modems that come back under another name',
    modems: [
      [...common, ...playing(unplugged)],
      [...common, '--submit-latency', '120', ...playing(unplugged)],
    ],
  },
  {
    name: 'three modems, all faults at once',
    modems: [
      [...common, ...playing(everything)],
      [...noisy, '--reset-tty', 'hangup', ...playing(everything)],
      [...common, '--busy', 'drop', '--registration-delay', '700', ...playing(everything)],
    ],
    messagesPerFault: 3,
  },
  {
    name: 'no SMSC in the SIM, 5G alone, SMS by one way only',
    modems: [
      [...common, '--smsc', ''],
      [
        ...common,
        '--domain',
        'CREG=0',
        '--domain',
        'CGREG=0',
        '--domain',
        'CEREG=0',
        '--domain',
        'C5GREG=network',
      ],
      [...common, '--only-cgsms', '0'],
    ],
    settings: [
      'smsc = "+491710760000"',
      'roaming = false',
      'init = ["AT+CGSMS=0", "AT+NOSUCH;+CREG=0"]',
    ],
  },
  {
    name: 'two modems over the network',
    modems: [common, [...common, '--submit-latency', '120', '--reset-tty', 'hangup']],
    network: ['rfc2217', 'tcp'],
    messagesPerFault: 2,
  },
  {
    name: 'texts come in and reports go astray',
    modems: [
      [...talked, '--storage-slots', '8', '--submit-latency', '300'],
      [...talked, '--storage-slots', '20', '--storages', 'MT', '--submit-latency', '300'],
    ],
    statusReport: true,
    hasTexts: true,
  },
  { name: 'five SIMs with a PIN', modems: pinStarts.map(() => common), pins: pinStarts },
];

/** Shorter than a slow modem's estimate, and as long as by default. */
const lateDeadlinesS = [5, 12, 25] as const;
/** About one message in so many meets a fault. */
const messagesPerFault = 8;
const messagesPerPhase = 120;
const partingMessages = 12;
const drainingMessages = 20;

/**
 * Everything that is left to chance, decided before anything runs: the same seed is the same plan.
 */
export function planRun(seed: number, messageCount: number): PlannedPhase[] {
  const [forPhases, forMessages, forFaults, forPins, forCallers, forTexts] = [1, 2, 3, 4, 5, 6].map(
    (stream) => seededRandom(seed * 16 + stream),
  );
  const phaseCount = Math.max(templates.length, Math.round(messageCount / messagesPerPhase));
  const makers = shuffled(vendors, forPhases!);
  const deal = dealer(() => shuffledDeck(forFaults!));
  const dealOfWay = dealer(() => shuffledNetworkDeck(forFaults!));
  const mixed = new Mixer(forCallers!);
  let number = 0;
  const take = (count: number, template?: Template): PlannedMessage[] => {
    const messages: PlannedMessage[] = [];
    for (let taken = 0; taken < count; taken += 1) {
      const message = planMessage(forMessages!, number++, messages);
      const fault =
        template === undefined ? undefined : planFault(forFaults!, deal, dealOfWay, template);
      messages.push({ ...message, fault });
    }
    return messages;
  };
  return Array.from({ length: phaseCount }, (_, index) => {
    const template = templates[index % templates.length]!;
    const pins = template.pins && planPins(forPins!, template.pins);
    const count =
      Math.floor(((index + 1) * messageCount) / phaseCount) -
      Math.floor((index * messageCount) / phaseCount);
    return {
      number: index + 1,
      name: template.name,
      vendor: makers[index % makers.length]!,
      modems: template.modems,
      deadlineS: 2 + forPhases!.below(2),
      lateDeadlineS: lateDeadlinesS[forCallers!.below(lateDeadlinesS.length)]!,
      statusReport: template.statusReport === true,
      settings: template.settings ?? [],
      network: template.network ?? [],
      callers: 3 + forPhases!.below(3),
      messages: take(count, template).map((message) => mixed.give(message)),
      draining: take(drainingMessages).map(quietly),
      parting: template.modems.map(() => take(partingMessages).map(quietly)),
      texts:
        template.hasTexts === true
          ? planTexts(
              forTexts!,
              template.modems.length,
              `${seed}-${index}`,
              shuffledAirDeck(forTexts!),
            )
          : [],
      pins: pins && {
        ...pins,
        messages: take(pins.rounds.length * template.modems.length).map(quietly),
      },
    };
  });
}

/** Every message that the phase may send. */
export function allMessages({ messages, draining, parting, pins }: PlannedPhase): PlannedMessage[] {
  return [...messages, ...draining, ...parting.flat(), ...(pins?.messages ?? [])];
}

/** Cards from one deck after another. */
function dealer(shuffle: () => Action[]): () => Action {
  let deck: Action[] = [];
  return () => {
    if (deck.length === 0) deck = shuffle();
    return deck.pop()!;
  };
}

function planFault(
  random: Random,
  deal: () => Action,
  dealOfWay: () => Action,
  template: Template,
): PlannedMessage['fault'] {
  if (random.below(template.messagesPerFault ?? messagesPerFault) !== 0) return undefined;
  const isOfWay = template.network !== undefined && random.below(4) > 0;
  return {
    action: isOfWay ? dealOfWay() : deal(),
    delayMs: random.below(200),
    modem: random.below(template.modems.length),
  };
}

function planMessage(
  random: Random,
  number: number,
  before: readonly PlannedMessage[],
): PlannedMessage {
  const { marker, text, segments } = markedText(random, number);
  const isForSame = random.below(8) === 0;
  const earlier = isForSame ? before.at(-1 - random.below(3)) : undefined;
  const recipient = `+4915${String(random.below(100_000_000)).padStart(8, '0')}`;
  const messageType = random.below(3) === 0 ? 'otp_verify' : undefined;
  const [waits, leaves] = [random.below(8) === 0, random.below(10) === 0];
  return {
    number,
    caller: 'auth0',
    recipient: earlier?.recipient ?? recipient,
    marker,
    text,
    segments,
    messageType: earlier === undefined ? messageType : earlier.messageType,
    pauseMs: random.below(3) === 0 ? 0 : random.below(300),
    waitS: waits ? 1 + random.below(2) : undefined,
    leaveAfterMs: leaves ? random.below(900) : undefined,
    fault: undefined,
  };
}

/** How often each asks, of twenty messages. */
const shares: readonly CallerName[] = [
  ...Array<CallerName>(8).fill('auth0'),
  ...Array<CallerName>(4).fill('static'),
  ...Array<CallerName>(5).fill('hasty'),
  'signed',
  'alerts',
  'alerts',
];
const alertGroups = 6;

/** Gives messages to callers, with what only some of them do. */
class Mixer {
  readonly #random: Random;
  /** The newest key, and who has used it. */
  #key = { text: 'key-0', count: 0, usedBy: new Set<CallerName>() };

  constructor(random: Random) {
    this.#random = random;
  }

  give(message: PlannedMessage): PlannedMessage {
    const random = this.#random;
    const caller = shares[random.below(shares.length)]!;
    const [isKeyed, isRepeated, hasTwin] = [6, 4, 10].map((among) => random.below(among) === 0);
    const repeatsAfterMs = Array.from({ length: 1 + random.below(2) }, () => random.below(2500));
    const group = random.below(alertGroups);
    // A hasty one is promised at once where it waits for nothing at all.
    const waitS = random.below(2) === 0 ? 0 : message.waitS;
    if (caller === 'alerts') return { ...asAlert(message, group), repeatsAfterMs };
    const twin = caller === 'static' ? 'hasty' : 'static';
    const hasKey = isKeyed && caller !== 'signed';
    const mayHaveTwin = caller === 'static' || caller === 'hasty';
    const given: CallerName[] = hasTwin && mayHaveTwin ? [caller, twin] : [caller];
    return {
      ...message,
      caller,
      ...((caller === 'hasty' || caller === 'signed') && { waitS }),
      ...(hasKey && { key: this.#keyFor(given) }),
      ...(isRepeated && (caller !== 'auth0' || hasKey) && { repeatsAfterMs }),
      ...(given.length > 1 && { twin }),
    };
  }

  #keyFor(callers: readonly CallerName[]): string {
    if (callers.some((caller) => this.#key.usedBy.has(caller))) {
      const count = this.#key.count + 1;
      this.#key = { text: `key-${count}`, count, usedBy: new Set() };
    }
    for (const caller of callers) this.#key.usedBy.add(caller);
    return this.#key.text;
  }
}

/** Of a group, within which a newer alert makes a waiting one void. */
function asAlert(message: PlannedMessage, group: number): PlannedMessage {
  return {
    ...message,
    caller: 'alerts',
    recipient: alertRecipient,
    text: `${alertHead}#${message.marker}# a disk is full`,
    segments: 1,
    messageType: `group ${group}`,
    leaveAfterMs: undefined,
    waitS: undefined,
  };
}

/** A patient caller's message, for the time when all is said to be well. */
function quietly(message: PlannedMessage): PlannedMessage {
  return { ...message, pauseMs: 500, waitS: undefined, leaveAfterMs: undefined };
}
