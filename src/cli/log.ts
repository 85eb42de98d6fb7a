/**
 * `simgate log`: asks the daemon for what the journal has, or reads its file where none can tell,
 * and prints it for people or as JSON.
 */

import * as v from 'valibot';
import { askDaemon, NoDaemon, parseAnswer } from '../control/client.js';
import type { ControlRequest } from '../control/protocol.js';
import { OperatorError } from '../errors.js';
import type { SummaryKey } from '../journal/entries.js';

export interface ShowLogOptions {
  /** Path of the control socket. */
  socket: string;
  /** E.164. */
  to?: string | undefined;
  /** Its configured name. */
  caller?: string | undefined;
  /** Wall-clock milliseconds. */
  sinceMs?: number | undefined;
  /** HTTP status. */
  status?: number | undefined;
  code?: string | undefined;
  /** Of one message, as answers, log and journal have it. */
  id?: string | undefined;
  /** How many of the newest rows, 1–999. Default: the daemon's 100. */
  limit?: number | undefined;
  follow?: boolean | undefined;
  /** Totals instead of rows, by that. */
  by?: SummaryKey | undefined;
  /** One JSON object a line. */
  json?: boolean | undefined;
  /** Answers the same request from the file; without it only a daemon does. */
  fromFile?: ((request: ControlRequest) => AsyncIterable<object>) | undefined;
}

const optionalText = v.exactOptional(v.string());
const optionalCount = v.exactOptional(v.number());
const outcomeEntries = {
  status: v.number(),
  code: optionalText,
  cause_code: optionalText,
  submitted: v.string(),
  detail: optionalText,
  references: v.exactOptional(v.array(v.number())),
};

/** A row, in the JSON of the control socket and of `--json`. */
const shownRowSchema = v.object({
  at: v.pipe(v.string(), v.isoTimestamp()),
  id: v.string(),
  caller: v.string(),
  recipient: v.string(),
  country: optionalText,
  segments: optionalCount,
  modem: optionalText,
  sim: optionalText,
  state: v.picklist(['waiting', 'sending', 'ended']),
  status: optionalCount,
  code: optionalText,
  cause_code: optionalText,
  detail: optionalText,
  submitted: optionalText,
  references: v.exactOptional(v.array(v.number())),
  waited_ms: optionalCount,
  took_ms: optionalCount,
  late: v.exactOptional(v.object({ at: v.string(), ...outcomeEntries })),
  delivery: v.exactOptional(
    v.object({
      state: v.string(),
      at: optionalText,
      tp_status: optionalCount,
      took_ms: optionalCount,
    }),
  ),
});

export type ShownRow = v.InferOutput<typeof shownRowSchema>;

/** What was refused before it was a message, within that many seconds. */
const refusedSchema = v.object({
  at: v.pipe(v.string(), v.isoTimestamp()),
  span_s: v.number(),
  caller: optionalText,
  status: v.number(),
  code: v.string(),
  count: v.number(),
});

type ShownCount = v.InferOutput<typeof refusedSchema>;

const totalSchema = v.object({
  key: v.string(),
  messages: v.number(),
  sent: v.number(),
  not_sent: v.number(),
  partly: v.number(),
  unknown: v.number(),
  open: v.number(),
  segments: v.number(),
  refused_before: v.number(),
});

type ShownTotal = v.InferOutput<typeof totalSchema>;

/** Widths of the columns; what is longer is not cut, it moves the rest. */
const columns = [
  ['TIME', 25],
  ['TO', 10],
  ['CALLER', 12],
  ['STATUS', 6],
  ['MODEM', 10],
  ['SEGMENTS', 8],
  ['WAITED', 7],
  ['TOOK', 7],
  ['ID', 36],
] as const;

const line = (cells: readonly string[], rest: string): string =>
  [...columns.map(([, width], index) => (cells[index] ?? '').padEnd(width)), rest]
    .join('  ')
    .trimEnd();

/** The first line of the table. */
export const logHeading = line(
  columns.map(([name]) => name),
  'WHAT',
);

/** A row as one line of the table, without its end. */
export function logLine(row: ShownRow): string {
  const cells = [
    localIso(new Date(row.at)),
    row.recipient,
    row.caller,
    row.status === undefined ? '-' : String(row.status),
    row.modem ?? '-',
    row.segments === undefined ? '-' : String(row.segments),
    seconds(row.waited_ms),
    seconds(row.took_ms),
    row.id,
  ];
  return line(cells, what(row));
}

/** The same of requests that were refused before they were messages. */
function countLine({ at, span_s, caller, status, code, count }: ShownCount): string {
  const span = span_s === 60 ? 'minute' : 'hour';
  const cells = [
    localIso(new Date(at)),
    '-',
    caller ?? '-',
    String(status),
    '-',
    '-',
    '-',
    '-',
    '-',
  ];
  return line(cells, `${code}: ${count} in that ${span}, refused before a message was read`);
}

/** Why it is not 200, what became of it later, and whether it arrived. */
function what(row: ShownRow): string {
  return [toldOf(row), deliveryOf(row)].filter(Boolean).join('; ');
}

/** Nothing where no report was asked for, or none has come. */
function deliveryOf({ delivery }: ShownRow): string | undefined {
  if (delivery === undefined || delivery.state === 'none') return undefined;
  const { state, tp_status: status = 0, took_ms: tookMs } = delivery;
  if (state === 'delivered')
    return tookMs === undefined ? state : `${state} after ${seconds(tookMs)}`;
  const cause = `TP-ST ${status.toString(16).padStart(2, '0').toUpperCase()}`;
  return `delivery: ${state} (${cause})`;
}

