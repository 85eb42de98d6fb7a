/** What was measured, and what it is held against. */
export interface Figure {
  what: string;
  value: number;
  unit: string;
  target?: Target;
  /**
   * True: a count, or a ratio of two things measured in this run, which no slow machine excuses.
   * False: shown only.
   */
  isJudged: boolean;
}

export type Target = { atMost: number } | { atLeast: number } | { exactly: number };

/** A figure that depends on the machine: it is shown beside its target and fails nothing. */
export function shown(what: string, value: number, unit: string, target?: Target): Figure {
  return { what, value, unit, isJudged: false, ...(target && { target }) };
}

/** A count, or a ratio of two things measured in this run: it fails the run. */
export function judged(what: string, value: number, unit: string, target: Target): Figure {
  return { what, value, unit, isJudged: true, target };
}

/** A value that is not a number meets nothing. */
export function isMet({ value, target }: Figure): boolean {
  if (target === undefined) return true;
  if ('atMost' in target) return value <= target.atMost;
  if ('atLeast' in target) return value >= target.atLeast;
  return value === target.exactly;
}

/** The nearest-rank quantile; NaN of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * What a figure is when nothing else runs: the best of ten. Other load on the machine only ever
 * slows, and from tenth to tenth by another factor; so two of these can be compared.
 */
export function quickest(ms: readonly number[]): number {
  return quantile(ms, 0.1);
}
