/** Entries as rows of the table `messages`, and back. */

import type {
  AwaitedMessage,
  EndedEntry,
  JournalDelivery,
  JournalOutcome,
  LateOutcome,
  LogRow,
  MessageEntry,
  PromisedEntry,
  RecentMessage,
  RefusedCount,
  RefusedTally,
  StartedEntry,
  SummaryRow,
} from './entries.js';
import type { HourOfUse } from './wire.js';

/** What SQLite gives and takes. */
export type SqlValue = string | number | null;
/** A row as it comes; the columns are those of `schema.ts`, which says what may be null. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/**
 * The columns that an entry fills, in the order of {@link startedValues} and {@link endedValues}.
 */
export const entryColumns =
  'change_id, id, at, state, was_started, caller, recipient_masked, recipient_hmac, block_hmac, ip_hmac, country, segments, ' +
  'key_hmac, request_hmac, key_for_ms, modem, sim_masked, sim_hmac, status, code, cause_code, submitted, detail, "references", waited_ms, took_ms, ' +
  'tail_hmac, reports_until';

/** Columns of a late outcome, in the order of {@link lateValues}. */
export const lateColumns =
  'late_at, late_status, late_code, late_cause_code, late_submitted, late_detail, late_references';

export function promisedValues(change: number, entry: PromisedEntry): SqlValue[] {
  return entryValues(change, entry, 'waiting', false, undefined);
}

export function startedValues(change: number, entry: StartedEntry): SqlValue[] {
  return entryValues(change, entry, 'started', true, undefined);
}

export function endedValues(change: number, entry: EndedEntry): SqlValue[] {
  return entryValues(change, entry, 'ended', entry.wasStarted, entry.outcome);
}

function entryValues(
  change: number,
  entry: MessageEntry & Pick<EndedEntry, 'modem' | 'sim' | 'report'>,
  state: 'waiting' | 'started' | 'ended',
  wasStarted: boolean,
  outcome: JournalOutcome | undefined,
): SqlValue[] {
  return [
    change,
    entry.id,
    Math.round(entry.atMs),
    state,
    wasStarted ? 1 : 0,
    entry.caller,
    entry.recipientMasked,
    entry.recipientHmac,
    entry.blockHmac,
    entry.ipHmac ?? null,
    entry.country ?? null,
    entry.segments ?? null,
    entry.keyHmac ?? null,
    entry.requestHmac ?? null,
    entry.keyForMs ?? null,
    entry.modem ?? null,
    entry.sim?.masked ?? null,
    entry.sim?.hmac ?? null,
    outcome?.status ?? null,
    outcome?.code ?? null,
    outcome?.causeCode ?? null,
    outcome?.submitted ?? null,
    outcome?.detail ?? null,
    listed(outcome?.references),
    rounded(outcome?.waitedMs),
    rounded(outcome?.tookMs),
    entry.report?.tailHmac ?? null,
    rounded(entry.report?.untilMs),
  ];
}

export function lateValues(late: LateOutcome): SqlValue[] {
  return [
    Math.round(late.atMs),
    late.status,
    late.code ?? null,
    late.causeCode ?? null,
    late.submitted,
    late.detail ?? null,
    listed(late.references),
  ];
}

/** Columns of what reports said, in the order of {@link deliveryValues}. */
export const deliveryColumns =
  'delivery, delivery_status, delivery_at, delivery_took_ms, delivery_segments';

export function deliveryValues(delivery: JournalDelivery): SqlValue[] {
  const segments = delivery.segments.map(
    (one) => one && [one.status, one.takenAtMs ?? null, one.endedAtMs ?? null],
  );
  return [
    delivery.state,
    delivery.status,
    Math.round(delivery.atMs),
    rounded(delivery.tookMs),
    JSON.stringify(segments),
  ];
}

const rounded = (milliseconds: number | undefined): SqlValue =>
  milliseconds === undefined ? null : Math.round(milliseconds);
const listed = (references: readonly number[] | undefined): SqlValue =>
  references === undefined ? null : JSON.stringify(references);

export function logRow(row: SqlRow): LogRow {
  return {
    change: row.change_id as number,
    id: row.id as string,
    atMs: row.at as number,
    caller: row.caller as string,
    recipientMasked: row.recipient_masked as string,
    wasStarted: row.was_started === 1,
    ...there({
      country: row.country,
      segments: row.segments,
      modem: row.modem,
      simMasked: row.sim_masked,
    }),
    ...outcomes(row),
    ...deliveryOf(row),
    ...(typeof row.reports_until === 'number' && { isReportAsked: true }),
  };
}

function deliveryOf(row: SqlRow): { delivery?: JournalDelivery } {
  // Of an earlier version, which the file is read by, there is no such column.
  if (row.delivery === null || row.delivery === undefined) return {};
  const segments = listIn<[number, number | null, number | null] | null>(row.delivery_segments);
  return {
    delivery: {
      state: row.delivery as JournalDelivery['state'],
      status: row.delivery_status as number,
      atMs: row.delivery_at as number,
      ...there({ tookMs: row.delivery_took_ms }),
      segments: (segments ?? []).map((one) =>
        Array.isArray(one)
          ? { status: one[0], ...there({ takenAtMs: one[1], endedAtMs: one[2] }) }
          : null,
      ),
    },
  };
}

