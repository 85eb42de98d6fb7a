/** The rules for one message, in figures that somebody else can judge and count by. */

import type { Limit, LimitName } from '../config/policy.js';
import { isShared, type NearlyFull, nearlyFullCount } from './alarm.js';
import type { Hold, HoldKind } from './holds.js';
import type { Explanation, Refusal } from './request.js';
import {
  earlierOneObstacle,
  holdObstacle,
  type TemporaryRefusal,
  windowObstacle,
} from './wording.js';

/** A window that a message is judged by and counted in. */
export interface TermWindow {
  name: LimitName;
  /** `alerts`: what alerts alone have filled. */
  of: 'all' | 'alerts';
  /** What it is counted by; empty for `total`. */
  key: string;
  limits: readonly Limit[];
  /** Of a limit that many share: how many messages nearly fill it. One for each limit, or none. */
  nearlyFull: readonly number[];
}

export interface Terms {
  windows: readonly TermWindow[];
  isAlert: boolean;
  recipientHmac: string;
  blockHmac: string;
  /** Milliseconds; 0: there are no lock-outs. */
  lockOutFirstMs: number;
  lockOutLongestMs: number;
}

/** What stands in the way, with milliseconds until it does no longer. */
export type TermObstacle = { leftMs: number } & (
  | { kind: 'hold'; hold: HoldKind; strikes: number }
  | { kind: 'window'; window: TermWindow; limit: Limit }
  | { kind: 'earlier' }
);

/** How full a limit is. */
export interface TermUse {
  name: LimitName;
  limit: Limit;
  used: number;
  /** Milliseconds until there is room for one more; 0: there is. */
  leftMs: number;
}

/** How a request stands with those who count for several boxes. */
export interface TermLook {
  obstacles: readonly TermObstacle[];
  uses: readonly TermUse[];
  holds: readonly (Pick<Hold, 'kind' | 'strikes'> & { leftMs: number })[];
}

/** What a policy explained by the own books, by those of all boxes; what is for good stays so. */
export function overAllBoxes(own: Explanation, { obstacles, uses, holds }: TermLook): Explanation {
  const isForGood = own.refusal !== undefined && own.refusal.retryAfterMs === undefined;
  const refusal = obstacles.length === 0 ? undefined : refusalOf(obstacles);
  return {
    ...own,
    ownBoxOnly: false,
    refusal: isForGood ? own.refusal : refusal,
    fills: uses.map(({ leftMs, ...use }) => ({
      ...use,
      freeInMs: leftMs,
      isNearlyFull: isShared(use.name) && use.used >= nearlyFullCount(use.limit),
    })),
    holds: holds.map(({ leftMs, ...hold }) => ({ ...hold, freeInMs: leftMs })),
  };
}

/**
 * The refusal that a policy itself would have pronounced: the obstacle that lasts longest counts.
 */
export function refusalOf(obstacles: readonly TermObstacle[]): Refusal {
  const [longest] = obstacles.toSorted((a, b) => b.leftMs - a.leftMs);
  if (longest === undefined) throw new Error('nothing stands in the way');
  const { reason, detail } = worded(longest);
  return { code: 'rate_limited', reason, detail, retryAfterMs: longest.leftMs };
}

function worded(obstacle: TermObstacle): TemporaryRefusal {
  const { kind, leftMs } = obstacle;
  if (kind === 'earlier') return earlierOneObstacle(leftMs);
  if (kind === 'window') return windowObstacle(obstacle.window.name, obstacle.limit, leftMs, 0);
  const { hold, strikes } = obstacle;
  return holdObstacle({ kind: hold, key: '', strikes, until: leftMs }, 0);
}

/** The limit of a window as the alarm tells it. */
export function nearlyFullOf({ name, key }: TermWindow, limit: Limit): NearlyFull | undefined {
  if (name === 'per_country') return { name, limit, country: key };
  return name === 'total' ? { name, limit } : undefined;
}
