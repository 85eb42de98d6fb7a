/** What is read of a journal for people: the same of the daemon's, and of a file read by itself. */

import {
  type LogFilter,
  type LogRow,
  maxLogRows,
  maxScannedRows,
  type RefusedCount,
  type RefusedFilter,
  type SummaryKey,
  type SummaryRow,
} from './entries.js';
import { logRow, refusedCount, type SqlRow, type SqlValue, summaryRow } from './rows.js';

/** Rows of a statement. */
export type All = (sql: string, ...values: SqlValue[]) => SqlRow[];

/** It is left out unless all of its values are there. */
type Condition = readonly [sql: string, ...values: (SqlValue | undefined)[]];

/** `WHERE` with the conditions that are given, and their values. */
function given(first: string, conditions: readonly Condition[]): [sql: string, SqlValue[]] {
  const all = conditions.filter(
    (each): each is [string, ...SqlValue[]] => !each.includes(undefined),
  );
  const sql = [first, ...all.map(([condition]) => condition)].join(' AND ');
  return [sql, all.flatMap(([, ...values]) => values)];
}

const bounded = (limit: number): number => Math.min(Math.max(1, limit), maxLogRows);

export function queryMessages(all: All, filter: LogFilter): LogRow[] {
  const { afterChange, limit, modem, country } = filter;
  const [times, timeValues] = given(isShown, timesOf(filter));
  const [like, values] = given('true', [['change_id > ?', afterChange], ...likenessOf(filter)]);
  const order = afterChange === undefined ? newestFirst : 'change_id';
  // What has no index is looked for in a bounded number of rows.
  const from =
    modem === undefined && country === undefined
      ? `messages WHERE ${times} AND ${like}`
      : `(SELECT * FROM messages WHERE ${times} ORDER BY ${newestFirst} LIMIT ${maxScannedRows}) WHERE ${like}`;
  const sql = `SELECT * FROM ${from} ORDER BY ${order} LIMIT ?`;
  return all(sql, ...timeValues, ...values, bounded(limit)).map(logRow);
}

const isShown = "state <> 'counted'";
const newestFirst = 'at DESC, row_id DESC';

type Chosen = Omit<LogFilter, 'limit' | 'afterChange'>;

const timesOf = ({ sinceMs, untilMs, before }: Chosen): Condition[] => [
  ['at >= ?', sinceMs],
  ['at < ?', untilMs],
  ['(at, row_id) < (?, (SELECT row_id FROM messages WHERE id = ?))', before?.atMs, before?.id],
];

const likenessOf = ({
  id,
  caller,
  recipientHmac,
  status,
  code,
  modem,
  country,
}: Chosen): Condition[] => [
  ['id = ?', id],
  ['caller = ?', caller],
  ['recipient_hmac = ?', recipientHmac],
  ['status = ?', status],
  ['code = ?', code],
  ['modem = ?', modem],
  ['country = ?', country],
];

const conditionsOf = (filter: Chosen): Condition[] => [...timesOf(filter), ...likenessOf(filter)];

export function queryRefused(all: All, filter: RefusedFilter): RefusedCount[] {
  const [where, values] = given('true', refusedConditions(filter));
  const sql = `SELECT began_at, span_ms, code, caller, max(status) AS status, sum(count) AS count FROM refused
    WHERE ${where} GROUP BY began_at, span_ms, code, caller ORDER BY began_at DESC, code LIMIT ?`;
  return all(sql, ...values, bounded(filter.limit)).map(refusedCount);
}

/** A minute that had begun before counts, for it ends within. */
const refusedConditions = ({
  caller,
  sinceMs,
  status,
  code,
}: Omit<RefusedFilter, 'limit'>): Condition[] => [
  ['caller = ?', caller],
  ['began_at + span_ms > ?', sinceMs],
  ['status = ?', status],
  ['code = ?', code],
];

/** The day is that of this machine. */
const day = (at: string): string => `strftime('%Y-%m-%d', ${at} / 1000, 'unixepoch', 'localtime')`;

const messageKeys: Readonly<Record<SummaryKey, string>> = {
  day: day('at'),
  code: "iif(late_at IS NULL, coalesce(code, iif(status = 200, 'sent', NULL)), coalesce(late_code, 'sent'))",
  modem: 'modem',
  country: 'country',
  caller: 'caller',
};
/** Of what was refused before it was a message, neither recipient nor modem is known. */
const refusedKeys: Readonly<Record<SummaryKey, string>> = {
  day: day('began_at'),
  code: 'code',
  modem: 'NULL',
  country: 'NULL',
  caller: "nullif(caller, '')",
};

/** A late outcome is the truth. */
const last = 'iif(late_at IS NULL, submitted, late_submitted)';

/** Totals; a recipient or an id leaves out what was refused before it was a message. */
export function summarize(all: All, by: SummaryKey, filter: Chosen): SummaryRow[] {
  const [where, values] = given(isShown, conditionsOf(filter));
  const messages = `SELECT ${messageKeys[by]} AS key, count(*) AS messages,
    total(${last} = 'yes') AS sent, total(${last} = 'no') AS not_sent, total(${last} = 'partly') AS partly,
    total(${last} = 'unknown') AS unknown, total(${last} IS NULL) AS open,
    total(iif(was_started = 1 AND coalesce(${last}, 'unknown') <> 'no', segments, 0)) AS segments, 0 AS refused_before
    FROM messages WHERE ${where} GROUP BY 1`;
  const isOfOne = filter.id !== undefined || filter.recipientHmac !== undefined;
  const [refusedWhere, refusedValues] = given(
    isOfOne ? 'false' : 'true',
    refusedConditions(filter),
  );
  const refused = `SELECT ${refusedKeys[by]} AS key, 0, 0, 0, 0, 0, 0, 0, total(count) FROM refused WHERE ${refusedWhere} GROUP BY 1`;
  const sums = ['messages', 'sent', 'not_sent', 'partly', 'unknown', 'open', 'segments'];
  const sql = `SELECT key, ${[...sums, 'refused_before'].map((name) => `sum(${name}) AS ${name}`).join(', ')}
    FROM (${messages} UNION ALL ${refused}) GROUP BY key ORDER BY key LIMIT ?`;
  return all(sql, ...values, ...refusedValues, maxLogRows).map(summaryRow);
}
