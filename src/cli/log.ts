/** `simgate log`: asks the daemon for the journal's rows, and prints them. */

import * as v from 'valibot';
import { parseAnswer } from '../control/answer.js';
import { askDaemon } from '../control/client.js';
import { logHeading, logLine, type ShownRow, shownRowSchema } from './log-text.js';

export interface ShowLogOptions {
  /** Path of the control socket. */
  socket: string;
  /** E.164. */
  to?: string | undefined;
  /** Wall-clock milliseconds. */
  sinceMs?: number | undefined;
  /** HTTP status. */
  status?: number | undefined;
  code?: string | undefined;
  /** How many of the newest rows, 1–999. Default: the daemon's 100. */
  limit?: number | undefined;
  follow?: boolean | undefined;
  /** One JSON object a line. */
  json?: boolean | undefined;
}

const answerSchema = v.union([
  v.object({ row: shownRowSchema }),
  v.object({ older: v.literal(true) }),
]);

/**
 * Writes the rows to `out`, oldest first; what is no row to `notes`. With `follow` until `signal`.
 * Throws `NoDaemon` or `OperatorError`.
 */
export async function showLog(
  { socket, to, sinceMs, status, code, limit, follow, json = false }: ShowLogOptions,
  out: NodeJS.WritableStream,
  notes: NodeJS.WritableStream,
  signal?: AbortSignal,
): Promise<void> {
  const request = { command: 'log', to, since_ms: sinceMs, status, code, limit, follow };
  const print = (row: ShownRow) => out.write(`${json ? JSON.stringify(row) : logLine(row)}\n`);
  if (!json) out.write(`${logHeading}\n`);
  let isEmpty = true;
  for await (const answer of askDaemon(socket, request, signal)) {
    const line = parseAnswer(answerSchema, answer);
    if ('row' in line) {
      isEmpty = false;
      print(line.row);
    } else
      notes.write(
        'older messages are not shown: ask for more with --limit, or for others with --since\n',
      );
  }
  if (isEmpty) notes.write('no message in the journal is like that\n');
}

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * The wall-clock milliseconds that `text` means: `90s`, `30m`, `2h` or `7d` before `nowMs`, or a
 * date or date-time of ISO 8601, local unless it says otherwise. Undefined when it is none.
 */
export function parseSince(text: string, nowMs: number): number | undefined {
  const age = /^(\d{1,6})([smhd])$/.exec(text);
  if (age) return nowMs - Number(age[1]) * unitMs[age[2]!]!;
  const date = /^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  if (!date) return undefined;
  // A bare date would be read as UTC (ECMA-262 21.4.1.32).
  const atMs = Date.parse(`${date[1]}${(date[2] ?? 'T00:00').replace(' ', 'T')}`);
  return Number.isNaN(atMs) ? undefined : atMs;
}
