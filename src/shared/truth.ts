/**
 * What several boxes know together, kept by a Valkey or Redis: who sends a message, what became of
 * it, how many there were. Every box counts for itself as well, and goes on by that while the
 * engine is away.
 * Knows nothing of: modems, and how a message is queued.
 * Way: `claim` before a message starts → `begin` if it had to wait → `ended`, and `late`; what the
 * engine could not be told waits in the outbox.
 */

import { randomUUID } from 'node:crypto';
import type { Logger } from 'winston';
import type { Outcome } from '../dispatch/message.js';
import type { KeyedRequest } from '../dispatch/request-keys.js';
import type {
  Begin,
  Claim,
  ClaimMode,
  SharedMessage,
  SharedTruth,
} from '../dispatch/shared-truth.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { Policy } from '../policy/policy.js';
import type { Subject } from '../policy/request.js';
import { nearlyFullOf, refusalOf, type TermLook, type Terms } from '../policy/terms.js';
import { counted } from '../words/counted.js';
import { type Earlier, toldOf } from './earlier.js';
import { Engine, type EngineState, type Reply } from './engine.js';
import type { OpenWire } from './engine-wire.js';
import { holdsIn, obstaclesIn, placesIn, type UseOfAll, usesIn, usesOfAllIn } from './judged.js';
import { Outbox } from './outbox.js';
import { endWords, type FoundMessage, foundIn, fromWords } from './outcome-words.js';
import { fixedPartOf, questionOf, rulesOf, usesQuestion, windowKey } from './questions.js';
import { SimUses } from './sim-uses.js';

export interface TruthOptions {
  openWire: OpenWire;
  box: string;
  budgetMs: number;
  /** By the key that all boxes have alike. */
  hmac: Hmac;
  policy: Policy;
  log: Logger;
  /** Wall clock milliseconds that never run backwards. */
  date: () => number;
  /** What the journal knows of the last day, to be told to an engine that may not know it. */
  earlier: () => Promise<Earlier>;
}

/** How the engine stands, for people. */
export interface TruthState {
  isUp: boolean;
  /** Why it is away. */
  why: string | undefined;
  /** `performance.now()` milliseconds since when. */
  since: number;
  /** Another box calls itself the same. */
  hasTwin: boolean;
  /** News that wait to be told. */
  untold: number;
  /** News that were too many to be kept. */
  dropped: number;
  /** Questions that were not answered in time, since the start. */
  unanswered: number;
}

/** Before each of our keys. */
const prefix = 'simgate:';
/** Milliseconds for which a message that was surely not sent is remembered. */
const unsentForMs = 15 * 60_000;

interface Own {
  message: SharedMessage;
  /** See {@link fixedPartOf}. */
  fixedPart: string;
  /** 0 while the engine has given none. */
  order: number;
  hasBegun: boolean;
}

export class Truth implements SharedTruth {
  readonly #options: TruthOptions;
  readonly #engine: Engine;
  readonly #outbox: Outbox;
  readonly sims: SimUses;
  /** On their way at this box. */
  readonly #own = new Map<string, Own>();
  #since = performance.now();
  /** All that this box knows was told to the engine that is there now. */
  #isWhole = false;
  #joins = 0;
  #unanswered = 0;

