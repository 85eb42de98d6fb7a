/**
 * A repeat of a request with the same `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header)
 * never sends twice: while the first is in flight it joins, afterwards it reads what became of it.
 * Only what was surely not submitted is tried again.
 */

import { SendError, type SendErrorCode, type Submitted, toSendError } from '../errors.js';
import type { Hmac } from '../journal/hmac-key.js';
import {
  type CallerLeave,
  type HastyControl,
  isPromised,
  type Message,
  type Outcome,
  type Promised,
  type SendControl,
  type SendResult,
} from './message.js';
import { deadlineUnreachable, outcomeNotAwaited } from './refusals.js';

/**
 * What stands for a key and its request where they are kept: keyed HMACs, from which neither can be
 * guessed (I6).
 */
export interface KeyedRequest {
  /** Of the caller and the key. */
  keyHmac: string;
  /** Of all that makes the request the same; the key itself is part of it. */
  requestHmac: string;
  /** Milliseconds from its first sight for which it is remembered. */
  keyForMs: number;
}

/** A request of an earlier run of the daemon. */
export interface RememberedRequest extends KeyedRequest {
  /** Wall clock milliseconds of its first sight. */
  at: number;
  outcome: Outcome;
}

/**
 * One try at sending; throws a `SendError` where the message can never be sent. `order` is that of
 * the key's first sight: a late repeat is no newer than the message it repeats. `known` is what
 * another box said of it before.
 */
export type Attempt = (control: SendControl, order: number, known?: Outcome) => Sending;

/** A message on its way. */
export interface Sending {
  /** Of the message. */
  id: string;
  answer: Promise<SendResult>;
  /** Whether it may be promised: see `MessageQueue.promise`. */
  promise(): Promise<boolean>;
  /** Its answer, once there is one, is another box's word, which may learn more. */
  isForeign?(): boolean;
  /** Gives it up, if it was not committed; false when it was. */
  withdraw(why: SendError): boolean;
}

export interface IdempotencyOptions {
  hmac: Hmac;
  /**
   * Wall clock milliseconds that never run backwards, for the age of what an earlier run has seen.
   */
  now(): number;
  /** Each call gives a greater number. */
  nextOrder(): number;
  /**
   * True while an earlier run may have known a key that this one does not know yet; default: never.
   */
  isBlind?(): boolean;
}

/** Milliseconds that a caller's own key is remembered; no other is for longer. */
export const longestKeptMs = 24 * 3_600_000;
/** Milliseconds after which a key that could not be judged is worth another try. */
const blindRetryMs = 5_000;
/**
 * Most keys whose message was, or may have been, submitted; beyond it the oldest is forgotten
 * before its time (I5).
 */
const mostKept = 50_000;
/** Most keys of messages that were surely not: forgetting one of them only forgets its order. */
const mostUnsent = 10_000;

/** Most tokens whose message is remembered beside that of their keys (I5). */
const mostTokens = 10_000;

interface Entry {
  readonly requestHmac: string;
  readonly keyForMs: number;
  readonly order: number;
  /**
   * `performance.now()` milliseconds: a wall clock that leaps forward must not have a key
   * forgotten.
   */
  readonly firstSeenAt: number;
  running?: JointSend;
  /** Absent while it runs for the first time, and when it was surely not submitted. */
  outcome?: Kept;
  /** It is another box's word, which may learn more: it is asked again. */
  isForeign?: boolean;
}

/** An {@link Outcome} without the stacks of its errors: there may be many. */
type Kept =
  | { result: SendResult }
  | { failure: { code: SendErrorCode; submitted: Submitted; detail?: string; causeCode?: string } };

export class Idempotency {
  readonly #options: IdempotencyOptions;
  /** In order of first sight; the two differ in what forgetting costs. */
  readonly #kept = new Map<string, Entry>();
  readonly #unsent = new Map<string, Entry>();
  /** What each token was used for; a token with a key of its own is kept nowhere else. */
  readonly #tokens = new Map<string, string>();

  constructor(options: IdempotencyOptions) {
    this.#options = options;
  }

