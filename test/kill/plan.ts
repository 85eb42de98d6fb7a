import { type Random, seededRandom } from '../../src/simulator/random.js';
import type { PlannedMessage } from '../faults/plan.js';
import { markedText } from '../faults/texts.js';

/** A message whose caller repeats its request until it knows what became of it. */
export interface KeyedMessage extends PlannedMessage {
  /** `Idempotency-Key`. */
  key: string;
  /** What goes wrong at the modem on the next submit, as its control channel takes it. */
  submitFault: string | undefined;
  /** Whether it is asked for again when all is over. */
  isRepeatedLate: boolean;
}

/** What SIM and recipients may be sent in the run; small enough to be reached. */
export interface Limits {
  /** Segments of the SIM within 24 h (`per_day`). */
  segments: number;
  /** Different recipients of the SIM within 30 days (`recipients_per_month`). */
  recipients: number;
  /** Messages to one recipient within 24 h (`per_recipient`). */
  perRecipient: number;
}

/** Something that is seen while a message is on its way, and at which the daemon can be killed. */
export type Sight =
  | 'command'
  | 'prompt'
  | 'ctrl_z'
  | 'accepted'
  | 'reply'
  | 'answer'
  | 'promised'
  | 'journal';

/** When the daemon is killed. Times are milliseconds. */
export type Moment =
  /** When that was seen for the `nth` time in the round, 1 for the first. */
  | { kind: Sight; delayMs: number; nth: number }
  /**
   * Another program holds the journal while the message comes, so that its row is surely not
   * written at once.
   */
  | { kind: 'held_journal'; delayMs: number; holdMs: number }
  /** Whatever it is doing then, counted from the first request. */
  | { kind: 'random'; delayMs: number }
  /** While it starts; it is started once more then. */
  | { kind: 'start'; delayMs: number };

/** Some messages, sent at a daemon that is then killed. */
export interface Round {
  messages: readonly KeyedMessage[];
  moment: Moment;
}

export interface Plan {
  rounds: readonly Round[];
  limits: Limits;
  messages: readonly KeyedMessage[];
}

/** No base64, UUID or HMAC looks like it. */
export const keyPrefix = '~kzq~';

/** Of every kind as often as it stands here. */
const moments: readonly ((random: Random, nth: number) => Moment)[] = [
  (random, nth) => ({ kind: 'command', delayMs: random.below(4), nth }),
  (random, nth) => ({ kind: 'prompt', delayMs: random.below(4), nth }),
  (_, nth) => ({ kind: 'ctrl_z', delayMs: 0, nth }),
  (random) => ({ kind: 'held_journal', delayMs: random.below(3), holdMs: 80 + random.below(40) }),
  (random, nth) => ({ kind: 'ctrl_z', delayMs: random.below(60), nth }),
  (_, nth) => ({ kind: 'accepted', delayMs: 0, nth }),
  (random) => ({ kind: 'held_journal', delayMs: random.below(3), holdMs: 80 + random.below(40) }),
  (random, nth) => ({ kind: 'reply', delayMs: random.below(4), nth }),
  (random, nth) => ({ kind: 'answer', delayMs: random.below(3), nth }),
  (random, nth) => ({ kind: 'promised', delayMs: random.below(3), nth }),
  (_, nth) => ({ kind: 'journal', delayMs: 0, nth }),
  (random) => ({ kind: 'held_journal', delayMs: random.below(3), holdMs: 80 + random.below(40) }),
  (random) => ({ kind: 'random', delayMs: random.below(600) }),
  (random, nth) => ({ kind: 'promised', delayMs: random.below(120), nth }),
  (random) => ({ kind: 'held_journal', delayMs: random.below(3), holdMs: 80 + random.below(40) }),
  (random) => ({ kind: 'start', delayMs: 30 + random.below(250) }),
];

/** `late` and `cms` are answered in time; after `silence` nobody ever knows. */
const submitFaults: readonly ((random: Random) => string)[] = [
  () => 'cms:21',
  () => 'cms:304',
  (random) => `late:${100 + random.below(600)}`,
  (random) => `late:${100 + random.below(600)}`,
  (random) => `prompt-late:${20 + random.below(150)}`,
  () => 'silence:300',
  () => 'silence-lost:300',
];

const faultPercent = 10;
const lateRepeatPercent = 30;
const mostPerRound = 7;

/** The same seed and number of sends give the same plan. */
export function planKills(seed: number, sends: number): Plan {
  const random = seededRandom(seed);
  const pool = Array.from({ length: Math.ceil(sends * 0.3) }, () => numberOf(random));
  const messages = Array.from({ length: sends }, (_, number) =>
    plannedMessage(random, number, pool),
  );
  const rounds: Round[] = [];
  for (let from = 0; from < sends; ) {
    const count = 1 + random.below(mostPerRound);
    // Each kind in its turn, so that a short run has all of them too.
    const moment = moments[rounds.length % moments.length]!(random, 1 + random.below(count));
    rounds.push({ messages: messages.slice(from, from + count), moment });
    from += count;
  }
  const limits = {
    segments: Math.ceil(sends * 0.7),
    recipients: Math.ceil(sends * 0.22),
    perRecipient: 3,
  };
  return { rounds, limits, messages };
}

function plannedMessage(random: Random, number: number, pool: readonly string[]): KeyedMessage {
  // A quarter of all messages go to a tenth of the recipients, who so come to their limit.
  const among = random.below(4) === 0 ? Math.ceil(pool.length / 10) : pool.length;
  const fault =
    random.below(100) < faultPercent ? submitFaults[random.below(submitFaults.length)] : undefined;
  return {
    number,
    // Who is hasty waits for nothing, and is answered with a promise.
    caller: random.below(3) === 0 ? 'hasty' : 'auth0',
    recipient: pool[random.below(among)]!,
    ...markedText(random, number),
    // One of its own for each: none is superseded, which is no part of this run.
    messageType: `type ${number}`,
    pauseMs: random.below(3) === 0 ? 0 : random.below(80),
    waitS: undefined,
    leaveAfterMs: undefined,
    fault: undefined,
    key: `${keyPrefix}${number}-${random.below(1_000_000_000).toString(36)}`,
    submitFault: fault?.(random),
    isRepeatedLate: random.below(100) < lateRepeatPercent,
  };
}

/** E.164 with 12 digits, as the sightings of the fault run need it. */
function numberOf(random: Random): string {
  return `+4915${String(random.below(100_000_000)).padStart(8, '0')}`;
}
