/**
 * What counts towards the limits, and which of them are full. It counts messages; what a SIM may
 * send is counted in segments, elsewhere.
 */

import { type LimitName, limitNames, longestWindowMs } from '../config/policy.js';
import { isShared, type NearlyFull, nearlyFullCount } from './alarm.js';
import type { Rules } from './caller-rules.js';
import {
  type FullLimit,
  type FullLimitsOptions,
  fullLimits,
  type NearlyFullLimit,
  nearlyFullLimits,
} from './full-limits.js';
import type { PolicyRow, Subject } from './request.js';
import { type SharedUse, sharedUses } from './shared-uses.js';
import { keysOf } from './subject.js';
import type { TermWindow } from './terms.js';
import { type CountedMessage, type Fill, type LimitKeys, SlidingWindows } from './windows.js';
import { memoryObstacle, type TemporaryRefusal, windowObstacle } from './wording.js';

/** Where a message counts, and by which keys. */
interface Place {
  /** `alerts`: what alerts alone have filled. */
  of: TermWindow['of'];
  keys: LimitKeys;
}

/** A place within the limits. */
export interface CountedPlace {
  /** It surely counts. */
  keep(): void;
  /** It never counted. */
  giveBack(): void;
}

/** `now`, wherever it is asked for: wall milliseconds that never run backwards. */
export class Limits {
  readonly #rules: () => Rules;
  readonly #windows: Readonly<Record<Place['of'], SlidingWindows>>;

  /**
   * @param rules those in force
   * @param capacity how many messages are remembered; default and bound as {@link SlidingWindows}
   */
  constructor(rules: () => Rules, capacity: number | undefined) {
    this.#rules = rules;
    this.#windows = { all: new SlidingWindows(capacity), alerts: new SlidingWindows(capacity) };
  }

  /** Counts a message, whether there is room or not. */
  count(subject: Subject, now: number): CountedPlace {
    const counted = placesOf(subject.isAlert, () => subject.keys).map(({ of, keys }) => {
      const windows = this.#windows[of];
      return { windows, entry: windows.add(keys, now) };
    });
    return {
      keep() {
        for (const { entry } of counted) entry.isKept = true;
      },
      giveBack() {
        for (const { windows, entry } of counted) windows.remove(entry);
      },
    };
  }

  /** Every limit that has no room for one more, and a memory that has none. */
  full(subject: Subject, now: number): TemporaryRefusal[] {
    const places = placesOf(subject.isAlert, () => subject.keys);
    const full: TemporaryRefusal[] = [];
    for (const name of limitNames) full.push(...this.#reached(name, subject, now, places));
    for (const { of } of places) {
      const { hasRoom, freeAt } = this.#windows[of].makeRoom(now, this.#rules().longestWindowMs);
      if (!hasRoom) full.push(memoryObstacle(freeAt, now));
    }
    return full;
  }

  /** When `per_recipient` has room again; 0 where it has. */
  recipientFreeAt(subject: Subject, now: number): number {
    const reached = this.#reached('per_recipient', subject, now);
    return Math.max(0, ...reached.map(({ until }) => until));
  }

  #reached(
    name: LimitName,
    subject: Subject,
    now: number,
    places = placesOf(subject.isAlert, () => subject.keys),
  ): TemporaryRefusal[] {
    const rules = this.#rules();
    const reached: TemporaryRefusal[] = [];
    for (const place of places) {
      const share = this.#share(place);
      for (const limit of rules.limitsWithin(share, name, subject.caller)) {
        const keys = name === 'total' ? {} : place.keys;
        const until = this.#windows[place.of].freeAt(name, limit, keys, now);
        if (until !== undefined) {
          const told = rules.limitName(share, name, subject.caller);
          reached.push(windowObstacle(name, limit, until, now, told));
        }
      }
    }
    return reached;
  }

