/**
 * The use case: a caller's message becomes segments, is sent once whatever its key is asked with,
 * is let in by the policy, and goes through the queue; the journal hears of it.
 * Knows nothing of: HTTP and AT.
 * Way: `send` → segments → idempotency → policy → queue → a modem → verdict → journal and answer.
 */

import type { Logger } from 'winston';
import { SendError } from '../errors.js';
import type { OutgoingSms, SmsModem } from '../modem/sms-modem.js';
import type { Policy } from '../policy/policy.js';
import type { Reservation, Subject } from '../policy/request.js';
import { TooManySegments, Unencodable } from '../sms/errors.js';
import { type SegmentedText, segmentText } from '../sms/segments.js';
import { AcrossBoxes } from './across-boxes.js';
import type { Idempotency } from './idempotency.js';
import { JointSend, type Sending } from './joint-send.js';
import {
  type DispatchListener,
  type HastyControl,
  isPromised,
  type Message,
  type Outcome,
  type Promised,
  type Recall,
  type Send,
  type SendControl,
  type SendOrPromise,
  type SendResult,
} from './message.js';
import { PendingMessage } from './pending.js';
import { MessageQueue, type Reserve } from './queue.js';
import { createRecall } from './recall.js';
import type { Recorder } from './recorder.js';
import type { KeyedRequest } from './request-keys.js';
import type { FailingSends } from './send-streak.js';
import type { SharedMessage, SharedTruth } from './shared-truth.js';
import type { SimBudget } from './sim-budget.js';

export interface DispatchLimits {
  /** Segments of one message, 1–255. */
  maxSegments: number;
  /** Messages that may wait, over all modems. */
  maxWaiting: number;
  /** How many of them may be alerts. */
  maxWaitingAlerts: number;
  /**
   * How long the network may keep trying to deliver a message; becomes TP-VP (3GPP TS 23.040
   * 9.2.3.12).
   */
  validityMs: number;
}

export interface Dispatch {
  /**
   * Sends one message, or tells again what became of one with the same `idempotencyKey`; settles at
   * its deadline at the latest.
   * @throws SendError with its `progress` filled: `body_invalid`, `text_too_long`,
   *   `idempotency_key_reused`, what the policy says, and what {@link MessageQueue.send} says.
   */
  send: Send;
  /** The same for a caller who cannot wait as long as a message may take. */
  sendOrPromise: SendOrPromise;
  /** What became of a repeat, while nothing may be sent. */
  recall: Recall;
  /**
   * Refuses what waits without a promise, and what comes, with `shutting_down`; resolves when what
   * was promised or is at a modem has settled.
   */
  stop(): Promise<void>;
  /** Refuses what was promised and still waits, too, when {@link stop} has taken too long. */
  giveUp(): void;
  /** A message that has no answer yet. */
  stateOf(id: string): OnItsWay | undefined;
  /** How many messages wait for a modem. */
  waiting(): number;
  /**
   * Milliseconds until a login that came now would be done; 0 where a modem would try it at once,
   * and undefined while none can send.
   */
  loginDoneInMs(): number | undefined;
  /** The names of the modems whose SIM is suspect: refused several recipients in a row. */
  suspects(): string[];
  /** By name, the modems of whose last messages none got through, whatever the cause. */
  failing(): ReadonlyMap<string, FailingSends>;
  /** One more modem. */
  admitModem(modem: SmsModem): void;
  /** The modem is given nothing more; resolves when the message that it has, if any, has ended. */
  retireModem(modem: SmsModem): Promise<void>;
  /** From the next message on; what is on its way keeps what it came in with. */
  replaceLimits(limits: DispatchLimits): void;
}

/** What may be said of a message that has no answer yet. */
export interface OnItsWay {
  caller: string;
  /** A modem has it. */
  isAtModem: boolean;
  /** Wall-clock milliseconds at which it came. */
  atMs: number;
  segments: number;
}

export interface DispatchOptions {
  modems: readonly SmsModem[];
  limits: DispatchLimits;
  policy: Policy;
  budget: SimBudget;
  recorder: Recorder;
  idempotency: Idempotency;
  /** Each call gives a greater number; the one that `idempotency` has. */
  nextOrder: () => number;
  /** What several boxes know together; default: this one is alone. */
  shared?: SharedTruth | undefined;
  /** What is worth counting; default: nobody does. */
  listener?: Partial<DispatchListener>;
  /**
   * Gets the late results and the fail-overs; the outcome of each message is its caller's to log.
   */
  log: Logger;
}