  constructor(options: TruthOptions) {
    this.#options = options;
    const { openWire, box, budgetMs, hmac } = options;
    this.#engine = new Engine({
      openWire,
      prefix,
      box,
      budgetMs,
      fingerprint: hmac('shared', 'the key of these boxes'),
      onState: (state) => this.#onState(state),
      onJoined: (isAnew) => void this.#catchUp(isAnew),
    });
    this.#outbox = new Outbox(this.#engine);
    this.sims = new SimUses({
      box,
      engine: this.#engine,
      outbox: this.#outbox,
      date: options.date,
    });
  }

  /** Settles after the first try to join, in a few seconds at most. */
  start(): Promise<void> {
    return this.#engine.start();
  }

  /** Tells what is untold, within `graceMs`, and lets the engine go. */
  async stop(graceMs: number): Promise<void> {
    await this.#outbox.drained(graceMs);
    this.#engine.stop();
  }

  state(): TruthState {
    const { state, hasTwin } = this.#engine;
    const { size, dropped } = this.#outbox;
    const why = state.kind === 'away' ? state.why : undefined;
    const isUp = state.kind === 'up';
    const [since, unanswered] = [this.#since, this.#unanswered];
    return { isUp, why, since, hasTwin, untold: size, dropped, unanswered };
  }

  async claim(message: SharedMessage, mode: ClaimMode): Promise<Claim> {
    const { policy } = this.#options;
    const terms = policy.terms(message.subject);
    const own = this.#ownOf(message, terms, mode === 'start');
    if (mode !== 'look') this.#own.set(message.id, own);
    const reply = await this.#ask('claim', questionOf(own.fixedPart, message, { mode }));
    if (reply === undefined) return { kind: 'away' };
    own.order = Number(reply.sq ?? 0);
    if (reply.kind !== 'granted') this.#own.delete(message.id);
    switch (reply.kind) {
      case 'granted':
        this.#warn(terms, reply);
        return { kind: 'granted', isWhole: this.#isWhole };
      case 'refused':
        policy.takeUpHolds(holdsIn(reply));
        if (message.key !== undefined) this.#tell(own, { st: 'n', rank: 0 });
        return { kind: 'refused', error: policy.refusal(refusalOf(obstaclesIn(reply, terms))) };
      case 'superseded':
        if (message.key !== undefined) this.#tellSuperseded(own);
        return { kind: 'superseded' };
      case 'reused':
        return { kind: 'key_reused' };
      default:
        return claimIn(reply);
    }
  }

  /**
   * How a request stands over all boxes, and changes nothing; undefined while the engine is away,
   * or is not told yet what this box knows.
   */
  async look(subject: Subject): Promise<TermLook | undefined> {
    const terms = this.#options.policy.terms(subject);
    const reply = await this.#ask('explain', rulesOf(terms));
    if (reply === undefined || !this.#isWhole) return undefined;
    return {
      obstacles: obstaclesIn(reply, terms),
      uses: usesIn(reply, terms),
      holds: holdsIn(reply),
    };
  }

  /**
   * How full the limits are that many share, over all boxes; undefined while the engine is away,
   * or is not told yet what this box knows.
   */
  async uses(): Promise<UseOfAll[] | undefined> {
    if (!this.#isWhole) return undefined;
    const windows = this.#options.policy.sharedWindows();
    const reply = await this.#engine.ask('uses', usesQuestion(windows));
    return reply && usesOfAllIn(reply, windows);
  }

  async begin(message: SharedMessage): Promise<Begin> {
    const own = this.#own.get(message.id);
    if (own === undefined) return 'away';
    const reply = await this.#ask('begin', questionOf(own.fixedPart, message, {}));
    own.hasBegun = true;
    if (reply === undefined) return 'away';
    own.order = Number(reply.sq ?? own.order);
    if (reply.kind === 'superseded' || reply.kind === 'elsewhere') {
      own.hasBegun = false;
      return reply.kind;
    }
    return 'granted';
  }

  async lookUp({ keyHmac }: KeyedRequest): Promise<Claim> {
    const reply = await this.#ask('lookUp', { key: keyHmac });
    return reply === undefined ? { kind: 'away' } : claimIn(reply);
  }

  /** A message of this caller at any box; undefined when the engine is away. */
  async find(id: string, caller: string): Promise<FoundMessage | 'none' | undefined> {
    const reply = await this.#ask('find', { id, caller });
    return reply && (reply.kind === 'found' ? foundIn(reply) : 'none');
  }

  ended(message: SharedMessage, outcome: Outcome, hasBegun: boolean): void {
    const own = this.#own.get(message.id);
    if (own === undefined) return;
    this.#own.delete(message.id);
    own.hasBegun = hasBegun;
    this.#tellOutcome(own, outcome, false);
  }

  late(message: SharedMessage, truth: Outcome): void {
    const terms = this.#options.policy.terms(message.subject);
    this.#tellOutcome(this.#ownOf(message, terms, true), truth, true);
  }

  /** A send stalled a modem. */
  stalled(
    of: Parameters<NonNullable<ConstructorParameters<typeof Policy>[0]['onStalled']>>[0],
  ): void {
    const { recipientHmac: rec, blockHmac: blk, coolDownRecipientMs, coolDownBlockMs } = of;
    const at = performance.now();
    const once = randomUUID();
    const news = { once, rec, blk, recMs: coolDownRecipientMs, blkMs: coolDownBlockMs };
    this.#outbox.put(`stalled ${once}`, 'stalled', () => ({
      ...news,
      age: Math.round(performance.now() - at),
    }));
  }

  /** A recipient was unlocked by the operator. */
  unlocked({
    recipientHmac: rec,
    blockHmac: blk,
  }: {
    recipientHmac: string;
    blockHmac: string;
  }): void {
    const recWindow = windowKey({ of: 'all', name: 'per_recipient', key: rec });
    const alertWindow = windowKey({ of: 'alerts', name: 'per_recipient', key: rec });
    const news = { once: randomUUID(), rec, blk, recWindow, alertWindow };
    this.#outbox.put(`unlock ${rec}`, 'unlock', () => news);
  }

  async #ask(...question: Parameters<Engine['ask']>): Promise<Reply | undefined> {
    const reply = await this.#engine.ask(...question);
    if (reply === undefined) this.#unanswered += 1;
    return reply;
  }

  #ownOf(message: SharedMessage, terms: Terms, hasBegun: boolean): Own {
    const { hmac, box } = this.#options;
    const sk = hmac('shared', message.supersedeKey);
    return { message, fixedPart: fixedPartOf(message, terms, sk, box), order: 0, hasBegun };
  }

  #tellOutcome(own: Own, outcome: Outcome, isLate: boolean): void {
    this.#tell(own, { ...endWords(outcome), ...(isLate && { late: true }) });
  }

  #tellSuperseded(own: Own): void {
    const out = '{"code":"superseded","submitted":"no"}';
    this.#tell(own, { st: 'd', rank: 2, out });
  }

  #tell(own: Own, news: object): void {
    const { message, fixedPart } = own;
    const told = { keptFor: unsentForMs, ...news };
    const body = () =>
      questionOf(fixedPart, message, { sq: own.order, begun: own.hasBegun, ...told });
    this.#outbox.put(message.id, 'tell', body);
  }

  /** The message is at this box, whatever the engine knew of it. */
  #adopt(own: Own): void {
    const news = { st: own.hasBegun ? 's' : 'w', rank: 1, counts: true };
    this.#tell(own, news);
  }

  #warn(terms: Terms, reply: Reply): void {
    const full = placesIn(reply.near).flatMap(({ window, limit }) => {
      const of = terms.windows[window];
      const one = of?.limits[limit];
      return (of && one && nearlyFullOf(of, one)) ?? [];
    });
    if (full.length > 0) this.#options.policy.warnNearlyFull(full);
  }

  #onState(state: EngineState): void {
    const { log } = this.#options;
    const forS = Math.round((performance.now() - this.#since) / 1000);
    this.#since = performance.now();
    if (state.kind === 'away') {
      const words =
        'the shared engine is away: logins go on, but limits, Idempotency-Keys and the newest code are this box’s own until it is back';
      return void log.warn(words, { event: 'shared_away', reason: state.why });
    }
    const { size } = this.#outbox;
    const untold = size === 0 ? '' : `; it is told ${counted(size, 'thing')} that it missed`;
    log.info(`the shared engine answers${untold}`, { event: 'shared_up', away_s: forS });
  }

  /** The engine is joined: it is told what it may not know. Never rejects. */
  async #catchUp(isAnew: boolean): Promise<void> {
    this.#joins += 1;
    const join = this.#joins;
    const { policy, log } = this.#options;
    for (const own of this.#own.values()) this.#adopt(own);
    for (const { kind, key, strikes, leftMs } of policy.holdsLeft())
      this.#outbox.put(`hold ${kind} ${key}`, 'holdTold', () => ({
        kind,
        hmac: key,
        n: strikes,
        left: Math.round(leftMs),
      }));
    this.#outbox.flush();
    this.sims.refresh();
    if (isAnew) this.#isWhole = false;
    // Also where an earlier join was not told to its end.
    if (this.#isWhole) return;
    try {
      const earlier = await this.#options.earlier();
      const news = toldOf(earlier, policy, this.#options.box);
      for (const { script, body } of news) {
        // It is away again, or another one: the next join begins anew.
        if (join !== this.#joins || (await this.#engine.tell(script, body)) === undefined) return;
      }
      this.#isWhole = true;
      log.info('the shared engine knows what this box knew', {
        event: 'shared_told',
        told: news.length,
      });
    } catch (error) {
      log.warn('the journal cannot be read: the shared engine is not told what was sent before', {
        event: 'shared_told',
        error,
      });
    }
  }
}

function claimIn(reply: Reply): Claim {
  if (reply.kind === 'known')
    return { kind: 'known', outcome: fromWords(String(reply.id), String(reply.out)) };
  return reply.kind === 'elsewhere' ? { kind: 'elsewhere' } : { kind: 'none' };
}
