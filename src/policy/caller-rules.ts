/** The rules in force, by caller: replaced as a whole, never changed. */

import {
  alertShareOf,
  type Limit,
  type LimitName,
  limitNames,
  type PolicyConfig,
} from '../config/policy.js';

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

/** Limits of which alerts have no share: they are nobody else's. */
const ownLimits: readonly LimitName[] = ['per_caller', 'per_recipient'];

export class Rules {
  readonly config: PolicyConfig;
  readonly callers: ReadonlyMap<string, CallerRules>;
  /** Milliseconds. */
  readonly longestWindowMs: number;

  /** @param callers by name; who is not in it has no rules of its own */
  constructor(config: PolicyConfig, callers: ReadonlyMap<string, CallerRules>) {
    this.config = config;
    this.callers = callers;
    const own = [...callers.values()].flatMap(({ perCaller = [] }) => perCaller);
    const all = [...limitNames.flatMap((name) => config.limits[name]), ...own];
    this.longestWindowMs = Math.max(0, ...all.map(({ windowMs }) => windowMs));
  }

  of(caller: string | undefined): CallerRules {
    return (caller === undefined ? undefined : this.callers.get(caller)) ?? {};
  }

  /** Of `[policy]`, with the caller's own `per_caller` where it has one. */
  limits(name: LimitName, caller: string | undefined): readonly Limit[] {
    const own = name === 'per_caller' ? this.of(caller).perCaller : undefined;
    return own ?? this.config.limits[name];
  }

  /** The same, of which no more than `share` (0.01–1) may be filled, where others share it. */
  limitsWithin(share: number, name: LimitName, caller: string | undefined): readonly Limit[] {
    const limits = this.limits(name, caller);
    if (isWhole(share, name)) return limits;
    return limits.map(({ count, windowMs }) => ({ count: alertShareOf(count, share), windowMs }));
  }

  /** As the configuration has it. */
  limitName(share: number, name: LimitName, caller: string | undefined): string {
    const { perCaller, perCallerName } = this.of(caller);
    if (name === 'per_caller' && perCaller !== undefined) return perCallerName ?? `policy.${name}`;
    return isWhole(share, name) ? `policy.${name}` : `policy.alert_share of policy.${name}`;
  }
}

const isWhole = (share: number, name: LimitName): boolean =>
  share === 1 || ownLimits.includes(name);
