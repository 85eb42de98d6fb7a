import type { Limit, LimitName } from '../config/policy.js';
import { limitText } from './wording.js';

/** A limit that many people share is nearly reached. */
export interface NearlyFull {
  name: SharedLimit;
  limit: Limit;
  /** What `per_country` counts by: an ISO 3166-1 code, or `+` and a calling code. */
  country?: string;
}

/** The limits that everybody shares: once they are full, everybody is refused. */
const sharedLimits = ['per_country', 'total'] as const satisfies readonly LimitName[];
type SharedLimit = (typeof sharedLimits)[number];

const share = 0.8;
/** Milliseconds between two warnings of one limit. */
const everyMs = 3_600_000;

export function isShared(name: LimitName): name is SharedLimit {
  return sharedLimits.some((shared) => shared === name);
}

/** How many messages of `limit` make it nearly full: 80 %. */
export function nearlyFullCount({ count }: Limit): number {
  return Math.ceil(count * share);
}

/** What the operator is told; names no number. */
export function nearlyFullText({ name, limit, country }: NearlyFull): string {
  const whom = country === undefined ? 'all messages' : `messages to ${country}`;
  return (
    `80 % of the limit of ${limitText(limit)} for ${whom} is used (policy.${name}): at the limit everybody's are refused. ` +
    'If this is no attack, raise it'
  );
}

/**
 * Says when it is time to warn: once an hour for each limit. Remembers no more than one warning for
 * each limit, window and country.
 */
export class Alarm {
  /** Wall milliseconds of the last warning. */
  readonly #warnedAt = new Map<string, number>();

  isDue({ name, limit, country = '' }: NearlyFull, now: number): boolean {
    const key = `${name} ${limit.count} ${limit.windowMs} ${country}`;
    const warnedAt = this.#warnedAt.get(key);
    if (warnedAt !== undefined && warnedAt + everyMs > now) return false;
    for (const [other, at] of this.#warnedAt) if (at + everyMs <= now) this.#warnedAt.delete(other);
    this.#warnedAt.set(key, now);
    return true;
  }
}