export function createDispatch(options: DispatchOptions): Dispatch {
  const { modems, policy, budget, recorder, idempotency, nextOrder, listener = {}, log } = options;
  const { shared } = options;
  let { limits } = options;
  const { maxWaiting, maxWaitingAlerts } = limits;
  const queue = new MessageQueue({ modems, budget, listener, maxWaiting, maxWaitingAlerts, log });
  /** By id, until they are answered. */
  const onItsWay = new Map<string, PendingMessage>();

  /**
   * One try: what the policy lets in goes through the queue, and is counted by what became of it. A
   * message that takes the place of a waiting one takes over its place within the limits too: else
   * the older, void code would be sent, and the newer refused. How long its text may be is looked
   * at only now: a repeat is told what became of the first, whatever may be sent since a reload.
   * @throws SendError `body_invalid` or `text_too_long`
   */
  function attempt(
    message: Message,
    key: KeyedRequest | undefined,
    control: SendControl,
    order: number,
    known?: Outcome,
  ): Sending {
    const sms = compose(message, limits);
    const subject = policy.subjectOf(message);
    // What the policy does not judge is no other box's business either.
    const others = message.isOwn === true ? undefined : shared;
    const record = recorder.open(message, sms, subject, key);
    const onLate = (truth: Outcome): void => {
      record.late(truth);
      if (key !== undefined) idempotency.late(key, truth);
      others?.late(told(), truth);
    };
    const pending = new PendingMessage({
      message,
      sms,
      control,
      order,
      subject,
      record,
      onLate,
    });
    const cameAt = performance.now();
    /** As other boxes are told of it. */
    const told = (): SharedMessage => ({
      id: message.id,
      caller: message.caller,
      segments: sms.segments.length,
      key,
      supersedeKey: pending.sharedSupersedeKey,
      subject,
      cameAt,
      deadlineAt: control.deadlineAt,
    });
    onItsWay.set(message.id, pending);
    const admit = (reserve: Reserve) => {
      // Before it can be refused: Node keeps account of each rejection that nobody heeds yet.
      const answer = journaled(pending);
      void queue.send(pending, reserve);
      return answer;
    };
    const judge = judgeOf(policy, message, subject);
    const asked = { policy, queue, pending, control, known, judge, admit };
    const across = others && new AcrossBoxes({ ...asked, truth: others, message: told() });
    const answer = across === undefined ? admit(judge) : across.send();
    const forget = () => onItsWay.delete(message.id);
    answer.then(forget, forget);
    const promise = () => queue.promise(pending);
    if (across !== undefined)
      return {
        id: message.id,
        answer,
        promise: () => across.promise(promise),
        isForeign: () => across.isForeign,
        withdraw: (why) => across.withdraw(why),
      };
    return { id: message.id, answer, promise, withdraw: (why) => pending.withdraw(why) };
  }

  async function deliver(
    message: Message,
    control: SendControl | HastyControl,
  ): Promise<SendResult | Promised> {
    const key = idempotency.identify(message);
    if (key !== undefined)
      return idempotency.send(key, control, (joint, order, known) =>
        attempt(message, key, joint, order, known),
      );
    if (!('answerBy' in control)) return attempt(message, key, control, nextOrder()).answer;
    const alone = new JointSend(control.deadlineAt, (joint) =>
      attempt(message, key, joint, nextOrder()),
    );
    return alone.join(control);
  }

  return {
    async send(message, { deadlineAt, callerLeft }) {
      const answer = await deliver(message, { deadlineAt, callerLeft });
      return isPromised(answer) ? answer.settled : answer;
    },
    sendOrPromise: deliver,
    recall: createRecall({ idempotency, policy, shared }),
    stateOf(id) {
      const pending = onItsWay.get(id);
      if (pending === undefined) return undefined;
      const { message, isAtModem, record, segments } = pending;
      return { caller: message.caller, isAtModem, atMs: record.atMs, segments };
    },
    stop: () => queue.stop(),
    giveUp: () => queue.giveUp(),
    waiting: () => queue.waitingCount,
    loginDoneInMs: () => queue.loginDoneInMs,
    suspects: () => queue.suspects,
    failing: () => queue.failing,
    admitModem: (modem) => queue.admitModem(modem),
    retireModem: (modem) => queue.retireModem(modem),
    replaceLimits(next) {
      limits = next;
      queue.maxWaiting = next.maxWaiting;
      queue.maxWaitingAlerts = next.maxWaitingAlerts;
    },
  };
}

/** Its place within the limits: that of the older one which it supersedes, where there is one. */
function judgeOf(policy: Policy, { isOwn }: Message, subject: Subject): Reserve {
  if (isOwn === true) return () => () => uncounted;
  return (older) => {
    const place = older?.reservation;
    return place === undefined ? policy.check(subject) : () => place.share();
  };
}

/** Its answer, of which the journal hears first. */
function journaled({ answer, record }: PendingMessage): Promise<SendResult> {
  return answer.then(
    (result) => {
      record.ended({ result });
      return result;
    },
    (error: unknown) => {
      if (error instanceof SendError) record.ended({ error });
      throw error;
    },
  );
}

/** The place of what no limit counts. */
const uncounted: Reservation = {
  share: () => uncounted,
  keep: () => undefined,
  giveBack: () => undefined,
  stalled: () => undefined,
};

/** @throws SendError `body_invalid` or `text_too_long` */
function compose({ recipient, text, statusReport }: Message, limits: DispatchLimits): OutgoingSms {
  const { alphabet, segments } = segment(text, limits.maxSegments);
  if (segments.length > limits.maxSegments) {
    throw textTooLong(segments.length, limits.maxSegments, ` in the ${alphabet} alphabet`);
  }
  const { validityMs } = limits;
  return { recipient, alphabet, segments, validityMs, statusReport };
}

function segment(text: string, maxSegments: number): SegmentedText {
  try {
    return segmentText(text);
  } catch (error) {
    if (error instanceof TooManySegments) throw textTooLong(error.segments, maxSegments, '', error);
    if (error instanceof Unencodable) throw neverSent('body_invalid', error.message, {}, error);
    throw error;
  }
}

function textTooLong(segments: number, limit: number, where: string, cause?: Error): SendError {
  const detail = `the text needs ${segments} segments${where}, the limit is ${limit} (message.max_segments)`;
  return neverSent('text_too_long', detail, { segments }, cause);
}

/** The request can never work: it never reached the queue, so it neither waited nor took time. */
function neverSent(
  code: 'body_invalid' | 'text_too_long',
  detail: string,
  { segments }: { segments?: number },
  cause?: Error,
): SendError {
  const error = new SendError(code, { detail, cause });
  error.progress = { ...(segments === undefined ? {} : { segments }), waitedMs: 0, tookMs: 0 };
  return error;
}
