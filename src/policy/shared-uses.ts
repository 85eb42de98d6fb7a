import type { Limit, LimitName, PolicyConfig } from '../config/policy.js';
import { nearlyFullCount } from './alarm.js';
import type { SlidingWindows } from './windows.js';

/** How full a limit is that is nobody's own. */
export interface SharedUse {
  name: LimitName;
  /** The country or caller; undefined for all. */
  key: string | undefined;
  limit: Limit;
  used: number;
  /** 80 % is used. */
  isNearlyFull: boolean;
}

/** How many countries are shown, the fullest first. */
const mostCountries = 10;

/**
 * How full the limits are that many share. Takes time for each message that is within a window.
 * @param callers each with its own `per_caller`, where it has one
 */
export function sharedUses(
  windows: SlidingWindows,
  limits: PolicyConfig['limits'],
  callers: ReadonlyMap<string, { perCaller?: readonly Limit[] | undefined }>,
  now: number,
): SharedUse[] {
  const usesOf = (name: LimitName, key: string | undefined, of: readonly Limit[]) =>
    of.map((limit): SharedUse => {
      const keys = key === undefined ? {} : { [name]: key };
      const used = windows.fill(name, limit, keys, now)?.used ?? 0;
      return { name, key, limit, used, isNearlyFull: used >= nearlyFullCount(limit) };
    });
  return [
    ...usesOf('total', undefined, limits.total),
    ...windows
      .fullest('per_country', mostCountries)
      .flatMap((key) => usesOf('per_country', key, limits.per_country)),
    ...[...callers].flatMap(([key, { perCaller = limits.per_caller }]) =>
      usesOf('per_caller', key, perCaller),
    ),
  ];
}
