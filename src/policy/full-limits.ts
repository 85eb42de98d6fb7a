import { type Limit, type LimitName, longestWindowMs } from '../config/policy.js';
import { nearlyFullCount } from './alarm.js';
import type { SlidingWindows } from './windows.js';

/** A limit that many share, and that refuses all of them now. */
export interface FullLimit {
  /** `memory`: more messages are within the windows than can be remembered. */
  name: (typeof sharedNames)[number] | 'memory';
  /** Undefined for `memory`. */
  limit?: Limit;
  /** The configured name of the caller, or the country as `per_country` counts it. */
  of?: string;
  /** Milliseconds until there is room for one more. */
  freeInMs: number;
}

/** Those by which somebody is refused who has done nothing. */
const sharedNames = ['total', 'per_country', 'per_caller'] as const satisfies readonly LimitName[];

/** A limit that many share, and of which most is used. */
export interface NearlyFullLimit {
  name: (typeof sharedNames)[number];
  limit: Limit;
  /** As in {@link FullLimit}. */
  of?: string;
}

export interface FullLimitsOptions {
  windows: SlidingWindows;
  /** Those of a caller or country; for `total` without one. */
  limitsOf: (name: LimitName, of: string | undefined) => readonly Limit[];
  /** Wall milliseconds. */
  now: number;
  /** Of the longest window. */
  longestMs: number;
}

/**
 * The shared limits that refuse a message now, whoever its recipient is. Takes time for each caller
 * and country that has messages in the last 24 hours, and none for each message.
 */
export function fullLimits({ windows, limitsOf, now, longestMs }: FullLimitsOptions): FullLimit[] {
  const memory = windows.makeRoom(now, Math.min(longestMs, longestWindowMs));
  const full = sharedNames.flatMap((name) => {
    const keys = name === 'total' ? [undefined] : windows.keysOf(name);
    return keys.flatMap((of) =>
      limitsOf(name, of).flatMap((limit): FullLimit[] => {
        const until = windows.freeAt(name, limit, of === undefined ? {} : { [name]: of }, now);
        if (until === undefined) return [];
        return [{ name, limit, ...(of !== undefined && { of }), freeInMs: until - now }];
      }),
    );
  });
  if (memory.hasRoom) return full;
  return [{ name: 'memory', freeInMs: memory.freeAt - now }, ...full];
}

/** Those of them that are 80 % full or more. Takes as long as {@link fullLimits}. */
export function nearlyFullLimits({
  windows,
  limitsOf,
  now,
}: Omit<FullLimitsOptions, 'longestMs'>): NearlyFullLimit[] {
  return sharedNames.flatMap((name) => {
    const keys = name === 'total' ? [undefined] : windows.keysOf(name);
    return keys.flatMap((of) =>
      limitsOf(name, of).flatMap((limit): NearlyFullLimit[] => {
        const own = of === undefined ? {} : { [name]: of };
        if (!windows.hasAtLeast(nearlyFullCount(limit), name, limit.windowMs, own, now)) return [];
        return [{ name, limit, ...(of !== undefined && { of }) }];
      }),
    );
  });
}
