import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { OperatorError } from '../errors.js';
import { whyFailed } from '../words/system-fault.js';

/** What is needed of a line of `simgate log --json`. */
const rowSchema = v.looseObject({
  at: v.pipe(v.string(), v.isoTimestamp()),
  segments: v.optional(v.number()),
  status: v.optional(v.number()),
  waited_ms: v.optional(v.number()),
  took_ms: v.optional(v.number()),
  late: v.optional(v.looseObject({ at: v.string(), status: v.number() })),
});

/** Fewer say nothing. */
const fewest = 10;
/** How every SQLite file begins (its file format, 1.3). */
const sqliteHead = 'SQLite format 3\0';

/**
 * Milliseconds for a segment, of each message that was sent, from what `simgate log --json` printed
 * into `file`. What came after the caller was answered counts too: else only quick ones would.
 * Throws {@link OperatorError}.
 */
export function measuredSegmentMs(file: string): number[] {
  const text = readText(file);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const measured = lines.flatMap((line, index) => {
    const row = v.safeParse(rowSchema, parseLine(line));
    if (!row.success)
      throw new OperatorError(
        `${file}: line ${index + 1} is none of the journal: give what "simgate log --json" prints`,
      );
    return segmentMsOf(row.output);
  });
  if (measured.length < fewest)
    throw new OperatorError(
      `${file} has ${measured.length} messages that were sent, and ${fewest} are needed: give --seconds-per-sms instead`,
    );
  return measured;
}

function segmentMsOf(row: v.InferOutput<typeof rowSchema>): number[] {
  const { at, segments = 1, status, waited_ms: waitedMs = 0, took_ms: tookMs, late } = row;
  if (segments < 1) return [];
  if (status === 200 && tookMs !== undefined) return [(tookMs - waitedMs) / segments];
  if (late?.status !== 200) return [];
  return [(Date.parse(late.at) - Date.parse(at) - waitedMs) / segments];
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined; // told with its number, as any other line that is none of the journal
  }
}

function readText(file: string): string {
  let octets: Buffer;
  try {
    octets = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new OperatorError(`${file} cannot be read: ${whyFailed(error)}`, { cause: error });
  }
  const text = octets.toString('utf8');
  if (text.startsWith(sqliteHead))
    throw new OperatorError(
      `${file} is the journal itself, which only the daemon opens: give what "simgate log --json" prints`,
    );
  return text;
}
