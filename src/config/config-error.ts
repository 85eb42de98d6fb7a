/** One thing that is wrong with the configuration. */
export interface Problem {
  /** The key's path as `modem[0].baud`; empty when the whole file is meant. */
  path: string;
  /** What is wrong and the way out. Never holds a secret. */
  message: string;
  /** What was found there, for people; left out when it could be a secret. */
  value?: string;
}

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(
      [`${file} has ${count}:`, ...problems.map((problem) => `  ${describe(problem)}`)].join('\n'),
    );
    this.problems = problems;
  }
}

function describe({ path, message, value }: Problem): string {
  return `${path}${path ? ': ' : ''}${message}${value === undefined ? '' : ` (it is ${value})`}`;
}

/**
 * A value as a person wrote it, short; `undefined` for tables and arrays, which may hold anything.
 */
export function shown(value: unknown): string | undefined {
  if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value)) return undefined;
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Whether a value has the digits of an IMEI, which is shown nowhere whole. */
export const holdsImei = (value: unknown): boolean =>
  typeof value === 'string' && value.replace(/[\s-]/g, '').search(/\d{14}/) >= 0;

/**
 * The candidate that was probably meant by a misspelled key: one begins with the other, or they are
 * two edits apart.
 */
export function nearest(key: string, candidates: readonly string[]): string | undefined {
  const written = key.toLowerCase().slice(0, 64);
  const ranked = candidates
    .map((candidate) => {
      const extended = candidate.startsWith(written) || written.startsWith(candidate);
      return { candidate, distance: extended ? 0 : editDistance(written, candidate) };
    })
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best && best.distance <= 2 ? best.candidate : undefined;
}

/** Levenshtein distance, where two neighbours that changed places are one edit. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwapped ? before[j - 2]! + 1 : substitution;
      next.push(Math.min(substitution, swap, row[j]! + 1, next[j - 1]! + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
