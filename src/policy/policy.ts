/**
 * Who may be sent to, and how often.
 * Knows nothing of: HTTP, modems and the journal's form.
 * Way: `subjectOf` a message once → rules, then windows, then holds → a reservation that is used or
 * given back.
 */

import {
  alertShareOf,
  type Limit,
  type LimitName,
  limitNames,
  longestWindowMs,
  type PolicyConfig,
} from '../config/policy.js';
import { SendError } from '../errors.js';
import { Alarm, isShared, type NearlyFull, nearlyFullCount } from './alarm.js';
import {
  type FullLimit,
  type FullLimitsOptions,
  fullLimits,
  type NearlyFullLimit,
  nearlyFullLimits,
} from './full-limits.js';
import { HoldRules, type StalledSend } from './hold-rules.js';
import type { Hold, HoldKind } from './holds.js';
import { refuseRecipient } from './recipient-rules.js';
import type {
  Explanation,
  PolicyRequest,
  PolicyRow,
  Refusal,
  Reservation,
  Subject,
} from './request.js';
import { type SharedUse, type SharedWindows, sharedUses, sharedWindows } from './shared-uses.js';
import { keysOf, type PolicyHmac, RequestSubject } from './subject.js';
import type { Terms, TermWindow } from './terms.js';
import { type CountedMessage, type LimitKeys, SlidingWindows } from './windows.js';
import { holdObstacle, memoryObstacle, type TemporaryRefusal, windowObstacle } from './wording.js';

/** What holds for one caller instead of what holds for all. */
export interface CallerRules {
  /** What `perCaller` is called in the configuration; default: `policy.per_caller`. */
  perCallerName?: string;
  /** Its own `per_caller`. */
  perCaller?: readonly Limit[] | undefined;
  /** Which countries it may write to. */
  countries?: readonly string[] | undefined;
  /** Its messages are alerts; default: logins. */
  isAlert?: boolean | undefined;
  /** Its messages count towards no limit. */
  isUncounted?: boolean;
}

/** Windows that a message is judged by and counted in. */
interface Judged {
  windows: SlidingWindows;
  keys: LimitKeys;
  /** How much of each limit that is shared it may fill, 0.01–1. */
  share: number;
}

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
  /** How many messages are remembered; default and bound as {@link SlidingWindows}. */
  capacity?: number;
}

/**
 * Who may be written to, and how often. Everything is synchronous: of many requests at once exactly
 * as many are let in as a limit allows. It counts messages; what a SIM may send is counted in
 * segments, elsewhere.
 */
