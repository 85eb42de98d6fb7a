import type { LogRow } from '../journal/entries.js';
import { asItMayLeave, foreignWords } from '../words/foreign.js';

/** The first line, without its end. */
export const csvHeading =
  'time,id,caller,to,country,modem,segments,state,status,code,cause,submitted,waited_ms,took_ms,late_time,late_status,late_code,delivery,delivered_ms';

/** A row of RFC 4180, without its end. */
export function csvLine(row: LogRow): string {
  const { outcome, late } = row;
  return [
    isoOf(row.atMs),
    row.id,
    row.caller,
    row.recipientMasked,
    row.country,
    row.modem,
    row.segments,
    outcome !== undefined ? 'ended' : row.wasStarted ? 'sending' : 'waiting',
    outcome?.status,
    outcome?.code,
    outcome?.causeCode && foreignWords(outcome.causeCode),
    outcome?.submitted,
    outcome?.waitedMs,
    outcome?.tookMs,
    late && isoOf(late.atMs),
    late?.status,
    late?.code,
    row.delivery?.state ?? (row.isReportAsked === true ? 'none' : undefined),
    row.delivery?.tookMs,
  ]
    .map(cell)
    .join(',');
}

const isoOf = (atMs: number): string => new Date(atMs).toISOString();

const formula = /^[\s\uFEFF]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20|%]/u;

/**
 * What a spreadsheet would take for a formula gets an apostrophe in front, which it shows as text
 * (OWASP, "CSV Injection"): `=`, `+`, `-`, `@`, and what it may skip before one of these.
 */
export function cell(value: string | number | undefined): string {
  if (typeof value === 'number' || value === undefined) return String(value ?? '');
  const isId = /^[0-9a-f]{8}-[0-9a-f-]{27}$|^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
  const shown = isId ? value : String(asItMayLeave(value));
  const text = formula.test(value) || formula.test(shown) ? `'${shown}` : shown;
  return /[",;\t\r\n']|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
