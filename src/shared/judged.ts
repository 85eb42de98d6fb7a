/** What the engine says of limits, in the policy's words. */

import { nearlyFullCount } from '../policy/alarm.js';
import { type Hold, type HoldKind, holdKinds } from '../policy/holds.js';
import type { SharedUse, SharedWindow, SharedWindows } from '../policy/shared-uses.js';
import type { TermObstacle, Terms, TermUse } from '../policy/terms.js';
import type { Reply } from './engine.js';

type Fields = Readonly<Record<string, unknown>>;

/** Lua has one kind of table: an empty list comes as an object. */
const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? (value as Fields[]) : []);

export function obstaclesIn(reply: Reply, terms: Terms): TermObstacle[] {
  return listOf(reply.found).flatMap((found): TermObstacle[] => {
    const leftMs = Number(found.left);
    if (found.k === 'earlier') return [{ kind: 'earlier', leftMs }];
    if (found.k === 'hold') {
      const hold = holdKind(found.kind);
      return hold === undefined ? [] : [{ kind: 'hold', hold, strikes: Number(found.n), leftMs }];
    }
    const window = terms.windows[Number(found.i) - 1];
    const limit = window?.limits[Number(found.j) - 1];
    return window && limit ? [{ kind: 'window', window, limit, leftMs }] : [];
  });
}

/** The holds that last, which every box remembers. */
export function holdsIn(reply: Reply): (Omit<Hold, 'until'> & { leftMs: number })[] {
  return listOf(reply.holds).flatMap(({ kind, key, n, left }) => {
    const known = holdKind(kind);
    if (known === undefined) return [];
    return [{ kind: known, key: String(key), strikes: Number(n), leftMs: Number(left) }];
  });
}

const holdKind = (word: unknown): HoldKind | undefined => holdKinds.find((kind) => kind === word);

/** How full each limit is. */
export function usesIn(reply: Reply, terms: Terms): TermUse[] {
  return listOf(reply.uses).flatMap(({ i, j, used, left }): TermUse[] => {
    const window = terms.windows[Number(i) - 1];
    const limit = window?.limits[Number(j) - 1];
    return window && limit
      ? [{ name: window.name, limit, used: Number(used), leftMs: Number(left) }]
      : [];
  });
}

/** How full a limit is that many share, over all boxes. */
export interface UseOfAll extends SharedUse {
  /** Milliseconds until there is room for one more; 0: there is. */
  leftMs: number;
}

/** How full those limits are, in the order of a policy's own: for all, by country, by caller. */
export function usesOfAllIn(reply: Reply, { windows, perCountry }: SharedWindows): UseOfAll[] {
  const found = Array.isArray(reply.found) ? (reply.found as unknown[]) : [];
  const countries = (Array.isArray(reply.countries) ? reply.countries : []).map(
    (key): SharedWindow => ({ name: 'per_country', key: String(key), limits: perCountry }),
  );
  const asked = [...windows, ...countries].map((window, place) => usesOf(window, found[place]));
  const [total = [], ...others] = asked;
  const ofCallers = others.splice(0, windows.length - 1);
  return [...total, ...others.flat(), ...ofCallers.flat()];
}

function usesOf({ name, key, calledAs, limits }: SharedWindow, counts: unknown): UseOfAll[] {
  return limits.flatMap((limit, place): UseOfAll[] => {
    const pair: unknown = Array.isArray(counts) ? counts[place] : undefined;
    if (!Array.isArray(pair)) return [];
    const [used, leftMs] = pair.map(Number);
    if (used === undefined || leftMs === undefined) return [];
    const isNearlyFull = used >= nearlyFullCount(limit);
    return [{ name, key, calledAs, limit, used, leftMs, isNearlyFull }];
  });
}

/** Which window, and which of its limits; both from 0. */
export function placesIn(value: unknown): { window: number; limit: number }[] {
  return listOf(value).map(({ i, j }) => ({ window: Number(i) - 1, limit: Number(j) - 1 }));
}
