import type { Limit, LimitName, PolicyConfig } from '../config/policy.js';
import { nearlyFullCount } from './alarm.js';
import type { SlidingWindows } from './windows.js';

/** How full a limit is that is nobody's own. */
export interface SharedUse {
  name: LimitName;
  /** The country or caller; undefined for all. */
  key: string | undefined;
  /** What it is called in the configuration, where that is not its name. */
  calledAs?: string | undefined;
  limit: Limit;
  used: number;
  /** 80 % is used. */
  isNearlyFull: boolean;
}

/** What of a caller is looked at here. */
interface CountedCaller {
  perCaller?: readonly Limit[] | undefined;
  perCallerName?: string;
  isUncounted?: boolean;
}

/** How many countries are shown, the fullest first. */
export const mostCountries = 10;

/** The limits that many share, for who counts for several boxes. */
export interface SharedWindows {
  /** For all, and then of each caller; one that is off has no limits. */
  windows: readonly [total: SharedWindow, ...ofCallers: SharedWindow[]];
  /** Of each country. */
  perCountry: readonly Limit[];
}

/** What messages are counted by, and its limits. */
export interface SharedWindow {
  name: LimitName;
  key: string | undefined;
  calledAs?: string | undefined;
  limits: readonly Limit[];
}

/**
 * How full the limits are that many share. Takes time for each message that is within a window.
 * @param callers each with its own `per_caller`, where it has one
 */
export function sharedUses(
  windows: SlidingWindows,
  limits: PolicyConfig['limits'],
  callers: ReadonlyMap<string, CountedCaller>,
  now: number,
): SharedUse[] {
  const usesOf = ({ name, key, calledAs, limits: of }: SharedWindow) =>
    of.map((limit): SharedUse => {
      const keys = key === undefined ? {} : { [name]: key };
      const used = windows.fill(name, limit, keys, now)?.used ?? 0;
      return { name, key, calledAs, limit, used, isNearlyFull: used >= nearlyFullCount(limit) };
    });
  const [total, ...ofCallers] = sharedWindows(limits, callers).windows;
  const countries = windows
    .fullest('per_country', mostCountries)
    .map((key): SharedWindow => ({ name: 'per_country', key, limits: limits.per_country }));
  return [total, ...countries, ...ofCallers].flatMap(usesOf);
}

/** Those that {@link sharedUses} looks at. */
export function sharedWindows(
  limits: PolicyConfig['limits'],
  callers: ReadonlyMap<string, CountedCaller>,
): SharedWindows {
  const ofCallers = [...callers].flatMap(([key, caller]): SharedWindow[] => {
    const { perCaller = limits.per_caller, perCallerName: calledAs, isUncounted } = caller;
    return isUncounted ? [] : [{ name: 'per_caller', key, calledAs, limits: perCaller }];
  });
  const total: SharedWindow = { name: 'total', key: undefined, limits: limits.total };
  return { windows: [total, ...ofCallers], perCountry: limits.per_country };
}
