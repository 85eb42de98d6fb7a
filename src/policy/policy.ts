/**
 * Who may be sent to, and how often.
 * Knows nothing of: HTTP, modems and the journal's form.
 * Way: `subjectOf` a message once → rules, then windows, then holds → a reservation that is used or
 * given back.
 */

import { limitNames, type PolicyConfig } from '../config/policy.js';
import { SendError } from '../errors.js';
import { Alarm, isShared, type NearlyFull, nearlyFullCount } from './alarm.js';
import { type CallerRules, Rules } from './caller-rules.js';
import type { FullLimit, NearlyFullLimit } from './full-limits.js';
import { HoldRules, type StalledSend } from './hold-rules.js';
import type { Hold, HoldKind } from './holds.js';
import { type CountedPlace, Limits } from './limits.js';
import { refuseRecipient } from './recipient-rules.js';
import type {
  Explanation,
  PolicyRequest,
  PolicyRow,
  Refusal,
  Reservation,
  Subject,
} from './request.js';
import { type SharedUse, type SharedWindows, sharedWindows } from './shared-uses.js';
import { type PolicyHmac, RequestSubject } from './subject.js';
import type { Terms, TermWindow } from './terms.js';
import { holdObstacle, type TemporaryRefusal } from './wording.js';

export interface PolicyOptions {
  config: PolicyConfig;
  /** By name; default: none has rules of its own. */
  callers?: ReadonlyMap<string, CallerRules>;
  hmac: PolicyHmac;
  /** Other boxes count towards the same limits. */
  isShared?: boolean;
  /** Wall milliseconds that never run backwards, not even over a restart. */
  now: () => number;
  /**
   * Told of every lock-out and cool-down as it begins, so that it outlives the process; and of one
   * that is lifted, as of one that is long over. Must not throw.
   */
  onHold?: (hold: Hold) => void;
  /** Told of every message that is refused, and by what. Must not throw. */
  onRefused?: (refusal: Refusal) => void;
  /**
   * Told, once an hour for each, of a limit for a country or for all that is 80 % full: who fills
   * it shuts others out. Must not throw.
   */
  onNearlyFull?: (limit: NearlyFull) => void;
  /** Told of a send that stalled a modem: its recipient and block cool down. Must not throw. */
  onStalled?: (stalled: StalledSend) => void;
  /** Told of a recipient that was unlocked. Must not throw. */
  onUnlocked?: (unlocked: { recipientHmac: string; blockHmac: string }) => void;
  /** How many messages are remembered; default and bound as {@link Limits}. */
  capacity?: number;
}

/**
 * Who may be written to, and how often. Everything is synchronous: of many requests at once exactly
 * as many are let in as a limit allows.
 */
export class Policy {
  #rules: Rules;
  readonly #hmac: PolicyOptions['hmac'];
  readonly #isShared: boolean;
  readonly #now: () => number;
  readonly #onRefused: (refusal: Refusal) => void;
  readonly #onNearlyFull: (limit: NearlyFull) => void;
  readonly #onUnlocked: NonNullable<PolicyOptions['onUnlocked']>;
  readonly #alarm = new Alarm();
  readonly #limits: Limits;
  readonly #holds: HoldRules;

