import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { ControlRequest } from '../control/protocol.js';
import type { ControlCommand } from '../control/server.js';
import { OperatorError } from '../errors.js';
import { readRecipient } from '../number/recipient.js';
import { subscriberOf } from '../number/subscriber.js';
import { foreignWords } from '../words/foreign.js';
import {
  type JournalDelivery,
  type JournalOutcome,
  type LateOutcome,
  type LogFilter,
  type LogRow,
  type LogSource,
  maxLogRows,
  type RefusedCount,
  type SummaryKey,
  type SummaryRow,
  summaryKeys,
} from './entries.js';
import { JournalFault } from './faults.js';
import type { Hmac } from './hmac-key.js';

const milliseconds = v.pipe(v.number(), v.integer());
const logRequest = v.object({
  to: v.optional(v.string()),
  caller: v.optional(v.pipe(v.string(), v.maxLength(64))),
  id: v.optional(v.pipe(v.string(), v.maxLength(64))),
  since_ms: v.optional(milliseconds),
  status: v.optional(v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599))),
  code: v.optional(v.pipe(v.string(), v.maxLength(64))),
  limit: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(maxLogRows - 1)),
    100,
  ),
  follow: v.optional(v.boolean(), false),
  /** Totals by that instead of rows. */
  by: v.optional(v.picklist(summaryKeys)),
});

/**
 * Who may follow at a time: each holds a connection of the control socket, and `doctor` wants one
 * too.
 */
const maxFollowers = 4;
const followEveryMs = 1_000;

/**
 * The control command `log`. Yields `{row}` for each message and `{refused}` for what was refused
 * before it was one, oldest first, `{older: true}` before them if there are more than asked for;
 * with `follow` it goes on with each row that is written or changes, and each minute of refusals
 * once it is over, until who asked leaves; with `by` it yields `{total}` instead. The recipient
 * that is asked for comes as a number, is hashed here and kept nowhere.
 */
export function createLogCommand({
  journal,
  hmac,
  everyMs = followEveryMs,
  now = Date.now,
}: {
  journal: LogSource;
  hmac: Hmac;
  /** Milliseconds between two looks of who follows. */
  everyMs?: number;
  /** Wall-clock milliseconds as the journal has them. */
  now?: () => number;
}): ControlCommand {
  let followers = 0;
  return async function* log(request, signal) {
    const { filter, follow, by } = parseRequest(request, hmac);
    const found = await readable(() => newest(journal, filter, by));
    if ('unreadable' in found) return yield found;
    const { lines, lastChange, isAll } = found;
    if (!isAll) yield { older: true };
    yield* lines;
    if (!follow || by !== undefined) return;
    if (followers >= maxFollowers)
      throw new OperatorError(`${maxFollowers} others follow the journal already`);
    followers += 1;
    try {
      const { sinceMs: _, ...conditions } = filter;
      const from = { ...conditions, afterChange: lastChange };
      yield* followLines(journal, from, signal, { everyMs, now });
    } finally {
      followers -= 1;
    }
  };
}

interface Line {
  atMs: number;
  shown: object;
}

interface Found {
  lines: object[];
  lastChange: number;
  isAll: boolean;
}

/** The newest lines, in the order of their times; or totals. */
async function newest(
  journal: LogSource,
  filter: LogFilter,
  by: SummaryKey | undefined,
): Promise<Found> {
  if (by !== undefined) {
    const totals = await journal.summary(by, filter);
    const lines = totals.map((total) => ({ total: totalAsJson(total) }));
    return { lines, lastChange: 0, isAll: true };
  }
  const limit = filter.limit + 1;
  const { rows, lastChange } = await journal.query({ ...filter, limit });
  const counts = await countsOf(journal, { ...filter, limit });
  const lines: Line[] = [
    ...rows.map((row) => ({ atMs: row.atMs, shown: { row: rowAsJson(row) } })),
    ...counts.map((count) => ({ atMs: count.beganAtMs, shown: { refused: countAsJson(count) } })),
  ].toSorted((a, b) => b.atMs - a.atMs);
  return {
    lines: lines
      .slice(0, filter.limit)
      .toReversed()
      .map(({ shown }) => shown),
    lastChange,
    isAll: lines.length <= filter.limit,
  };
}

/** Who asks for one recipient or message asks for none of them. */
async function countsOf(
  journal: LogSource,
  { id, recipientHmac, caller, sinceMs, status, code, limit }: LogFilter,
): Promise<RefusedCount[]> {
  if (id !== undefined || recipientHmac !== undefined) return [];
  return journal.refusedCounts({ caller, sinceMs, status, code, limit });
}

const minuteMs = 60_000;