/**
 * Milliseconds within which a modem that never gave a result was given it; only for messages whose
 * end nobody saw.
 */
const unseenMs = 600_000;

/** When the network took it is between its first command and its result. */
export function awaitedMessage(row: SqlRow): AwaitedMessage {
  const { outcome, late } = outcomes(row);
  const at = row.at as number;
  const endMs = late?.atMs ?? (outcome?.tookMs === undefined ? undefined : at + outcome.tookMs);
  const { delivery } = deliveryOf(row);
  return {
    id: row.id as string,
    modem: row.modem as string,
    simHmac: (row.sim_hmac ?? undefined) as string | undefined,
    tailHmac: row.tail_hmac as string,
    country: (row.country ?? undefined) as string | undefined,
    blockHmac: (row.block_hmac ?? undefined) as string | undefined,
    segments: row.segments as number,
    references: late?.references ?? outcome?.references,
    fromMs: at + (outcome?.waitedMs ?? 0),
    untilMs: endMs ?? at + unseenMs,
    reportsUntilMs: row.reports_until as number,
    delivery,
  };
}

export function recentMessage(row: SqlRow): RecentMessage {
  return {
    id: row.id as string,
    atMs: row.at as number,
    caller: row.caller as string,
    recipientHmac: row.recipient_hmac as string,
    blockHmac: row.block_hmac as string,
    segments: row.segments as number,
    wasStarted: row.was_started === 1,
    ...there({
      ipHmac: row.ip_hmac,
      country: row.country,
      keyHmac: row.key_hmac,
      requestHmac: row.request_hmac,
      keyForMs: row.key_for_ms,
      modem: row.modem,
    }),
    ...outcomes(row),
  };
}

/** A row of `usesOfHour`. */
export function useOfHour(row: SqlRow): HourOfUse['uses'][number] {
  return {
    sim:
      row.sim_hmac === null ? { modem: row.modem as string } : { simHmac: row.sim_hmac as string },
    caller: (row.caller ?? undefined) as string | undefined,
    segments: row.segments as number,
    recipients: row.recipients as string,
  };
}

/** In the order of the columns of `insertRefused`. */
export function refusedValues(tally: RefusedTally): SqlValue[] {
  const { beganAtMs, code, caller, run, status, count } = tally;
  return [beganAtMs, code, caller, run, status, count];
}

export function refusedCount(row: SqlRow): RefusedCount {
  return {
    beganAtMs: row.began_at as number,
    spanMs: row.span_ms as number,
    status: row.status as number,
    code: row.code as string,
    count: row.count as number,
    ...(row.caller !== '' && { caller: row.caller as string }),
  };
}

export function summaryRow(row: SqlRow): SummaryRow {
  const counted = (name: string) => Number(row[name] ?? 0);
  return {
    key: String(row.key ?? '-'),
    messages: counted('messages'),
    sent: counted('sent'),
    notSent: counted('not_sent'),
    partly: counted('partly'),
    unknown: counted('unknown'),
    open: counted('open'),
    segments: counted('segments'),
    refusedBefore: counted('refused_before'),
  };
}

function outcomes(row: SqlRow): { outcome?: JournalOutcome; late?: LateOutcome } {
  const outcome = {
    status: row.status as number,
    submitted: row.submitted as JournalOutcome['submitted'],
    ...there({
      code: row.code,
      causeCode: row.cause_code,
      detail: row.detail,
      references: references(row.references),
      waitedMs: row.waited_ms,
      tookMs: row.took_ms,
    }),
  };
  const late = {
    atMs: row.late_at as number,
    status: row.late_status as number,
    submitted: row.late_submitted as JournalOutcome['submitted'],
    ...there({
      code: row.late_code,
      causeCode: row.late_cause_code,
      detail: row.late_detail,
      references: references(row.late_references),
    }),
  };
  return { ...(row.status !== null && { outcome }), ...(row.late_at !== null && { late }) };
}

const references = (list: SqlValue | undefined): readonly number[] | undefined => {
  const told = listIn<number>(list);
  return told?.every((one) => Number.isInteger(one)) === true ? told : undefined;
};

/**
 * The list in a column; undefined where there is none, or what stands there is none any more. The
 * file may be damaged where SQLite has no way to notice, or written by another hand, and the rest
 * of the row counts for limits, caps and keys all the same.
 */
function listIn<T>(column: SqlValue | undefined): T[] | undefined {
  if (typeof column !== 'string') return undefined;
  try {
    const list: unknown = JSON.parse(column);
    return Array.isArray(list) ? (list as T[]) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * The properties that have a value; the types are those of the columns, which STRICT tables keep.
 */
function there<T extends object>(properties: T): { [Key in keyof T]?: never } {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== null && value !== undefined),
  ) as { [Key in keyof T]?: never };
}
