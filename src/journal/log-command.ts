import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { ControlRequest } from '../control/protocol.js';
import type { ControlCommand } from '../control/server.js';
import { OperatorError } from '../errors.js';
import { readRecipient } from '../number/recipient.js';
import { subscriberOf } from '../number/subscriber.js';
import { foreignWords } from '../words/foreign.js';
import {
  type JournalOutcome,
  type LateOutcome,
  type LogFilter,
  type LogPage,
  type LogRow,
  maxLogRows,
} from './entries.js';
import { JournalFault } from './faults.js';
import type { Hmac } from './hmac-key.js';
import type { Journal } from './journal.js';

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
});

/**
 * Who may follow at a time: each holds a connection of the control socket, and `doctor` wants one
 * too.
 */
const maxFollowers = 4;
const followEveryMs = 1_000;

/**
 * The control command `log`. Yields `{row}` for each message, oldest first, `{older: true}` before
 * them if there are more than asked for, and with `follow` goes on with each row that is written or
 * changes, until who asked leaves. The recipient that is asked for comes as a number, is hashed
 * here and kept nowhere.
 */
export function createLogCommand({
  journal,
  hmac,
  everyMs = followEveryMs,
}: {
  journal: Pick<Journal, 'query'>;
  hmac: Hmac;
  /** Milliseconds between two looks of who follows. */
  everyMs?: number;
}): ControlCommand {
  let followers = 0;
  return async function* log(request, signal) {
    const { filter, follow } = parseRequest(request, hmac);
    const { rows, lastChange } = await query(journal, { ...filter, limit: filter.limit + 1 });
    if (rows.length > filter.limit) yield { older: true };
    for (const row of rows.slice(0, filter.limit).reverse()) yield { row: rowAsJson(row) };
    if (!follow) return;
    if (followers >= maxFollowers)
      throw new OperatorError(`${maxFollowers} others follow the journal already`);
    followers += 1;
    try {
      const { sinceMs: _, ...conditions } = filter;
      yield* followRows(journal, { ...conditions, afterChange: lastChange }, signal, everyMs);
    } finally {
      followers -= 1;
    }
  };
}

async function* followRows(
  journal: Pick<Journal, 'query'>,
  filter: LogFilter,
  signal: AbortSignal,
  everyMs: number,
): AsyncGenerator<object> {
  for (let { afterChange } = filter; ; ) {
    await sleep(everyMs, undefined, { signal });
    const { rows, lastChange } = await query(journal, {
      ...filter,
      afterChange,
      limit: maxLogRows,
    });
    for (const row of rows) yield { row: rowAsJson(row) };
    afterChange = rows.length < maxLogRows ? lastChange : rows.at(-1)?.change;
  }
}

async function query(journal: Pick<Journal, 'query'>, filter: LogFilter): Promise<LogPage> {
  try {
    return await journal.query(filter);
  } catch (error) {
    if (!(error instanceof JournalFault)) throw error;
    throw new OperatorError(
      `the journal is out of order: ${error.message}; the log of the daemon has more`,
      {
        cause: error,
      },
    );
  }
}

function parseRequest(request: ControlRequest, hmac: Hmac): { filter: LogFilter; follow: boolean } {
  const parsed = v.safeParse(logRequest, request);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new OperatorError(`${v.getDotPath(issue) ?? 'the request'}: ${issue.message}`);
  }
  const { to, caller, id, since_ms: sinceMs, status, code, limit, follow } = parsed.output;
  const recipient = to === undefined ? undefined : readRecipient(to);
  if (recipient?.objection !== undefined) throw new OperatorError(`to: ${recipient.objection}`);
  const recipientHmac =
    recipient === undefined
      ? undefined
      : hmac('recipient', subscriberOf(recipient.number).countedAs);
  return { filter: { id, caller, recipientHmac, sinceMs, status, code, limit }, follow };
}

/** As `simgate log --json` shows it; what is undefined is left out. */
export function rowAsJson(row: LogRow): object {
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
  };
}

function outcomeAsJson({
  status,
  code,
  causeCode,
  submitted,
  references,
}: JournalOutcome | LateOutcome): object {
  return { status, code, cause_code: causeCode && foreignWords(causeCode), submitted, references };
}