export class Policy {
  #config: PolicyConfig;
  #callers: ReadonlyMap<string, CallerRules>;
  /** Milliseconds of its longest window. */
  #longestMs: number;
  readonly #hmac: PolicyOptions['hmac'];
  readonly #isShared: boolean;
  readonly #now: () => number;
  readonly #onRefused: (refusal: Refusal) => void;
  readonly #onNearlyFull: (limit: NearlyFull) => void;
  readonly #onUnlocked: NonNullable<PolicyOptions['onUnlocked']>;
  readonly #alarm = new Alarm();
  readonly #windows: SlidingWindows;
  /** What alerts alone have filled. */
  readonly #alertWindows: SlidingWindows;
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
    this.#config = config;
    this.#callers = callers;
    this.#longestMs = longestWindowOf(config, callers);
    this.#hmac = hmac;
    this.#isShared = isShared;
    this.#now = now;
    this.#onRefused = onRefused;
    this.#onNearlyFull = onNearlyFull;
    this.#onUnlocked = onUnlocked;
    this.#windows = new SlidingWindows(capacity);
    this.#alertWindows = new SlidingWindows(capacity);
    this.#holds = new HoldRules({
      config: () => this.#config,
      newestTo: (recipientHmac) =>
        this.#windows.newest('per_recipient', { per_recipient: recipientHmac }),
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
    const { lockOutFirstMs, lockOutLongestMs } = this.#config;
    const { isAlert, recipientHmac, blockHmac } = subject;
    const windows = this.#judgedBy(subject).flatMap(({ keys, share }, index) =>
      limitNames.flatMap((name): TermWindow[] => {
        const key = name === 'total' ? '' : keys[name];
        if (key === undefined) return [];
        const of = index === 0 ? 'all' : 'alerts';
        const limits = this.#limitsFor(name, subject, share);
        const nearlyFull = of === 'all' && isShared(name) ? limits.map(nearlyFullCount) : [];
        return [{ name, of, key, limits, nearlyFull }];
      }),
    );
    return { windows, isAlert, recipientHmac, blockHmac, lockOutFirstMs, lockOutLongestMs };
  }

  /** The windows of a message of before, as {@link terms} has them. */
  windowsOf(row: Omit<PolicyRow, 'at'>): TermWindow[] {
    const { isAlert = false, isUncounted } = this.#callers.get(row.caller) ?? {};
    if (isUncounted) return [];
    const keys = countedKeys(row);
    const all = isAlert ? sharedKeys(keys) : keys;
    const asWindows = (of: TermWindow['of'], own: LimitKeys) =>
      limitNames.flatMap((name): TermWindow[] => {
        const key = name === 'total' ? '' : own[name];
        return key === undefined ? [] : [{ name, of, key, limits: [], nearlyFull: [] }];
      });
    return [...asWindows('all', all), ...(isAlert ? asWindows('alerts', keys) : [])];
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
    const counted = this.#judgedBy(subject).map(({ windows, keys }) => {
      return { windows, entry: windows.add(keys, now) };
    });
    this.warnNearlyFull(this.#nearlyFullBy(subject.keys, now));
    return this.#reservation(subject, counted);
  }

  /**
   * What {@link admit} would do, and why. Changes nothing. Without `caller`, what counts by it is
   * left out.
   */
  explain(request: Omit<PolicyRequest, 'caller'> & { caller?: string }): Explanation {
    const now = this.#now();
    const subject = this.subjectOf(request);
    const fills = limitNames.flatMap((name) =>
      this.#judgedBy(subject).flatMap(({ windows, keys, share }) =>
        this.#limitsFor(name, subject, share).flatMap(
          (limit) => windows.fill(name, limit, keys, now) ?? [],
        ),
      ),
    );
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
    return sharedUses(this.#windows, this.#config.limits, this.#callers, this.#now());
  }

  /** Those limits, for who counts for several boxes. */
  sharedWindows(): SharedWindows {
    return sharedWindows(this.#config.limits, this.#callers);
  }

  /**
   * Takes up what the journal knows of the runs before, in any order: the messages of the last 24
   * hours that were started, and the holds. They count beside what this run has counted, so it may
   * come late, but once. A stamp of the future counts as now.
   */
  restore(rows: Iterable<PolicyRow>, holds: Iterable<Hold>): void {
    const now = this.#now();
    const recent = [...rows].filter(
      ({ at, caller }) =>
        at + longestWindowMs > now && this.#callers.get(caller)?.isUncounted !== true,
    );
    const entries = recent.map((row) => ({
      at: Math.min(row.at, now),
      isAlert: this.#callers.get(row.caller)?.isAlert === true,
      keys: countedKeys(row),
      isKept: true,
    }));
    this.#windows.merge(
      entries.map(({ isAlert, keys, ...entry }) => {
        return { ...entry, keys: isAlert ? sharedKeys(keys) : keys };
      }),
    );
    this.#alertWindows.merge(entries.filter(({ isAlert }) => isAlert));
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
    this.#windows.forget('per_recipient', recipientHmac);
    this.#alertWindows.forget('per_recipient', recipientHmac);
    this.#onUnlocked({ recipientHmac, blockHmac });
    return this.#holds.lift({ recipientHmac, blockHmac }, now);
  }

  /** The limits by which everybody, a whole country or a caller is refused now. */
  full(): FullLimit[] {
    return fullLimits({ ...this.#sharedLimits(), longestMs: this.#longestMs });
  }

  /** Those of them that are 80 % full or more. */
  nearlyFull(): NearlyFullLimit[] {
    return nearlyFullLimits(this.#sharedLimits());
  }

  #sharedLimits(): Pick<FullLimitsOptions, 'windows' | 'limitsOf' | 'now'> {
    return {
      windows: this.#windows,
      limitsOf: (name, of) =>
        (name === 'per_caller' && of !== undefined
          ? this.#callers.get(of)?.perCaller
          : undefined) ?? this.#config.limits[name],
      now: this.#now(),
    };
  }

  /** The lock-outs and cool-downs that last or whose strikes still count. */
  holds(): Hold[] {
    return this.#holds.all(this.#now());
  }

  /**
   * From now on other rules hold. Nothing is forgotten: new windows count the messages that were.
   */
  replaceConfig(config: PolicyConfig, callers: ReadonlyMap<string, CallerRules> = new Map()): void {
    this.#config = config;
    this.#callers = callers;
    this.#longestMs = longestWindowOf(config, callers);
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
    const freeAt = () => this.#recipientFreeAt(subject, now);
    const lockOut = lasting.length === 0 ? this.#holds.lockOutBy(subject, now, freeAt) : undefined;
    const longest = longestOf(
      (lockOut ? [lockOut] : lasting).map((hold) => holdObstacle(hold, now)),
      this.#holds.earlierOneWaits(subject, now),
      this.#fullWindows(subject, now),
      this.#fullMemory(subject, now),
    );
    if (longest === undefined) return {};
    const { reason, detail, until } = longest;
    return {
      refusal: { code: 'rate_limited', reason, detail, retryAfterMs: until - now },
      ...(lockOut && { lockOut }),
    };
  }

  #never(subject: Subject): Refusal | undefined {
    const { countries } = this.#rulesOf(subject);
    const config =
      countries === undefined ? this.#config : { ...this.#config, countries: [...countries] };
    const forGood = refuseRecipient(config, subject.recipient, subject.numbering);
    return forGood && { ...forGood, retryAfterMs: undefined };
  }

  #rulesOf({ caller }: Subject): CallerRules {
    return (caller === undefined ? undefined : this.#callers.get(caller)) ?? {};
  }

  /**
   * A login is judged by all that was sent. An alert is so too, and by what alerts alone have
   * filled of their share: logins always have the rest, and leave the alerts theirs. To one
   * recipient the two are counted apart, for who is told of a fault has to log in to mend it.
   */
  #judgedBy(subject: Subject): readonly Judged[] {
    // A getter: where no limit asks for them, the HMACs of a refused message are never made.
    const all = {
      windows: this.#windows,
      get keys() {
        return subject.keys;
      },
      share: 1,
    };
    if (!subject.isAlert) return [all];
    const { keys } = subject;
    return [
      { windows: this.#windows, keys: sharedKeys(keys), share: 1 },
      { windows: this.#alertWindows, keys, share: this.#config.alertShare },
    ];
  }

  #limitsFor(name: LimitName, subject: Subject, share: number): readonly Limit[] {
    const limits =
      (name === 'per_caller' ? this.#rulesOf(subject).perCaller : undefined) ??
      this.#config.limits[name];
    if (share === 1 || name === 'per_caller' || name === 'per_recipient') return limits;
    return limits.map(({ count, windowMs }) => ({ count: alertShareOf(count, share), windowMs }));
  }

  /** When `per_recipient` has room again; 0 where it has. */
  #recipientFreeAt(subject: Subject, now: number): number {
    const reached = this.#limitsReached('per_recipient', subject, now);
    return Math.max(0, ...reached.map(({ until }) => until));
  }

  #fullWindows(subject: Subject, now: number): TemporaryRefusal[] {
    const judged = this.#judgedBy(subject);
    const full: TemporaryRefusal[] = [];
    for (const name of limitNames) full.push(...this.#limitsReached(name, subject, now, judged));
    return full;
  }

  #limitsReached(
    name: LimitName,
    subject: Subject,
    now: number,
    judged = this.#judgedBy(subject),
  ): TemporaryRefusal[] {
    const reached: TemporaryRefusal[] = [];
    for (const by of judged)
      for (const limit of this.#limitsFor(name, subject, by.share)) {
        const keys = name === 'total' ? {} : by.keys;
        const until = by.windows.freeAt(name, limit, keys, now);
        if (until !== undefined) {
          const told = this.#limitName(name, subject, by.share);
          reached.push(windowObstacle(name, limit, until, now, told));
        }
      }
    return reached;
  }

  /** As the configuration has it. */
  #limitName(name: LimitName, subject: Subject, share: number): string {
    const rules = this.#rulesOf(subject);
    if (name === 'per_caller' && rules.perCaller !== undefined)
      return rules.perCallerName ?? `policy.${name}`;
    const isWhole = share === 1 || name === 'per_caller' || name === 'per_recipient';
    return isWhole ? `policy.${name}` : `policy.alert_share of policy.${name}`;
  }

  #nearlyFullBy(keys: LimitKeys, now: number): NearlyFull[] {
    return limitNames.filter(isShared).flatMap((name) => {
      const country = name === 'per_country' ? keys.per_country : undefined;
      return this.#config.limits[name]
        .filter((limit) =>
          this.#windows.hasAtLeast(nearlyFullCount(limit), name, limit.windowMs, keys, now),
        )
        .map((limit) => ({ name, limit, ...(country !== undefined && { country }) }));
    });
  }

  #fullMemory(subject: Subject, now: number): TemporaryRefusal[] {
    return this.#judgedBy(subject).flatMap((judged) => {
      const { hasRoom, freeAt } = judged.windows.makeRoom(now, this.#longestMs);
      return hasRoom ? [] : [memoryObstacle(freeAt, now)];
    });
  }

  #reservation(
    subject: Subject,
    counted: readonly { windows: SlidingWindows; entry: CountedMessage }[],
  ): Reservation {
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
        for (const { entry } of counted) entry.isKept = true;
      },
      giveBack: () => {
        holders -= 1;
        if (isSettled || holders > 0) return;
        for (const { windows, entry } of counted) windows.remove(entry);
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

function longestWindowOf(
  { limits }: PolicyConfig,
  callers: ReadonlyMap<string, CallerRules>,
): number {
  const own = [...callers.values()].flatMap(({ perCaller = [] }) => perCaller);
  const all = [...limitNames.flatMap((name) => limits[name]), ...own];
  return Math.max(0, ...all.map(({ windowMs }) => windowMs));
}

/** Of a message of before. */
function countedKeys(row: Omit<PolicyRow, 'at'>): LimitKeys {
  const keys = keysOf(row, row.caller);
  return row.isForgiven === true ? sharedKeys(keys) : keys;
}

/** What alerts are counted by beside logins. */
function sharedKeys(keys: LimitKeys): LimitKeys {
  const { per_recipient: _, ...shared } = keys;
  return shared;
}
