/**
 * A repeat of a request with the same `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header)
 * never sends twice: while the first is in flight it joins, afterwards it reads what became of it.
 * Only what was surely not submitted is tried again.
 */

import { SendError, toSendError } from '../errors.js';
import type { Hmac } from '../journal/hmac-key.js';
import { JointSend, type Sending } from './joint-send.js';
import {
  type HastyControl,
  isPromised,
  type Message,
  type Outcome,
  type Promised,
  type SendControl,
  type SendResult,
} from './message.js';
import { keyReused, notKnownYet } from './refusals.js';
import { type KeyedRequest, RequestKeys } from './request-keys.js';
import {
  asReplay,
  type KeptOutcome,
  mayTryAgain,
  replayOf,
  toKept,
  toOutcome,
} from './told-again.js';

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

/**
 * Most keys whose message was, or may have been, submitted; beyond it the oldest is forgotten
 * before its time (I5).
 */
const mostKept = 50_000;
/** Most keys of messages that were surely not: forgetting one of them only forgets its order. */
const mostUnsent = 10_000;

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
  outcome?: KeptOutcome;
  /** It is another box's word, which may learn more: it is asked again. */
  isForeign?: boolean;
}

export class Idempotency {
  readonly #options: IdempotencyOptions;
  /** In order of first sight; the two differ in what forgetting costs. */
  readonly #kept = new Map<string, Entry>();
  readonly #unsent = new Map<string, Entry>();
  readonly #keys: RequestKeys;

  constructor(options: IdempotencyOptions) {
    this.#options = options;
    this.#keys = new RequestKeys(options.hmac, (keyHmac) => this.#known(keyHmac)?.requestHmac);
  }

  /** See {@link RequestKeys.identify}. */
  identify(message: Message): KeyedRequest | undefined {
    return this.#keys.identify(message);
  }

  /** See {@link RequestKeys.recognise}. */
  recognise(message: Message): KeyedRequest | undefined {
    return this.#keys.recognise(message);
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
        if (entry.outcome !== undefined && entry.isForeign !== true)
          return replayOf(toOutcome(entry.outcome));
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
    return outcome && Promise.resolve().then(() => replayOf(toOutcome(outcome)));
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

function forgetOldest(entries: Map<string, Entry>, most: number): void {
  if (entries.size <= most) return;
  for (const [key, { running }] of entries) {
    if (running !== undefined) continue;
    entries.delete(key);
    return;
  }
}
