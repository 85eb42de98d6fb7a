import { appendFile, readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { writeStateFile } from '../secret/private-file.js';
import { type HistoryPoint, mostPoints, pointMs, settled, verdictClasses } from './history.js';

/** Octets of a line; what is longer is none of ours. */
const maxLineOctets = 4_096;
/** Octets of a file that is read; a whole week of eight modems has a tenth of it. */
const maxFileOctets = 8 * 1024 * 1024;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const dbm = v.pipe(v.number(), v.integer(), v.minValue(-200), v.maxValue(0));
const lineSchema = v.object({
  at: v.pipe(count, v.multipleOf(pointMs / 1000)),
  counts: v.partial(v.object(v.entriesFromList(verdictClasses, count))),
  waited: v.exactOptional(v.tuple([count, count])),
  took: v.exactOptional(v.tuple([count, count])),
  reports: v.exactOptional(v.object({ delivered: count, failed: count })),
  delivered: v.exactOptional(v.tuple([count, count])),
  signal: v.record(v.pipe(v.string(), v.maxLength(32)), dbm),
});

/**
 * The points on the disk: a line of JSON for each, put behind the others. A power cut can spoil the
 * last lines and no others: what is no whole line is left out, and the file is then written anew.
 * It has twice the lines of a week at most. None of it is worth waiting for, so nothing is flushed
 * but what replaces the file.
 */
export class HistoryFile {
  readonly #path: string;
  #lines = 0;
  /** Whether the file ends with a whole line, so that another one can be put behind it. */
  #isWhole = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** What is there of the last seven days. Rejects when the file is there and cannot be read. */
  async read(nowMs: number): Promise<HistoryPoint[]> {
    const octets = await readFile(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    const lines = octets.subarray(-maxFileOctets).toString('latin1').split('\n');
    const isTerminated = lines.pop() === '';
    const points = lines.flatMap(pointIn);
    this.#lines = lines.length;
    this.#isWhole = isTerminated && points.length === lines.length;
    return settled(points, nowMs);
  }

  /**
   * Puts a point behind the others; `all` are those that are to be kept, it among them. Rejects as
   * the disk fails; the next call then writes all anew.
   */
  async add(point: HistoryPoint, all: readonly HistoryPoint[]): Promise<void> {
    if (!this.#isWhole || this.#lines >= 2 * mostPoints) return this.#writeAll(all);
    this.#isWhole = false;
    await appendFile(this.#path, lineOf(point), { mode: 0o600 });
    this.#lines += 1;
    this.#isWhole = true;
  }

  async #writeAll(points: readonly HistoryPoint[]): Promise<void> {
    await writeStateFile(this.#path, points.map(lineOf).join(''));
    this.#lines = points.length;
    this.#isWhole = true;
  }
}

function pointIn(line: string): HistoryPoint[] {
  if (line.length > maxLineOctets) return [];
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return []; // cut off by a power cut
  }
  const parsed = v.safeParse(lineSchema, json);
  if (!parsed.success) return [];
  const { at, counts, ...rest } = parsed.output;
  const known = Object.entries(counts).filter(([, value]) => value !== undefined);
  return [{ atMs: at * 1000, counts: Object.fromEntries(known), ...rest }];
}

const lineOf = ({ atMs, ...point }: HistoryPoint): string =>
  `${JSON.stringify({ at: atMs / 1000, ...point })}\n`;