  constructor({
    config,
    callers = new Map(),
    hmac,
    isShared = false,
    now,
    onHold = () => undefined,
    onRefused = () => undefined,
    onNearlyFull = () => undefined,
    onStalled = () => undefined,
    onUnlocked = () => undefined,
    capacity,
  }: PolicyOptions) {
    this.#rules = new Rules(config, callers);
    this.#hmac = hmac;
    this.#isShared = isShared;
    this.#now = now;
    this.#onRefused = onRefused;
    this.#onNearlyFull = onNearlyFull;
    this.#onUnlocked = onUnlocked;
    this.#limits = new Limits(() => this.#rules, capacity);
    this.#holds = new HoldRules({
      config: () => this.#rules.config,
      newestTo: (recipientHmac) => this.#limits.newestTo(recipientHmac),
      onHold,
      onStalled,
      capacity,
    });
  }

  /**
   * Counts the message and lets it in. Throws a `SendError` of code `recipient_invalid`,
   * `recipient_not_allowed` or `rate_limited`, whose detail names the limit that lasts longest;
   * `retryAfterMs` is when the same request would pass if nobody else came.
   */
  admit(subject: Subject): Reservation {
    return this.check(subject)();
  }

  /**
   * As {@link admit}, but does not count the message yet: that is done by what is returned, which
   * is to be called at once, before anybody else is judged, or never.
   */
  check(subject: Subject): () => Reservation {
    const now = this.#now();
    const { refusal, lockOut } = this.#judge(subject, now);
    if (lockOut) this.#holds.begin(lockOut, now);
    if (refusal) throw this.refusal(refusal);
    return () => this.#count(subject, now);
  }

  /** A refusal, told and counted, as the error that a caller is answered with. */
  refusal(refusal: Refusal): SendError {
    this.#onRefused(refusal);
    return new SendError(refusal.code, {
      submitted: 'no',
      detail: `${refusal.reason}: ${refusal.detail}`,
      ...(refusal.retryAfterMs !== undefined && { retryAfterMs: refusal.retryAfterMs }),
    });
  }

  /**
   * Counts a message that was judged by others, who count for several boxes.
   */
  count(subject: Subject): Reservation {
    return this.#count(subject, this.#now());
  }

  /** Why this recipient is never written to, as {@link check} throws it. */
  whyNever(subject: Subject): SendError | undefined {
    const refusal = this.#never(subject);
    return refusal && this.refusal(refusal);
  }

  /** The rules for this message, for others to judge and count it by. */
  terms(subject: Subject): Terms {
    const { lockOutFirstMs, lockOutLongestMs } = this.#rules.config;
    const { isAlert, recipientHmac, blockHmac } = subject;
    const windows = this.#limits.termsOf(subject);
    return { windows, isAlert, recipientHmac, blockHmac, lockOutFirstMs, lockOutLongestMs };
  }

  /** The windows of a message of before, as {@link terms} has them. */
  windowsOf(row: Omit<PolicyRow, 'at'>): TermWindow[] {
    return this.#limits.windowsOf(row);
  }

  /** The lock-outs and cool-downs that last, in milliseconds from now. */
  holdsLeft(): (Omit<Hold, 'until'> & { leftMs: number })[] {
    return this.#holds.left(this.#now());
  }

  /** Takes up holds that others have begun, where nothing longer holds already. */
  takeUpHolds(holds: readonly (Omit<Hold, 'until'> & { leftMs: number })[]): void {
    this.#holds.takeUp(holds, this.#now());
  }

  /** Warns of limits that are nearly full, once an hour for each. */
  warnNearlyFull(limits: readonly NearlyFull[]): void {
    const now = this.#now();
    for (const limit of limits) if (this.#alarm.isDue(limit, now)) this.#onNearlyFull(limit);
  }

  #count(subject: Subject, now: number): Reservation {
    const place = this.#limits.count(subject, now);
    this.warnNearlyFull(this.#limits.nearlyFullBy(subject, now));
    return this.#reservation(subject, place);
  }

  /**
   * What {@link admit} would do, and why. Changes nothing. Without `caller`, what counts by it is
   * left out.
   */
  explain(request: Omit<PolicyRequest, 'caller'> & { caller?: string }): Explanation {
    const now = this.#now();
    const subject = this.subjectOf(request);
    const fills = this.#limits.fills(subject, now);
    return {
      numbering: subject.numbering,
      ownBoxOnly: this.#isShared ? true : undefined,
      refusal: this.#judge(subject, now).refusal,
      fills: fills.map((fill) => ({
        ...fill,
        freeInMs: Math.max(0, (fill.freeAt ?? now) - now),
        isNearlyFull: isShared(fill.name) && fill.used >= nearlyFullCount(fill.limit),
      })),
      notLookedAt: limitNames.filter((name) => !fills.some((fill) => fill.name === name)),
      holds: this.#holds
        .lasting(subject, now)
        .map((hold) => ({ ...hold, freeInMs: hold.until - now })),
    };
  }

  /** How full the limits are that many share: of all, of the fullest countries, of each caller. */
  sharedUses(): SharedUse[] {
    return this.#limits.sharedUses(this.#now());
  }

  /** Those limits, for who counts for several boxes. */
  sharedWindows(): SharedWindows {
    const { config, callers } = this.#rules;
    return sharedWindows(config.limits, callers);
  }

  /**
   * Takes up what the journal knows of the runs before, in any order: the messages of the last 24
   * hours that were started, and the holds. They count beside what this run has counted, so it may
   * come late, but once. A stamp of the future counts as now.
   */
  restore(rows: Iterable<PolicyRow>, holds: Iterable<Hold>): void {
    const now = this.#now();
    this.#limits.restore(rows, now);
    this.#holds.restore(holds, now);
  }

  /**
   * Lifts what this recipient has to wait for: lock-out and cool-downs, that of its block among
   * them, and what `per_recipient` has counted. The limits that others share still count its
   * messages. Gives the kinds that lasted.
   */
  unlock(recipient: string): HoldKind[] {
    const now = this.#now();
    const { recipientHmac, blockHmac } = this.subjectOf({ recipient });
    this.#limits.forget(recipientHmac);
    this.#onUnlocked({ recipientHmac, blockHmac });
    return this.#holds.lift({ recipientHmac, blockHmac }, now);
  }

  /** The limits by which everybody, a whole country or a caller is refused now. */
  full(): FullLimit[] {
    return this.#limits.fullForMany(this.#now());
  }

  /** Those of them that are 80 % full or more. */
  nearlyFull(): NearlyFullLimit[] {
    return this.#limits.nearlyFullForMany(this.#now());
  }

  /** The lock-outs and cool-downs that last or whose strikes still count. */
  holds(): Hold[] {
    return this.#holds.all(this.#now());
  }

  /**
   * From now on other rules hold. Nothing is forgotten: new windows count the messages that were.
   */
  replaceConfig(config: PolicyConfig, callers: ReadonlyMap<string, CallerRules> = new Map()): void {
    this.#rules = new Rules(config, callers);
  }

  /**
   * What a request is judged and counted by, whether it is let in or not. Without `caller`, what
   * counts by it is left out.
   */
  subjectOf(request: Partial<PolicyRequest> & { recipient: string }): Subject {
    return new RequestSubject(request, this.#hmac);
  }

  /** What stands in the way, and the lock-out that this request brings about. */
  #judge(subject: Subject, now: number): { refusal?: Refusal; lockOut?: Hold } {
    const forGood = this.#never(subject);
    if (forGood) return { refusal: forGood };
    const lasting = this.#holds.lasting(subject, now);
    const freeAt = () => this.#limits.recipientFreeAt(subject, now);
    const lockOut = lasting.length === 0 ? this.#holds.lockOutBy(subject, now, freeAt) : undefined;
    const longest = longestOf(
      (lockOut ? [lockOut] : lasting).map((hold) => holdObstacle(hold, now)),
      this.#holds.earlierOneWaits(subject, now),
      this.#limits.full(subject, now),
    );
    if (longest === undefined) return {};
    const { reason, detail, until } = longest;
    return {
      refusal: { code: 'rate_limited', reason, detail, retryAfterMs: until - now },
      ...(lockOut && { lockOut }),
    };
  }

  #never(subject: Subject): Refusal | undefined {
    const { countries } = this.#rules.of(subject.caller);
    const { config } = this.#rules;
    const rules = countries === undefined ? config : { ...config, countries: [...countries] };
    const forGood = refuseRecipient(rules, subject.recipient, subject.numbering);
    return forGood && { ...forGood, retryAfterMs: undefined };
  }

  #reservation(subject: Subject, place: CountedPlace): Reservation {
    let holders = 1;
    let isSettled = false;
    let hasStalled = false;
    const reservation: Reservation = {
      share: () => {
        holders += 1;
        return reservation;
      },
      keep: () => {
        isSettled = true;
        place.keep();
      },
      giveBack: () => {
        holders -= 1;
        if (isSettled || holders > 0) return;
        place.giveBack();
        isSettled = true;
      },
      stalled: () => {
        if (!hasStalled) this.#holds.coolDown(subject, this.#now());
        hasStalled = true;
      },
    };
    return reservation;
  }
}

/** What lasts longest; the first of several that last as long. */
function longestOf(
  ...kinds: readonly (readonly TemporaryRefusal[])[]
): TemporaryRefusal | undefined {
  let longest: TemporaryRefusal | undefined;
  for (const obstacles of kinds)
    for (const obstacle of obstacles)
      if (longest === undefined || obstacle.until > longest.until) longest = obstacle;
  return longest;
}
