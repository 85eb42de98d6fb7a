/**
 * How many modems: plays a rush of logins against the daemon's own queue, in simulated time.
 * Knows nothing of: ttys, HTTP, and how the queue decides.
 * Way: a seed → arrivals → the box with the least in hand → dispatch → simulated modems → shares
 * and waits.
 */

import * as v from 'valibot';
import { createLogger } from 'winston';
import { policySchema } from '../config/policy.js';
import { createDispatch, type Dispatch } from '../dispatch/dispatch.js';
import { Idempotency } from '../dispatch/idempotency.js';
import { Recorder } from '../dispatch/recorder.js';
import { createSimBudget } from '../dispatch/sim-budget.js';
import { SendError } from '../errors.js';
import { Policy } from '../policy/policy.js';
import { SimCaps } from '../policy/sim-caps.js';
import { type Random, seededRandom } from '../simulator/random.js';
import { SimulatedModem } from './simulated-modem.js';
import { SimulatedTime } from './simulated-time.js';

/** What a rush is played with. */
export interface Rush {
  /** How many people log in, each once. */
  logins: number;
  /** Milliseconds within which they come, at any time of it with equal chance. */
  withinMs: number;
  /** Milliseconds that a modem takes for a segment: one of them, drawn each time. */
  segmentMs: readonly number[];
  /** Segments of a message. */
  segments: number;
  /** Of all boxes together, dealt out one by one. */
  modems: number;
  /** Each has a queue of its own; a proxy gives a message to the one with the least in hand. */
  boxes: number;
  /** Milliseconds that a box has for a message. */
  deadlineMs: number;
  /** How many messages may wait at a box. */
  maxWaiting: number;
  /** How often the rush is played, each time with other arrivals. */
  runs: number;
  seed: number;
}

/** What came of a rush: all its runs together. */
export interface RushResult {
  /** Of all logins. */
  inTime: number;
  /** Told at once, or at the deadline, that it was not sent. */
  refused: number;
  /** Neither: the deadline passed while a modem was sending. */
  unknown: number;
  /** The share that came in time in the worst of the runs. */
  worstInTime: number;
  /** Milliseconds from the request to the answer 200, by quantile; undefined when none came. */
  answerMs: { p50: number; p95: number; p99: number } | undefined;
  /** Milliseconds of it before a modem was free. */
  waitMs: { p50: number; p95: number; p99: number } | undefined;
  /** The share of their time that the modems were at work, while logins came. */
  busy: number;
}

/** What became of one login. */
interface Login {
  outcome: 'sent' | 'refused' | 'unknown';
  tookMs: number;
  waitedMs: number;
}

/** Statuses that another box may mend: the proxy gives the message to one more. */
const retried: ReadonlySet<string> = new Set([
  'no_modem_ready',
  'queue_full',
  'deadline_unreachable',
  'sim_cap_reached',
  'shutting_down',
]);

/** Plays a rush. The same seed gives the same result. */
export async function playRush(rush: Rush): Promise<RushResult> {
  const logins: Login[] = [];
  const shares: number[] = [];
  let busyMs = 0;
  for (let run = 0; run < rush.runs; run += 1) {
    const played = await playOnce(rush, seededRandom(rush.seed * 1000 + run));
    // One by one: the arguments of a call have to find room on the stack.
    for (const login of played.logins) logins.push(login);
    shares.push(shareOf(played.logins, 'sent'));
    busyMs += played.busyMs;
  }
  const sent = logins.filter(({ outcome }) => outcome === 'sent');
  return {
    inTime: shareOf(logins, 'sent'),
    refused: shareOf(logins, 'refused'),
    unknown: shareOf(logins, 'unknown'),
    worstInTime: Math.min(...shares),
    answerMs: quantiles(sent.map(({ tookMs }) => tookMs)),
    waitMs: quantiles(sent.map(({ waitedMs }) => waitedMs)),
    busy: Math.min(1, busyMs / (rush.runs * rush.modems * rush.withinMs)),
  };
}

/** When each login of a run comes, in milliseconds from its beginning, in their order. */
export function arrivalsOf({ logins, withinMs }: Rush, random: Random): number[] {
  return Array.from({ length: logins }, () => random.next() * withinMs).sort((a, b) => a - b);
}

async function playOnce(rush: Rush, random: Random): Promise<{ logins: Login[]; busyMs: number }> {
  const time = new SimulatedTime();
  const logins: Login[] = [];
  const arrivals = arrivalsOf(rush, random);
  const boxes = makeBoxes(rush, random);
  await time.run(() => {
    for (const [index, at] of arrivals.entries())
      time.after(at, () => void logIn(index, boxes, rush).then((login) => logins.push(login)));
  });
  const busyMs = boxes
    .flatMap(({ modems }) => modems)
    .reduce((sum, modem) => sum + modem.busyMs, 0);
  return { logins, busyMs };
}

