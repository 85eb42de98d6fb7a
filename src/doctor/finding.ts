/**
 * What doctor says. All of it is JSON as it stands (keys in snake_case), so that it can come from a
 * running daemon.
 */

import * as v from 'valibot';
import { withoutWayOut } from '../words/way-out.js';

export const levels = ['ok', 'warning', 'error'] as const;
export type Level = (typeof levels)[number];

export const findingSchema = v.object({
  /** What was looked at, as `sim`; a name that programs may rely on. */
  check: v.string(),
  /**
   * Whose, where there may be several: the configured name of a modem or caller, or a country. With
   * `check` it tells one obstacle from another, however its sentence changes.
   */
  about: v.optional(v.string()),
  level: v.picklist(levels),
  /** A sentence for people. */
  what: v.string(),
  /** The way out, where something is wrong. */
  remedy: v.optional(v.string()),
});

/**
 * One thing that was looked at. Holds no whole number, PIN or IMSI, and no characters that steer a
 * terminal.
 */
export type Finding = v.InferOutput<typeof findingSchema>;

/** `ok`: a code would go out · `degraded`: it may not, or something is lost · `down`: refused. */
export const grades = ['ok', 'degraded', 'down'] as const;
export type Grade = (typeof grades)[number];

/** The daemon's own answer to: would a code go out now, and what is in the way? */
export const healthSchema = v.object({
  grade: v.picklist(grades),
  /** What is in the way, the worst first; each with a remedy. Empty when the grade is `ok`. */
  obstacles: v.array(findingSchema),
});
export type Health = v.InferOutput<typeof healthSchema>;

/** What was found at one modem, or at one stick that is none. */
export const modemReportSchema = v.object({
  /** As in the configuration, else what is plugged in. */
  name: v.string(),
  /** What the configuration names; undefined without one. */
  device: v.optional(v.string()),
  /** The tty that was, or would be, talked to. */
  tty: v.optional(v.string()),
  /** What the modem said of itself; undefined when it was not asked. */
  facts: v.optional(v.record(v.string(), v.unknown())),
  findings: v.array(findingSchema),
});
export type ModemReport = v.InferOutput<typeof modemReportSchema>;

/** Everything doctor found. */
export interface DoctorReport {
  version: string;
  /** The running daemon that was asked; undefined when the modems were opened instead. */
  daemon?: { pid: number };
  /** Would a code go out now? Without a daemon none would. */
  grade: Grade;
  /** About the machine and the configuration. */
  findings: Finding[];
  modems: ModemReport[];
}

export const ok = (check: string, what: string): Finding => ({ check, level: 'ok', what });

export const warning = (check: string, what: string, remedy?: string): Finding => ({
  check,
  level: 'warning',
  what,
  ...(remedy !== undefined && { remedy }),
});

export const error = (check: string, what: string, remedy?: string): Finding => ({
  check,
  level: 'error',
  what,
  ...(remedy !== undefined && { remedy }),
});

/** What stands in the way, without the way out, which is the remedy. */
export function obstacleFinding(
  check: string,
  { sentence, remedy }: { sentence: string; remedy?: string | undefined },
): Finding {
  return error(check, withoutWayOut(sentence, remedy), remedy);
}

/** The same finding, of that modem, caller or country. */
export const about = (name: string, finding: Finding): Finding => ({ ...finding, about: name });

/** How many findings of each level. */
export function countLevels(findings: readonly Finding[]): Record<Level, number> {
  const counts: Record<Level, number> = { ok: 0, warning: 0, error: 0 };
  for (const { level } of findings) counts[level] += 1;
  return counts;
}

/** Select Graphic Rendition of ECMA-48 8.3.117. */
const colours: Record<Level, string> = { ok: '32', warning: '33', error: '31' };

/** The report for people: one line a finding, aligned, its remedy below it. */
export function renderReport(report: DoctorReport, isColoured: boolean): string {
  const { version, daemon, findings, modems } = report;
  const all = [...findings, ...modems.flatMap((modem) => modem.findings)];
  const checkWidth = Math.max(0, ...all.map(({ check }) => check.length));
  const section = (title: string, lines: readonly Finding[]) =>
    [title, ...lines.map((finding) => renderFinding(finding, checkWidth, isColoured))].join('\n');
  const how =
    daemon === undefined ? 'without a daemon' : `through the running daemon (pid ${daemon.pid})`;
  return [
    `simgate ${version} doctor, ${how}`,
    section('This machine', findings),
    ...modems.map(({ name, device, tty, findings: lines }) => {
      const where = [...new Set([device, tty])].filter(
        (part) => part !== undefined && part !== name,
      );
      return section(`Modem ${name}${where.length === 0 ? '' : ` (${where.join(', ')})`}`, lines);
    }),
    `${summary(all, report)}\n`,
  ].join('\n\n');
}

const verdicts: Readonly<Record<Grade, string>> = {
  ok: 'Codes go out',
  degraded: 'Codes go out, with trouble',
  down: 'No code goes out',
};

const levelWidth = Math.max(...levels.map((level) => level.length));

function renderFinding(
  { check, level, what, remedy }: Finding,
  checkWidth: number,
  isColoured: boolean,
): string {
  const padded = level.padEnd(levelWidth);
  const shown = isColoured ? `\u001b[${colours[level]}m${padded}\u001b[0m` : padded;
  const indent = ' '.repeat(2 + levelWidth + 2 + checkWidth + 2);
  const lines = [`  ${shown}  ${check.padEnd(checkWidth)}  ${what}`];
  if (remedy !== undefined) lines.push(`${indent}→ ${remedy}`);
  return lines.join('\n');
}

/** The judgement that the first finding begins with, and then what was found, in figures. */
function summary(findings: readonly Finding[], { grade }: DoctorReport): string {
  const counts = countLevels(findings);
  const parts = (['error', 'warning'] as const)
    .filter((level) => counts[level] > 0)
    .map((level) => `${counts[level]} ${level}${counts[level] === 1 ? '' : 's'}`);
  if (parts.length === 0 && grade === 'ok') return 'All is well.';
  return [`${verdicts[grade]}.`, ...(parts.length === 0 ? [] : [`${parts.join(', ')}.`])].join(' ');
}