function toldOf(row: ShownRow): string {
  const { state, status, code, detail, late } = row;
  if (state === 'waiting') return 'waits for a modem';
  if (state === 'sending') return 'with the modem';
  const told = reasonOf(row);
  if (late === undefined) return told;
  // It became final that nobody knows.
  if (late.status === status && late.code === code) {
    const more = late.detail === undefined || late.detail === detail ? '' : `: ${late.detail}`;
    return `${told}, for good${more}`;
  }
  const since = [late.status, reasonOf(late)].filter(Boolean).join(' ');
  return `${told}; then at ${localIso(new Date(late.at)).slice(11, 19)} ${since}`;
}

/** Code, cause and sentence; the cause where the sentence does not have it. */
function reasonOf({
  code,
  cause_code: causeCode,
  detail,
}: Pick<ShownRow, 'code' | 'cause_code' | 'detail'>): string {
  const cause = causeCode !== undefined && detail?.includes(causeCode) !== true;
  const why = [code, cause && `(${causeCode})`].filter(Boolean).join(' ');
  return detail === undefined ? why : `${why}: ${detail}`;
}

const seconds = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? '-' : `${(milliseconds / 1000).toFixed(1)} s`;

/** ISO 8601 in the time of this machine, with its offset: `2026-11-23T15:36:00+01:00`. */
export function localIso(date: Date): string {
  const offset = -date.getTimezoneOffset();
  const two = (value: number) => String(Math.trunc(value)).padStart(2, '0');
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
}

const answerSchema = v.union([
  v.object({ row: shownRowSchema }),
  v.object({ refused: refusedSchema }),
  v.object({ total: totalSchema }),
  v.object({ older: v.literal(true) }),
  v.object({ unreadable: v.string() }),
]);
type Answer = v.InferOutput<typeof answerSchema>;

/**
 * Writes the rows to `out`, oldest first; what is no row to `notes`. With `follow` until `signal`.
 * Throws `NoDaemon` or `OperatorError`.
 */
export async function showLog(
  { fromFile, socket, json = false, ...options }: ShowLogOptions,
  out: NodeJS.WritableStream,
  notes: NodeJS.WritableStream,
  signal?: AbortSignal,
): Promise<void> {
  const { sinceMs, ...same } = options;
  const request = { command: 'log', ...same, since_ms: sinceMs };
  const print = (shown: ShownRow | ShownCount | ShownTotal, text: string) =>
    out.write(`${json ? JSON.stringify(shown) : text}\n`);
  if (!json) out.write(`${options.by === undefined ? logHeading : totalHeading(options.by)}\n`);
  let isEmpty = true;
  for await (const answer of answersTo(request, { socket, fromFile, notes, signal })) {
    if ('older' in answer) notes.write(olderNote);
    else isEmpty = false;
    if ('row' in answer) print(answer.row, logLine(answer.row));
    if ('refused' in answer) print(answer.refused, countLine(answer.refused));
    if ('total' in answer) print(answer.total, totalLine(answer.total));
  }
  if (isEmpty) notes.write('no message in the journal is like that\n');
}

const olderNote =
  'older messages are not shown: ask for more with --limit, or for others with --since\n';

/** Of the daemon; where it is not there, or its journal is out of order, of the file. */
async function* answersTo(
  request: ControlRequest & { follow?: boolean | undefined },
  {
    socket,
    fromFile,
    notes,
    signal,
  }: Pick<ShowLogOptions, 'socket' | 'fromFile'> & {
    notes: NodeJS.WritableStream;
    signal: AbortSignal | undefined;
  },
): AsyncGenerator<Answer> {
  let why: string | undefined;
  try {
    for await (const answer of askDaemon(socket, request, signal)) {
      const known = parseAnswer(answerSchema, answer);
      if ('unreadable' in known) why = known.unreadable;
      else yield known;
    }
    if (why === undefined) return;
  } catch (error) {
    if (!(error instanceof NoDaemon) || fromFile === undefined) throw error;
    why = error.message;
  }
  if (fromFile === undefined || request.follow === true) throw new OperatorError(why);
  notes.write(`${why}: read from the file\n`);
  for await (const answer of fromFile(request)) {
    // As it would have come through the socket.
    const known = parseAnswer(answerSchema, JSON.parse(JSON.stringify(answer)));
    if ('unreadable' in known) throw new OperatorError(known.unreadable);
    yield known;
  }
}

/** Widths of the columns of totals, after the key's. */
const totals = [
  ['MESSAGES', 'messages'],
  ['SENT', 'sent'],
  ['NOT SENT', 'not_sent'],
  ['PARTLY', 'partly'],
  ['UNKNOWN', 'unknown'],
  ['OPEN', 'open'],
  ['SEGMENTS', 'segments'],
  ['REFUSED BEFORE', 'refused_before'],
] as const;
const keyWidth = 24;

const totalHeading = (by: SummaryKey): string =>
  [by.toUpperCase().padEnd(keyWidth), ...totals.map(([name]) => name)].join('  ');

const totalLine = (total: ShownTotal): string =>
  [
    total.key.padEnd(keyWidth),
    ...totals.map(([name, key]) => String(total[key]).padStart(name.length)),
  ].join('  ');

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
