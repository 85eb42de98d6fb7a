import { longestHoldMs, maxCount } from '../config/policy.js';

/**
 * Why somebody has to wait: too many messages, or a send to them (or to their block) that stalled a
 * modem.
 */
export const holdKinds = ['lock_out', 'cool_down_recipient', 'cool_down_block'] as const;
export type HoldKind = (typeof holdKinds)[number];

/**
 * A lock-out or cool-down, as it is kept over a restart. A later one of the same kind and key
 * replaces it.
 */
export interface Hold {
  kind: HoldKind;
  /** The keyed HMAC of the recipient, or of the block for `cool_down_block`. */
  key: string;
  /** How many there were in a row, 1 for the first: each doubles the next one's length. */
  strikes: number;
  /** Wall milliseconds. */
  until: number;
}

/** How long a hold that is over still makes the next one longer, in milliseconds. */
const strikesKeptMs = 3_600_000;

/**
 * Lock-outs and cool-downs that last, and those of the last hour, whose strikes still count. Each
 * is caused by a message that was sent, so there are not many; should there be more than
 * `capacity`, the oldest is forgotten.
 */
export class Holds {
  /** By kind and key, in the order in which they began. */
  readonly #holds = new Map<string, Hold>();
  readonly #capacity: number;

  constructor(capacity = maxCount) {
    this.#capacity = capacity;
  }

  /** Nothing is remembered of anybody. */
  get isEmpty(): boolean {
    return this.#holds.size === 0;
  }

  /** The hold that lasts at `now`. */
  lasting(kind: HoldKind, key: string, now: number): Hold | undefined {
    const hold = this.remembered(kind, key, now);
    return hold && hold.until > now ? hold : undefined;
  }

  /** The newest hold whose strikes still count at `now`, whether it lasts or is over. */
  remembered(kind: HoldKind, key: string, now: number): Hold | undefined {
    const hold = this.#holds.get(id(kind, key));
    return hold && hold.until + strikesKeptMs > now ? hold : undefined;
  }

  /**
   * The hold that would begin at `now`: of `firstMs`, doubled for each strike before, at least
   * `atLeastMs` and at most `longestMs` (milliseconds; never over 15 minutes), counted from `since`
   * (wall milliseconds, not after `now`, which is the default). One that lasts longer already is
   * not shortened. Changes nothing: {@link begin} does.
   */
  next(
    kind: HoldKind,
    key: string,
    now: number,
    span: { firstMs: number; longestMs: number; atLeastMs?: number; since?: number },
  ): Hold {
    const before = this.remembered(kind, key, now);
    const strikes = (before?.strikes ?? 0) + 1;
    const grownMs = Math.max(span.firstMs * 2 ** (strikes - 1), span.atLeastMs ?? 0);
    const until = (span.since ?? now) + Math.min(grownMs, span.longestMs, longestHoldMs);
    return { kind, key, strikes, until: Math.max(until, before?.until ?? 0) };
  }

  /** Makes `hold` the one of its kind and key. */
  begin(hold: Hold, now: number): void {
    const ownId = id(hold.kind, hold.key);
    this.#holds.delete(ownId);
    // None is longer than 15 minutes, so that the order in which they began is nearly that in which
    // they are forgotten.
    for (const [oldId, { until }] of this.#holds) {
      if (until + strikesKeptMs > now && this.#holds.size < this.#capacity) break;
      this.#holds.delete(oldId);
    }
    this.#holds.set(ownId, hold);
  }

  /**
   * Ends a hold, and forgets its strikes. Gives it as one that is over, to be kept in its place;
   * undefined where none is remembered at `now`.
   */
  lift(kind: HoldKind, key: string, now: number): Hold | undefined {
    const hold = this.remembered(kind, key, now);
    this.#holds.delete(id(kind, key));
    return hold && { ...hold, strikes: 1, until: now - strikesKeptMs };
  }

  /** All that is remembered at `now`, oldest first. */
  all(now: number): Hold[] {
    return [...this.#holds.values()].filter(({ until }) => until + strikesKeptMs > now);
  }

  /**
   * Takes up one that was kept over a restart, or that others have begun, where nothing longer
   * holds already. Nobody waits longer than the longest hold, even if the clock had run ahead
   * before. False where it is not taken up.
   */
  takeUp(hold: Hold, now: number): boolean {
    const until = Math.min(hold.until, now + longestHoldMs);
    const own = this.remembered(hold.kind, hold.key, now);
    if (until + strikesKeptMs <= now || until <= (own?.until ?? 0)) return false;
    this.begin({ ...hold, until }, now);
    return true;
  }

  /** Takes up what was kept over a restart, in any order. */
  restore(holds: Iterable<Hold>, now: number): void {
    for (const hold of [...holds].sort((a, b) => a.until - b.until)) this.takeUp(hold, now);
  }
}

function id(kind: HoldKind, key: string): string {
  return `${kind} ${key}`;
}