interface Box {
  dispatch: Dispatch;
  modems: SimulatedModem[];
  /** Requests that it has not answered. */
  inHand: number;
}

function makeBoxes({ boxes, modems, segmentMs, maxWaiting }: Rush, random: Random): Box[] {
  const nextMs = () => segmentMs[random.below(segmentMs.length)]!;
  return Array.from({ length: boxes }, (_, box) => {
    const count = Math.floor(modems / boxes) + (box < modems % boxes ? 1 : 0);
    const own = Array.from(
      { length: count },
      (__, index) => new SimulatedModem(`modem${index + 1}`, nextMs),
    );
    return { dispatch: makeDispatch(own, maxWaiting), modems: own, inHand: 0 };
  });
}

/** Nothing limits it but its queue: what the policy refuses needs no modem. */
const openPolicy = v.parse(policySchema, {
  countries: ['*'],
  per_recipient: 'off',
  per_block: 'off',
  per_client_ip: 'off',
  per_country: 'off',
  total: 'off',
  lock_out_first_s: 0,
  cool_down_recipient_s: 0,
  cool_down_block_s: 0,
});

function makeDispatch(modems: readonly SimulatedModem[], maxWaiting: number): Dispatch {
  // Nothing of it leaves this process, so that what is compared need not be hidden.
  const hmac = (domain: string, text: string) => `${domain} ${text}`;
  const now = () => performance.now();
  let orders = 0;
  const nextOrder = () => (orders += 1);
  const journal = {
    started: () => undefined,
    promised: () => Promise.resolve(true),
    ended: () => undefined,
    refused: () => true,
    late: () => undefined,
  };
  const noCaps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };
  return createDispatch({
    modems,
    policy: new Policy({ config: openPolicy, hmac, now }),
    budget: createSimBudget(
      { simCaps: new SimCaps(now), alertCaps: new SimCaps(now) },
      () => noCaps,
      () => 1,
      hmac,
    ),
    idempotency: new Idempotency({ hmac, now, nextOrder }),
    recorder: new Recorder({ journal, hmac, now, statusOf: () => 0 }),
    nextOrder,
    limits: { maxSegments: 255, maxWaiting, maxWaitingAlerts: 1, validityMs: 300_000 },
    log: createLogger({ silent: true }),
  });
}

/** One request, at the box with the least in hand, and, if that says 503, at one more. */
async function logIn(number: number, boxes: readonly Box[], rush: Rush): Promise<Login> {
  const from = performance.now();
  const first = leastBusy(boxes);
  let answer = await ask(first, number, rush);
  const others = boxes.filter((box) => box !== first);
  if (answer instanceof SendError && retried.has(answer.code) && others.length > 0)
    answer = await ask(leastBusy(others), number, rush);
  const tookMs = performance.now() - from;
  if (answer instanceof SendError)
    return { outcome: answer.submitted === 'no' ? 'refused' : 'unknown', tookMs, waitedMs: tookMs };
  return { outcome: 'sent', tookMs, waitedMs: tookMs - answer.sendingMs };
}

const leastBusy = (boxes: readonly Box[]): Box =>
  boxes.reduce((least, box) => (perModem(box) < perModem(least) ? box : least));
const perModem = ({ inHand, modems }: Box): number => inHand / Math.max(1, modems.length);

async function ask(
  box: Box,
  number: number,
  { segments, deadlineMs }: Rush,
): Promise<SendError | { sendingMs: number }> {
  box.inHand += 1;
  const message = {
    id: String(number),
    caller: 'plan',
    // Each to its own number: nobody's code makes another's void.
    recipient: `+4915${String(number).padStart(9, '0')}`,
    text: textOf(segments),
  };
  const control = {
    deadlineAt: performance.now() + deadlineMs,
    callerLeft: new AbortController().signal,
  };
  try {
    const { tookMs, waitedMs } = await box.dispatch.send(message, control);
    return { sendingMs: tookMs - waitedMs };
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    return error;
  } finally {
    box.inHand -= 1;
  }
}

/** Of so many segments: the first alone has 160 characters, each of several 153 (23.038). */
const textOf = (segments: number): string => 'x'.repeat(segments === 1 ? 20 : 153 * segments);

const shareOf = (logins: readonly Login[], wanted: Login['outcome']): number =>
  logins.filter(({ outcome }) => outcome === wanted).length / Math.max(1, logins.length);

/** By nearest rank. */
function quantiles(values: readonly number[]): RushResult['waitMs'] {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
