import type { Limit } from '../config/policy.js';

const units: readonly (readonly [name: string, ms: number])[] = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/**
 * A duration for people, in one unit and rounded up, so that nobody comes too early: `45 s`, `3
 * min`, `24 h`.
 */
export function durationText(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  const [name, unitMs] = units.find(([, size]) => isFit(seconds * 1000, size)) ?? ['s', 1000];
  return `${Math.ceil((seconds * 1000) / unitMs)} ${name}`;
}

/** In a unit if it is a whole number of it, or so many that rounding up adds a sixth at most. */
function isFit(ms: number, unitMs: number): boolean {
  return ms >= unitMs && (ms % unitMs === 0 || ms > 5 * unitMs);
}

/** A limit as the configuration writes it: `5 in 10 min`. */
export function limitText({ count, windowMs }: Limit): string {
  const [name, unitMs] = units.find(([, ms]) => windowMs % ms === 0) ?? ['s', 1000];
  return `${count} in ${windowMs / unitMs} ${name}`;
}
