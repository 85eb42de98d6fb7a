import { expect, it } from 'vitest';
import {
  countLevels,
  type DoctorReport,
  error,
  type Finding,
  ok,
  renderReport,
  warning,
} from '../../src/doctor/finding.js';

const report: DoctorReport = {
  grade: 'down',
  version: '1.2.3',
  findings: [
    ok('clock', '2026-11-23 12:00 UTC, synchronised'),
    warning('daemon', 'none answers', 'start it'),
  ],
  modems: [
    {
      name: 'main',
      device: '/dev/modem',
      tty: '/dev/ttyUSB2',
      findings: [error('sim', 'none', 'put one in')],
    },
    { name: '/dev/ttyS0', tty: '/dev/ttyS0', findings: [ok('modem', 'nothing answers AT')] },
  ],
};

it('is aligned, with each remedy below what is wrong', () => {
  expect(renderReport(report, false)).toBe(`simgate 1.2.3 doctor, without a daemon

This machine
  ok       clock   2026-11-23 12:00 UTC, synchronised
  warning  daemon  none answers
                   → start it

Modem main (/dev/modem, /dev/ttyUSB2)
  error    sim     none
                   → put one in

Modem /dev/ttyS0
  ok       modem   nothing answers AT

No code goes out. 1 error, 1 warning.
`);
});

it('is the same on a terminal, but for the colours', () => {
  const coloured = renderReport(report, true);
  expect(coloured).toContain('\u001b[31merror  \u001b[0m  sim');
  expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(renderReport(report, false));
});

it('says through which daemon, and when all is well', () => {
  const text = renderReport(
    { version: '1', grade: 'ok', daemon: { pid: 412 }, findings: [ok('clock', 'x')], modems: [] },
    false,
  );
  expect(text).toMatch(/^simgate 1 doctor, through the running daemon \(pid 412\)\n/);
  expect(text).toMatch(/\n\nAll is well\.\n$/);
});

it('never says that all is well while no code goes out', () => {
  const findings = [error('clock', 'it is behind', 'set it')];
  const down: DoctorReport = {
    version: '1',
    grade: 'down',
    daemon: { pid: 4 },
    findings,
    modems: [],
  };
  expect(renderReport(down, false)).toMatch(/\n\nNo code goes out\. 1 error\.\n$/);
});

it.each<[DoctorReport['grade'], Finding[], string]>([
  ['down', [error('clock', 'x'), ok('daemon', 'x')], 'No code goes out. 1 error.'],
  ['down', [ok('clock', 'x')], 'No code goes out.'],
  ['degraded', [warning('journal', 'x')], 'Codes go out, with trouble. 1 warning.'],
  ['ok', [ok('daemon', 'x'), warning('clock', 'x')], 'Codes go out. 1 warning.'],
  ['ok', [ok('daemon', 'x')], 'All is well.'],
])('says in the end what it says at first: %s, %j', (grade, findings, last) => {
  for (const daemon of [{ pid: 4 }, undefined]) {
    const report = { version: '1', grade, findings, modems: [], ...(daemon && { daemon }) };
    expect(renderReport(report, false)).toMatch(`\n\n${last}\n`);
  }
});

it('counts the findings of each level', () => {
  expect(countLevels([error('a', ''), error('b', ''), ok('c', '')])).toEqual({
    ok: 1,
    warning: 0,
    error: 2,
  });
});
