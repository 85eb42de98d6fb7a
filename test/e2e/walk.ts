/** The walk over the faults: what everybody says of one, and that its remedy cures it. */

import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  type DoctorReport,
  type Finding,
  type Health,
  renderReport,
} from '../../src/doctor/finding.js';
import { Child } from '../faults/child.js';
import type { Rig } from './rig.js';

export interface Walk {
  grade: 'degraded' | 'down';
  check: string;
  /** Of the first finding. */
  what: RegExp;
  remedy: RegExp;
}

export interface Fault extends Walk {
  name: string;
  /** Brings it about. */
  begin: (rig: Rig) => unknown;
  /** What the remedy says. */
  follow: (rig: Rig) => unknown;
}

/** Runs a command of the CLI with the rig's configuration. */
export async function command(
  rig: Rig,
  ...args: readonly string[]
): Promise<{ code: number | null; output: string }> {
  let output = '';
  const child = new Child(
    [...args, '--config', rig.configFile],
    (line, from) => {
      if (from === 'stdout') output += line;
    },
    rig.env,
    rig.under,
  );
  const { code } = await child.ended;
  return { code, output };
}

/** Writes these settings of the modem, and tables after them, and has them read. */
export async function reconfigure(rig: Rig, extra: string): Promise<void> {
  writeFileSync(rig.configFile, rig.config(rig.modem.link, 'state', extra));
  expect(await command(rig, 'reload')).toMatchObject({ code: 0 });
}

export async function doctor(rig: Rig): Promise<{ code: number | null; report: DoctorReport }> {
  const { code, output } = await command(rig, 'doctor', '--json');
  return { code, report: JSON.parse(output) as DoctorReport };
}

export async function health(rig: Rig): Promise<Health> {
  const response = await fetch(`http://127.0.0.1:${rig.adminPort}/status.json`);
  return ((await response.json()) as { health: Health }).health;
}

const readyz = async (rig: Rig) => (await fetch(`http://127.0.0.1:${rig.port}/readyz`)).status;

/** Milliseconds that a fault may take to be seen, or to be over; then it is told what was seen. */
const longestMs = 90_000;

/** The first obstacle, once it is of that check. */
async function untilFirst(rig: Rig, check: string | undefined, what = /^/): Promise<void> {
  const seen = new Set<string>();
  for (const endAt = performance.now() + longestMs; performance.now() < endAt; ) {
    const [first] = (await health(rig)).obstacles;
    if (first?.check === check && what.test(first?.what ?? '')) return;
    seen.add(`${first?.check}: ${first?.what}`);
    await pause(100);
  }
  throw new Error(`no ${check} ${what.source} came, but:\n${[...seen].join('\n')}`);
}

/** What everybody says of a fault that has come. */
export async function expectNamed(
  rig: Rig,
  { grade, check, what, remedy }: Walk,
): Promise<DoctorReport> {
  await untilFirst(rig, check, what);
  // Before doctor, who waits for what the modem has in hand.
  expect(await readyz(rig), check).toBe(grade === 'down' ? 503 : 200);
  const { code, report } = await doctor(rig);
  expect(code, check).toBe(1);
  expect(report).toMatchObject({ grade, daemon: { pid: rig.daemon.pid } });
  const [first] = report.findings as [Finding, ...Finding[]];
  expect(first).toMatchObject({ check });
  expect(first.level).not.toBe('ok');
  expect(first.what).toMatch(what);
  expect(first.remedy).toMatch(remedy);
  expect(lastLine(report)).toMatch(
    grade === 'down' ? /^No code goes out\. / : /^Codes go out, with trouble\. /,
  );
  return report;
}

/** What it ends with for people: of one judgement with what it begins with. */
const lastLine = (report: DoctorReport): string =>
  renderReport(report, false).trimEnd().split('\n').at(-1) ?? '';

export async function expectCured(rig: Rig): Promise<void> {
  await untilFirst(rig, undefined);
  expect(await readyz(rig)).toBe(200);
  expect(await rig.post({ recipient: '+4915112345679' })).toMatchObject({ status: 200 });
  const { code, report } = await doctor(rig);
  expect(report.findings.filter(({ level }) => level === 'error')).toEqual([]);
  expect(report.grade).toBe('ok');
  expect(lastLine(report)).toMatch(/^(?:All is well|Codes go out)\./);
  expect(code).toBe(0);
}

/** One after the other: each is named first, and its remedy cures it. */
export async function walkOver(rig: Rig, faults: readonly Fault[]): Promise<void> {
  for (const fault of faults) {
    await fault.begin(rig);
    await expectNamed(rig, fault);
    await fault.follow(rig);
    await expectCured(rig);
  }
}