async function* followLines(
  journal: LogSource,
  filter: LogFilter,
  signal: AbortSignal,
  { everyMs, now }: { everyMs: number; now: () => number },
): AsyncGenerator<object> {
  const minute = () => Math.floor(now() / minuteMs) * minuteMs;
  let from = minute();
  for (let { afterChange } = filter; ; ) {
    await sleep(everyMs, undefined, { signal });
    const found = await readable(() =>
      changed(journal, { ...filter, afterChange }, from, minute()),
    );
    if ('unreadable' in found) throw new OperatorError(found.unreadable);
    yield* found.lines;
    ({ afterChange } = found);
    from = minute();
  }
}

/** What was written or changed since, and the minutes of refusals that are over, from one on. */
async function changed(
  journal: LogSource,
  filter: LogFilter,
  fromMs: number,
  minuteBeganMs: number,
): Promise<{ lines: object[]; afterChange: number | undefined }> {
  const limit = maxLogRows;
  const { rows, lastChange } = await journal.query({ ...filter, limit });
  const lines: object[] = rows.map((row) => ({ row: rowAsJson(row) }));
  const afterChange = rows.length < limit ? lastChange : rows.at(-1)?.change;
  if (minuteBeganMs === fromMs) return { lines, afterChange };
  const counts = await countsOf(journal, { ...filter, sinceMs: fromMs, limit });
  const over = counts.filter(({ beganAtMs }) => beganAtMs >= fromMs && beganAtMs < minuteBeganMs);
  const refused = over.toReversed().map((count) => ({ refused: countAsJson(count) }));
  return { lines: [...lines, ...refused], afterChange };
}

/** What was found, or, in a sentence, why the journal cannot tell. */
async function readable<T extends object>(
  work: () => Promise<T>,
): Promise<T | { unreadable: string }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof JournalFault)) throw error;
    return { unreadable: `the journal is out of order: ${error.message}` };
  }
}

function parseRequest(
  request: ControlRequest,
  hmac: Hmac,
): { filter: LogFilter; follow: boolean; by: SummaryKey | undefined } {
  const parsed = v.safeParse(logRequest, request);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new OperatorError(`${v.getDotPath(issue) ?? 'the request'}: ${issue.message}`);
  }
  const { to, caller, id, since_ms: sinceMs, status, code, limit, follow, by } = parsed.output;
  const recipient = to === undefined ? undefined : readRecipient(to);
  if (recipient?.objection !== undefined) throw new OperatorError(`to: ${recipient.objection}`);
  const recipientHmac =
    recipient === undefined
      ? undefined
      : hmac('recipient', subscriberOf(recipient.number).countedAs);
  return { filter: { id, caller, recipientHmac, sinceMs, status, code, limit }, follow, by };
}

/** As `simgate log --json` shows it; what is undefined is left out. */
function rowAsJson(row: LogRow): object {
  return {
    at: new Date(row.atMs).toISOString(),
    id: row.id,
    caller: row.caller,
    recipient: row.recipientMasked,
    country: row.country,
    segments: row.segments,
    modem: row.modem,
    sim: row.simMasked,
    state: row.outcome !== undefined ? 'ended' : row.wasStarted ? 'sending' : 'waiting',
    ...(row.outcome && {
      ...outcomeAsJson(row.outcome),
      waited_ms: row.outcome.waitedMs,
      took_ms: row.outcome.tookMs,
    }),
    ...(row.late && {
      late: { at: new Date(row.late.atMs).toISOString(), ...outcomeAsJson(row.late) },
    }),
    ...(row.isReportAsked && { delivery: deliveryAsJson(row.delivery) }),
  };
}

/** The same of requests that were refused before they were messages. */
function countAsJson({ beganAtMs, spanMs, ...count }: RefusedCount): object {
  const { caller, status, code, count: times } = count;
  const at = new Date(beganAtMs).toISOString();
  return { at, span_s: spanMs / 1_000, caller, status, code, count: times };
}

function totalAsJson({ notSent, refusedBefore, ...total }: SummaryRow): object {
  const { key, messages, sent, partly, unknown, open, segments } = total;
  return {
    key,
    messages,
    sent,
    not_sent: notSent,
    partly,
    unknown,
    open,
    segments,
    refused_before: refusedBefore,
  };
}

/** `none`: no report has come. */
function deliveryAsJson(delivery: JournalDelivery | undefined): object {
  if (delivery === undefined) return { state: 'none' };
  const { state, status, atMs, tookMs } = delivery;
  return { state, at: new Date(atMs).toISOString(), tp_status: status, took_ms: tookMs };
}

function outcomeAsJson({
  status,
  code,
  causeCode,
  submitted,
  detail,
  references,
}: JournalOutcome | LateOutcome): object {
  return {
    status,
    code,
    cause_code: causeCode && foreignWords(causeCode),
    submitted,
    detail,
    references,
  };
}
