/** The rows of `simgate log`, as they come from the daemon and as people read them. */

import * as v from 'valibot';

const optionalText = v.exactOptional(v.string());
const optionalCount = v.exactOptional(v.number());
const outcomeEntries = {
  status: v.number(),
  code: optionalText,
  cause_code: optionalText,
  submitted: v.string(),
  references: v.exactOptional(v.array(v.number())),
};

/** A row, in the JSON of the control socket and of `--json`. */
export const shownRowSchema = v.object({
  at: v.pipe(v.string(), v.isoTimestamp()),
  id: v.string(),
  caller: v.string(),
  recipient: v.string(),
  country: optionalText,
  segments: optionalCount,
  modem: optionalText,
  sim: optionalText,
  state: v.picklist(['sending', 'ended']),
  status: optionalCount,
  code: optionalText,
  cause_code: optionalText,
  submitted: optionalText,
  references: v.exactOptional(v.array(v.number())),
  waited_ms: optionalCount,
  took_ms: optionalCount,
  late: v.exactOptional(v.object({ at: v.string(), ...outcomeEntries })),
});

export type ShownRow = v.InferOutput<typeof shownRowSchema>;

/** Widths of the columns; what is longer is not cut, it moves the rest. */
const columns = [
  ['TIME', 25],
  ['TO', 10],
  ['STATUS', 6],
  ['MODEM', 10],
  ['SEGMENTS', 8],
  ['WAITED', 7],
  ['TOOK', 7],
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
    row.status === undefined ? '-' : String(row.status),
    row.modem ?? '-',
    row.segments === undefined ? '-' : String(row.segments),
    seconds(row.waited_ms),
    seconds(row.took_ms),
  ];
  return line(cells, what(row));
}

/** Why it is not 200, and what became of it later. */
function what({ state, code, cause_code: causeCode, late }: ShownRow): string {
  if (state === 'sending') return 'with the modem';
  const told = [code, causeCode && `(${causeCode})`].filter(Boolean).join(' ');
  if (late === undefined) return told;
  const since = [late.status, late.code, late.cause_code && `(${late.cause_code})`]
    .filter(Boolean)
    .join(' ');
  return `${told}; then ${since} at ${localIso(new Date(late.at)).slice(11, 19)}`;
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
