import { type Figure, isMet, type Target } from './figures.js';

/** The figures of one case, under its heading. */
export interface CaseReport {
  heading: string;
  /** True: of another build, for comparison; nothing in it fails the run. */
  isShownOnly?: boolean;
  figures: readonly Figure[];
}

/** Lines for people: what, value, target, verdict, in columns. */
export function table(reports: readonly CaseReport[]): string {
  const rows = reports.flatMap(({ figures }) => figures.map(cells));
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = reports.flatMap(({ heading, figures }) => [
    '',
    heading,
    ...figures.map((f) => line(cells(f), widths)),
  ]);
  return `${lines.join('\n')}\n`;
}

/** The same for programs; `met` is null where there is no target. */
export function json(reports: readonly CaseReport[]): string {
  const figures = reports.flatMap(({ heading, figures }) =>
    figures.map((figure) => ({
      case: heading,
      what: figure.what,
      value: Number(figure.value.toPrecision(6)),
      unit: figure.unit,
      target: figure.target ? snakeCase(figure.target) : null,
      met: figure.target ? isMet(figure) : null,
      judged: figure.isJudged,
    })),
  );
  return `${JSON.stringify({ figures }, null, 2)}\n`;
}

function snakeCase(target: Target): object {
  if ('atMost' in target) return { at_most: target.atMost };
  if ('atLeast' in target) return { at_least: target.atLeast };
  return target;
}

type Cells = [what: string, value: string, target: string, verdict: string];

function cells(figure: Figure): Cells {
  const { what, value, unit, target } = figure;
  return [
    what,
    `${rounded(value)} ${unit}`.trimEnd(),
    target === undefined ? '' : bound(target),
    verdict(figure),
  ];
}

function line(
  [what, value, target, verdict]: Cells,
  [first = 0, second = 0, third = 0]: readonly number[],
): string {
  return `  ${what.padEnd(first)}  ${value.padStart(second)}  ${target.padEnd(third)}  ${verdict}`.trimEnd();
}

function bound(target: Target): string {
  if ('atMost' in target) return `≤ ${rounded(target.atMost)}`;
  if ('atLeast' in target) return `≥ ${rounded(target.atLeast)}`;
  return `= ${target.exactly}`;
}

function verdict(figure: Figure): string {
  if (figure.target === undefined) return '';
  if (isMet(figure)) return 'ok';
  return figure.isJudged ? 'FAILED' : 'atLeast' in figure.target ? 'under' : 'over';
}

/**
 * Three digits behind the point for what is near one, where a ratio breaks; fewer for what is
 * large.
 */
function rounded(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) < 10 ? 3 : Math.abs(value) < 1000 ? 1 : 0);
}
