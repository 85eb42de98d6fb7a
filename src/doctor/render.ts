import { countLevels, type DoctorReport, type Finding, type Level, levels } from './finding.js';

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
    `${summary(all)}\n`,
  ].join('\n\n');
}

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

function summary(findings: readonly Finding[]): string {
  const counts = countLevels(findings);
  const parts = (['error', 'warning'] as const)
    .filter((level) => counts[level] > 0)
    .map((level) => `${counts[level]} ${level}${counts[level] === 1 ? '' : 's'}`);
  return parts.length === 0 ? 'All is well.' : `${parts.join(', ')}.`;
}