  /** How full the windows are that the message would be counted in. */
  fills(subject: Subject, now: number): Fill[] {
    const places = placesOf(subject.isAlert, () => subject.keys);
    return limitNames.flatMap((name) =>
      places.flatMap((place) =>
        this.#rules()
          .limitsWithin(this.#share(place), name, subject.caller)
          .flatMap((limit) => this.#windows[place.of].fill(name, limit, place.keys, now) ?? []),
      ),
    );
  }

  /** The windows that a message is judged by and counted in. */
  termsOf(subject: Subject): TermWindow[] {
    return placesOf(subject.isAlert, () => subject.keys).flatMap((place) => {
      const share = this.#share(place);
      return asTerms(place).map((term): TermWindow => {
        const limits = this.#rules().limitsWithin(share, term.name, subject.caller);
        const isWarnedOf = place.of === 'all' && isShared(term.name);
        return { ...term, limits, nearlyFull: isWarnedOf ? limits.map(nearlyFullCount) : [] };
      });
    });
  }

  /** The windows that a message of before was counted in, without their limits. */
  windowsOf(row: Omit<PolicyRow, 'at'>): TermWindow[] {
    return this.#placesOfRow(row).flatMap(asTerms);
  }

  /** Of the limits that everybody shares, those of the message that are 80 % full. */
  nearlyFullBy({ keys }: Subject, now: number): NearlyFull[] {
    return limitNames.filter(isShared).flatMap((name) => {
      const country = name === 'per_country' ? keys.per_country : undefined;
      return this.#rules()
        .config.limits[name].filter((limit) =>
          this.#windows.all.hasAtLeast(nearlyFullCount(limit), name, limit.windowMs, keys, now),
        )
        .map((limit) => ({ name, limit, ...(country !== undefined && { country }) }));
    });
  }

  /** The newest message that is counted for a recipient; alerts apart. */
  newestTo(recipientHmac: string): CountedMessage | undefined {
    return this.#windows.all.newest('per_recipient', { per_recipient: recipientHmac });
  }

  /** What was counted for a recipient alone; the limits that others share still count it. */
  forget(recipientHmac: string): void {
    for (const windows of Object.values(this.#windows))
      windows.forget('per_recipient', recipientHmac);
  }

  /** The limits by which everybody, a whole country or a caller is refused now. */
  fullForMany(now: number): FullLimit[] {
    const longestMs = this.#rules().longestWindowMs;
    return fullLimits({ ...this.#ofMany(now), longestMs });
  }

  /** Those of them that are 80 % full or more. */
  nearlyFullForMany(now: number): NearlyFullLimit[] {
    return nearlyFullLimits(this.#ofMany(now));
  }

  #ofMany(now: number): Omit<FullLimitsOptions, 'longestMs'> {
    const rules = this.#rules();
    return { windows: this.#windows.all, limitsOf: (name, of) => rules.limits(name, of), now };
  }

  /** How full the limits are that many share: of all, of the fullest countries, of each caller. */
  sharedUses(now: number): SharedUse[] {
    const { config, callers } = this.#rules();
    return sharedUses(this.#windows.all, config.limits, callers, now);
  }

  /** Counts messages of before, in any order, beside those that are counted already. */
  restore(rows: Iterable<PolicyRow>, now: number): void {
    const earlier: Record<Place['of'], CountedMessage[]> = { all: [], alerts: [] };
    for (const row of rows) {
      if (row.at + longestWindowMs <= now) continue;
      for (const { of, keys } of this.#placesOfRow(row))
        earlier[of].push({ at: Math.min(row.at, now), keys, isKept: true });
    }
    this.#windows.all.merge(earlier.all);
    this.#windows.alerts.merge(earlier.alerts);
  }

  #placesOfRow(row: Omit<PolicyRow, 'at'>): readonly Place[] {
    const { isAlert = false, isUncounted = false } = this.#rules().of(row.caller);
    if (isUncounted) return [];
    const keys = keysOf(row, row.caller);
    return placesOf(isAlert, () => (row.isForgiven === true ? sharedKeys(keys) : keys));
  }

  /** How much of each limit that is shared may be filled there, 0.01–1. */
  #share({ of }: Place): number {
    return of === 'all' ? 1 : this.#rules().config.alertShare;
  }
}

/**
 * A login is judged by all that was sent. An alert is so too, and by what alerts alone have filled
 * of their share: logins always have the rest, and leave the alerts theirs. To one recipient the
 * two are counted apart, for who is told of a fault has to log in to mend it.
 * @param keysOfIt asked where a limit is: the HMACs of most refused messages are never made
 */
function placesOf(isAlert: boolean, keysOfIt: () => LimitKeys): readonly Place[] {
  if (!isAlert)
    return [
      {
        of: 'all',
        get keys() {
          return keysOfIt();
        },
      },
    ];
  const keys = keysOfIt();
  return [
    { of: 'all', keys: sharedKeys(keys) },
    { of: 'alerts', keys },
  ];
}

/** What alerts are counted by beside logins. */
function sharedKeys(keys: LimitKeys): LimitKeys {
  const { per_recipient: _, ...shared } = keys;
  return shared;
}

/** What it is counted by, each with a name; without the limits. */
function asTerms({ of, keys }: Place): TermWindow[] {
  return limitNames.flatMap((name): TermWindow[] => {
    const key = name === 'total' ? '' : keys[name];
    return key === undefined ? [] : [{ name, of, key, limits: [], nearlyFull: [] }];
  });
}
