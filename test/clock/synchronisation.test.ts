import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isClockSynchronised, type RunTool } from '../../src/clock/synchronisation.js';

const nowhere = '/nowhere/synchronized';
const chrony = (id: string, leap: string) =>
  `${id},192.0.2.7,3,1795953600.123456789,0.000012,-0.000034,0.000056,-12.345,0.001,0.021,0.012,0.0004,64.5,${leap}\n`;
const ntp = (leap: string, stratum: string, refid: string) =>
  `associd=0 status=0615 leap_none, sync_ntp, 1 event, clock_sync,\nleap=${leap}, stratum=${stratum}, refid=${refid}\n`;

/** What is installed, and what it prints; what is not named is not there. */
const machine =
  (outputs: Partial<Record<'timedatectl' | 'chronyc' | 'ntpq', string>>): RunTool =>
  (name) => {
    const output = outputs[name as 'ntpq'];
    return output === undefined
      ? Promise.reject(new Error(`spawn ${name} ENOENT`))
      : Promise.resolve(output);
  };

test.each([
  [{ timedatectl: 'yes\n' }, true],
  [{ timedatectl: 'no\n' }, false],
  [{ timedatectl: '' }, undefined],
  [{ chronyc: chrony('C0000207', 'Normal') }, true],
  [{ chronyc: chrony('C0000207', 'Insert second') }, true],
  [{ chronyc: chrony('00000000', 'Not synchronised') }, false],
  [{ chronyc: '506 Cannot talk to daemon\n' }, undefined],
  [{ ntpq: ntp('00', '2', '192.0.2.7') }, true],
  [{ ntpq: ntp('01', '1', 'GPS') }, true],
  [{ ntpq: ntp('11', '16', 'INIT') }, false],
  [{ ntpq: ntp('3', '16', 'STEP') }, false],
  [{ ntpq: 'localhost: timed out, nothing received\n' }, undefined],
  // The kernel does not hear of chrony without `rtcsync`.
  [{ timedatectl: 'no\n', chronyc: chrony('C0000207', 'Normal') }, true],
  // In step with its own clock alone: that proves nothing.
  [{ timedatectl: 'yes\n', chronyc: chrony('7F7F0101', 'Normal') }, undefined],
  [{ ntpq: ntp('00', '6', 'LOCAL(0)') }, undefined],
  [{ ntpq: ntp('00', '6', '127.127.1.0') }, undefined],
  [{}, undefined],
])('of %j is judged as %s', async (outputs, verdict) => {
  expect(await isClockSynchronised(machine(outputs), nowhere)).toBe(verdict);
});

test('what systemd-timesyncd leaves behind counts where no program answers, and not against one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-mark-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const mark = join(folder, 'synchronized');
  writeFileSync(mark, '');
  expect(await isClockSynchronised(machine({}), mark)).toBe(true);
  expect(await isClockSynchronised(machine({ timedatectl: 'no\n' }), mark)).toBe(false);
});
