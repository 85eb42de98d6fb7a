import { type Random, seededRandom } from '../../src/simulator/random.js';
import type { VendorName } from '../../src/simulator/vendors.js';
import { type Action, shuffled, shuffledDeck } from './deck.js';
import { markedText } from './texts.js';

/** One message and how its caller behaves. Times are milliseconds. */
export interface PlannedMessage {
  /** 0, 1, 2 … over the whole run. */
  number: number;
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
  statusReport: boolean;
  callers: number;
  messages: readonly PlannedMessage[];
  /** Sent after them, as long as a planned fault still waits for a submit to meet. */
  draining: readonly PlannedMessage[];
  /** Sent when all faults are over, one after another until one gets through. */
  parting: readonly PlannedMessage[];
}

/**
 * Not among them: sierra, whose firmware never says `+CMGS`, so that no message is ever known to be sent; wavecom, whose `+CPIN?` lacks the
 * OK, so that each restart costs the ten seconds of that command's timeout.
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
];

interface Template {
  name: string;
  modems: readonly (readonly string[])[];
  statusReport?: boolean;
}

const common = ['--boot-ms', '300', '--submit-latency', '60'];
const noisy = ['--boot-ms', '300', '--submit-latency', '40', '--urc-noise', '5', '--baud', '115200'];
const chances = ['garble@2%', 'drop-bytes@2%', 'split:1@5%', 'urc-burst@5%', 'prompts:2@5%', 'cms:42@3%'];

/** The kinds of modem and network that a run meets, in this order, over and over. */
const templates: readonly Template[] = [
  { name: 'plain', modems: [common] },
  { name: 'answers AT while it sends', modems: [[...common, '--parallel']] },
  {
    name: 'faults by chance, noise, UART speed',
    modems: [[...noisy, ...chances.flatMap((fault) => ['--fault', fault])]],
  },
  {
    name: 'USB stick, loses bytes while busy, stuck prompts',
    modems: [[...common, '--reset-tty', 'hangup', '--busy', 'drop', '--fault', 'stuck-prompt@60%']],
  },
  { name: 'two modems', modems: [common, [...common, '--submit-latency', '150']] },
  {
    name: 'status reports, no echo, link set-up',
    modems: [
      [...common, '--status-reports', '--status-report-delay', '150', '--no-echo', '--link-setup', '80'],
    ],
    statusReport: true,
  },
];

/** About one message in so many meets a fault. */
const messagesPerFault = 8;
const messagesPerPhase = 120;
const partingMessages = 12;
const drainingMessages = 20;

/** Everything that is left to chance, decided before anything runs: the same seed is the same plan. */
export function planRun(seed: number, messageCount: number): PlannedPhase[] {
  const [forPhases, forMessages, forFaults] = [1, 2, 3].map((stream) => seededRandom(seed * 16 + stream));
  const phaseCount = Math.max(templates.length, Math.round(messageCount / messagesPerPhase));
  const makers = shuffled(vendors, forPhases!);
  const deal = dealer(forFaults!);
  let number = 0;
  const take = (count: number, modems: number | undefined): PlannedMessage[] => {
    const messages: PlannedMessage[] = [];
    for (let taken = 0; taken < count; taken += 1) {
      const message = planMessage(forMessages!, number++, messages);
      const fault = modems === undefined ? undefined : planFault(forFaults!, deal, modems);
      messages.push({ ...message, fault });
    }
    return messages;
  };
  return Array.from({ length: phaseCount }, (_, index) => {
    const template = templates[index % templates.length]!;
    const count =
      Math.floor(((index + 1) * messageCount) / phaseCount) - Math.floor((index * messageCount) / phaseCount);
    return {
      number: index + 1,
      name: template.name,
      vendor: makers[index % makers.length]!,
      modems: template.modems,
      deadlineS: 2 + forPhases!.below(2),
      statusReport: template.statusReport === true,
      callers: 3 + forPhases!.below(3),
      messages: take(count, template.modems.length),
      draining: take(drainingMessages, undefined).map(quietly),
      parting: take(partingMessages, undefined).map(quietly),
    };
  });
}

/** Cards from one deck after another. */
function dealer(random: Random): () => Action {
  let deck: Action[] = [];
  return () => {
    if (deck.length === 0) deck = shuffledDeck(random);
    return deck.pop()!;
  };
}

function planFault(random: Random, deal: () => Action, modems: number): PlannedMessage['fault'] {
  if (random.below(messagesPerFault) !== 0) return undefined;
  return { action: deal(), delayMs: random.below(200), modem: random.below(modems) };
}

function planMessage(random: Random, number: number, before: readonly PlannedMessage[]): PlannedMessage {
  const { marker, text, segments } = markedText(random, number);
  const hasTwin = random.below(8) === 0;
  const twin = hasTwin ? before.at(-1 - random.below(3)) : undefined;
  const recipient = `+4915${String(random.below(100_000_000)).padStart(8, '0')}`;
  const messageType = random.below(3) === 0 ? 'otp_verify' : undefined;
  const [waits, leaves] = [random.below(8) === 0, random.below(10) === 0];
  return {
    number,
    recipient: twin?.recipient ?? recipient,
    marker,
    text,
    segments,
    messageType: twin === undefined ? messageType : twin.messageType,
    pauseMs: random.below(3) === 0 ? 0 : random.below(300),
    waitS: waits ? 1 + random.below(2) : undefined,
    leaveAfterMs: leaves ? random.below(900) : undefined,
    fault: undefined,
  };
}

/** A patient caller's message, for the time when all is said to be well. */
function quietly(message: PlannedMessage): PlannedMessage {
  return { ...message, pauseMs: 500, waitS: undefined, leaveAfterMs: undefined };
}