  /**
   * What a message's key is kept as: its caller's own, else that of its token, else one made of the
   * number and the text, or what stands for it, where its caller repeats without a key; undefined
   * for none of them.
   * @throws SendError `token_invalid` when its token was used for another message
   */
  identify(message: Message): KeyedRequest | undefined {
    const { token, key } = this.#keysOf(message);
    if (token !== undefined && this.#isUsedForAnother(token)) throw tokenReused();
    return key;
  }

  #keysOf(message: Message): { token: KeyedRequest | undefined; key: KeyedRequest | undefined } {
    const {
      idempotencyKey,
      tokenId,
      repeatsMs = 0,
      recipient,
      text,
      repeatOf = text,
      sender,
      messageType,
    } = message;
    const whole = [recipient, text, sender, messageType];
    const token =
      tokenId === undefined
        ? undefined
        : this.#keyed(message, 'jti', tokenId, whole, longestKeptMs);
    if (idempotencyKey !== undefined)
      return { token, key: this.#keyed(message, 'key', idempotencyKey, whole, longestKeptMs) };
    if (token !== undefined || repeatsMs === 0) return { token, key: token };
    const repeat = JSON.stringify([recipient, repeatOf]);
    return { token, key: this.#keyed(message, 'repeat', repeat, [], repeatsMs) };
  }

  #keyed(
    { caller }: Message,
    kind: 'key' | 'jti' | 'repeat',
    key: string,
    request: readonly unknown[],
    keyForMs: number,
  ): KeyedRequest {
    const { hmac } = this.#options;
    const scope = kind === 'key' ? [caller, key] : [caller, kind, key];
    return {
      keyHmac: hmac('idempotency_key', JSON.stringify(scope)),
      // With the key in it, so that the text of a code cannot be found by trying all codes.
      requestHmac: hmac('request', JSON.stringify([key, ...request])),
      keyForMs,
    };
  }

  /** A token that expires names one message; with another, somebody else has it. */
  #isUsedForAnother({ keyHmac, requestHmac }: KeyedRequest): boolean {
    const known = this.#tokens.get(keyHmac) ?? this.#known(keyHmac)?.requestHmac;
    if (known !== undefined) return known !== requestHmac;
    this.#tokens.set(keyHmac, requestHmac);
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > mostTokens && oldest !== undefined) this.#tokens.delete(oldest);
    return false;
  }

  #known(keyHmac: string): Entry | undefined {
    return this.#kept.get(keyHmac) ?? this.#unsent.get(keyHmac);
  }

  /**
   * Sends, joins or tells again. A joined message keeps its first deadline, and dies only when all
   * its callers have left.
   * @throws SendError `idempotency_key_reused`, `outcome_unknown` when this caller's own deadline
   *   passes first, `deadline_unreachable` for an unknown key while {@link
   *   IdempotencyOptions.isBlind}, or what became of the message
   */
  async send(
    request: KeyedRequest,
    control: SendControl | HastyControl,
    attempt: Attempt,
  ): Promise<SendResult | Promised> {
    for (;;) {
      const entry = this.#entryOf(request);
      if (entry.requestHmac !== request.requestHmac) throw keyReused();
      if (entry.running === undefined) {
        if (entry.outcome !== undefined && entry.isForeign !== true) return replay(entry.outcome);
        return this.#start(request, entry, control, attempt).join(control);
      }
      const joint = entry.running;
      try {
        return await joined(joint, control);
      } catch (error) {
        // Everybody else hung up just before: this caller is still here, and nothing was sent.
        const died = joint.isAbandoned && error instanceof SendError && error.submitted === 'no';
        if (!died || control.callerLeft.aborted) throw error;
      }
    }
  }

  /**
   * What {@link identify} makes of a message, for who sends nothing: nothing is noted of its token,
   * and one that was used for another message has none.
   */
  recognise(message: Message): KeyedRequest | undefined {
    const { token, key } = this.#keysOf(message);
    if (token === undefined) return key;
    const known = this.#tokens.get(token.keyHmac) ?? this.#known(token.keyHmac)?.requestHmac;
    return known === undefined || known === token.requestHmac ? key : undefined;
  }

  /**
   * As {@link send} for what was sent, may have been, or is on its way; undefined for anything
   * else, and nothing is tried.
   * @throws SendError `deadline_unreachable` for an unknown key while {@link
   *   IdempotencyOptions.isBlind}
   */
  recall(
    { keyHmac, requestHmac }: KeyedRequest,
    control: SendControl | HastyControl,
  ): Promise<SendResult | Promised> | undefined {
    const entry = this.#known(keyHmac);
    if (entry === undefined || isOver(entry, performance.now())) {
      if (this.#options.isBlind?.()) throw notKnownYet();
      return undefined;
    }
    if (entry.requestHmac !== requestHmac) return undefined;
    if (entry.running !== undefined) return joined(entry.running, control);
    const { outcome } = entry;
    return outcome && Promise.resolve().then(() => replay(outcome));
  }

  /** The truth about a message whose caller was answered before it was known. */
  late({ keyHmac }: KeyedRequest, outcome: Outcome): void {
    const entry = this.#kept.get(keyHmac);
    if (entry === undefined) return;
    entry.outcome = toKept(outcome);
    this.#file(keyHmac, entry);
  }

  /** Takes back what earlier runs knew, oldest first; what this run knows of a key stands. */
  restore(requests: readonly RememberedRequest[]): void {
    const own = new Map(this.#kept);
    this.#kept.clear();
    for (const { keyHmac, requestHmac, keyForMs, at, outcome } of requests) {
      const kept = toKept(outcome);
      if (own.has(keyHmac) || (this.#unsent.has(keyHmac) && mayTryAgain(kept))) continue;
      const firstSeenAt = performance.now() - Math.max(0, this.#options.now() - at);
      const entry: Entry = { requestHmac, keyForMs, order: 0, firstSeenAt, outcome: kept };
      this.#unsent.delete(keyHmac);
      this.#kept.set(keyHmac, entry);
      this.#file(keyHmac, entry);
    }
    for (const [keyHmac, entry] of own) {
      this.#kept.set(keyHmac, entry);
      forgetOldest(this.#kept, mostKept);
    }
  }

  #entryOf({ keyHmac, requestHmac, keyForMs }: KeyedRequest): Entry {
    const now = performance.now();
    for (const entries of [this.#kept, this.#unsent]) {
      for (const [key, entry] of entries) {
        if (!isOver(entry, now)) break;
        entries.delete(key);
      }
    }
    const known = this.#known(keyHmac);
    if (known !== undefined && !isOver(known, now)) return known;
    if (this.#options.isBlind?.()) throw notKnownYet();
    this.#kept.delete(keyHmac);
    this.#unsent.delete(keyHmac);
    const order = this.#options.nextOrder();
    const entry: Entry = { requestHmac, keyForMs, order, firstSeenAt: now };
    this.#unsent.set(keyHmac, entry);
    return entry;
  }

  #start(
    { keyHmac }: KeyedRequest,
    entry: Entry,
    control: SendControl,
    attempt: Attempt,
  ): JointSend {
    const known = entry.outcome && toOutcome(entry.outcome);
    const joint = this.#tried(keyHmac, () => {
      return new JointSend(control.deadlineAt, (shared) => attempt(shared, entry.order, known));
    });
    entry.running = joint;
    if (entry.isForeign === true) delete entry.outcome;
    this.#unsent.delete(keyHmac);
    this.#kept.set(keyHmac, entry);
    const settle = (outcome: Outcome) => {
      delete entry.running;
      entry.isForeign = joint.isForeign && !('result' in outcome);
      // A late result may have come with the answer: it is the truth.
      entry.outcome ??= toKept(outcome);
      this.#file(keyHmac, entry);
    };
    joint.answer.then(
      (result) => settle({ result }),
      (error: unknown) => settle({ error: toSendError(error) }),
    );
    return joint;
  }

  /** What can never be sent is not remembered: nobody would ever forget it (I5). */
  #tried(keyHmac: string, work: () => JointSend): JointSend {
    try {
      return work();
    } catch (error) {
      this.#unsent.delete(keyHmac);
      throw error;
    }
  }

  /** Puts an entry where it belongs now, and forgets the oldest where there are too many. */
  #file(keyHmac: string, entry: Entry): void {
    if (entry.outcome !== undefined && mayTryAgain(entry.outcome)) {
      delete entry.outcome;
      this.#kept.delete(keyHmac);
      this.#unsent.set(keyHmac, entry);
      forgetOldest(this.#unsent, mostUnsent);
    } else forgetOldest(this.#kept, mostKept);
  }
}

/** @param now `performance.now()` milliseconds */
const isOver = ({ firstSeenAt, keyForMs, running }: Entry, now: number): boolean =>
  running === undefined && now - firstSeenAt >= keyForMs;

/** The answer of a send that another request began. */
async function joined(
  joint: JointSend,
  control: SendControl | HastyControl,
): Promise<SendResult | Promised> {
  const answer = await joint.join(control);
  if (!isPromised(answer)) return asReplay(answer);
  return { ...answer, settled: answer.settled.then(asReplay) };
}

/**
 * One send that one or several callers wait for. It lives until its own answer; it is given up as
 * unwanted when nobody waits for it any more and none was promised it.
 */
export class JointSend {
  /** Settles as the send does, whoever waits. */
  readonly answer: Promise<SendResult>;
  readonly #abandoned = new AbortController();
  readonly #sending: Sending;
  #callers = 0;
  #isPromised = false;

  /** @param deadlineAt the send's own, `performance.now()` milliseconds */
  constructor(deadlineAt: number, send: (shared: SendControl) => Sending) {
    this.#sending = send({ deadlineAt, callerLeft: this.#abandoned.signal });
    this.answer = this.#sending.answer;
  }

  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** See {@link Sending.isForeign}. */
  get isForeign(): boolean {
    return this.#sending.isForeign?.() === true;
  }

  /** The answer for one more caller, when it must have it at the latest. */
  join(control: SendControl | HastyControl): Promise<SendResult | Promised> {
    const { deadlineAt, callerLeft } = control;
    const answerBy = 'answerBy' in control ? control.answerBy : undefined;
    const leave = this.#count(callerLeft);
    return new Promise((resolve, reject) => {
      const onTime = async () => {
        // Who has left is promised nothing, and gives up nothing that others wait for.
        const isHasty = answerBy !== undefined && !callerLeft.aborted;
        if (isHasty && (await this.#promise())) {
          resolve({ id: this.#sending.id, settled: this.answer });
        } else {
          const isAlone = isHasty && !callerLeft.aborted && this.#callers === 1;
          const isWithdrawn = isAlone && this.#sending.withdraw(deadlineUnreachable(notInTime));
          // It may go on, for the others or at its modem, so nothing may be said of it to this one.
          if (!isWithdrawn) reject(withRow(outcomeNotAwaited()));
        }
        // Who was answered waits no longer (I3).
        leave();
      };
      const remainingMs = Math.max(0, (answerBy ?? deadlineAt) - performance.now());
      const timer = setTimeout(() => void onTime(), remainingMs);
      this.answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async #promise(): Promise<boolean> {
    this.#isPromised ||= await this.#sending.promise();
    return this.#isPromised;
  }

  /** Counts a caller; what it returns takes it off again, once. */
  #count(callerLeft: CallerLeave): () => void {
    this.#callers += 1;
    let waits = true;
    const leave = () => {
      callerLeft.removeEventListener('abort', leave);
      if (!waits) return;
      waits = false;
      this.#callers -= 1;
      if (this.#callers === 0) this.#abandoned.abort();
    };
    if (callerLeft.aborted) leave();
    else callerLeft.addEventListener('abort', leave, { once: true });
    return leave;
  }
}

const notInTime = 'the message could not be sent before its caller hangs up; it was not started';

/**
 * Surely not submitted, and not for good: a superseded message stays superseded, for a newer one
 * has been sent.
 */
function mayTryAgain(outcome: Kept): boolean {
  return (
    'failure' in outcome &&
    outcome.failure.submitted === 'no' &&
    outcome.failure.code !== 'superseded'
  );
}

function toKept(outcome: Outcome): Kept {
  if ('result' in outcome) return outcome;
  const { code, submitted, detail, causeCode } = outcome.error;
  return {
    failure: { code, submitted, ...(detail && { detail }), ...(causeCode && { causeCode }) },
  };
}

function forgetOldest(entries: Map<string, Entry>, most: number): void {
  if (entries.size <= most) return;
  for (const [key, { running }] of entries) {
    if (running !== undefined) continue;
    entries.delete(key);
    return;
  }
}

function replay(outcome: Kept): SendResult {
  return replayOf(toOutcome(outcome));
}

/** What became of a message, for who asks for it again. */
export function replayOf(outcome: Outcome): SendResult {
  if ('error' in outcome) throw withRow(outcome.error);
  return asReplay(outcome.result);
}

/** The message has its row, by its first request. */
function withRow(error: SendError): SendError {
  error.hasRow = true;
  return error;
}

function toOutcome(outcome: Kept): Outcome {
  if ('result' in outcome) return outcome;
  const { code, ...options } = outcome.failure;
  return { error: new SendError(code, options) };
}

const asReplay = (result: SendResult): SendResult => ({ ...result, isReplay: true });

function notKnownYet(): SendError {
  const detail =
    'the journal cannot be read yet, so whether this message was asked for before is not known; nothing was sent';
  return deadlineUnreachable(detail, blindRetryMs);
}

function tokenReused(): SendError {
  const detail = 'a token with this jti was used for another message: each message needs a new one';
  return new SendError('token_invalid', { detail });
}

export function keyReused(): SendError {
  const detail =
    'this Idempotency-Key was used within the last 24 hours for another request: a new message needs a new key';
  return new SendError('idempotency_key_reused', { detail });
}
