/** `simgate status` and `simgate send`, at a running daemon and without one. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Overview } from '../../src/cli/status.js';
import { Child } from '../faults/child.js';
import { Rig } from './rig.js';

let rig: Rig;
afterEach(() => rig.stop());

async function run(...args: string[]) {
  const output = { stdout: '', stderr: '' };
  const child = new Child([...args, '--config', rig.configFile], (line, from) => {
    output[from] += `${line}\n`;
  });
  return { ...(await child.ended), ...output };
}

test('of a daemon that nobody can ask doctor says that it runs, and not that no code goes out', async () => {
  rig = await Rig.start();
  const [, socket] = /socket = "(.*)"/.exec(readFileSync(rig.configFile, 'utf8'))!;
  const path = join(rig.folder, socket!);
  rmSync(path);
  // What stands in its place is not taken away.
  writeFileSync(path, 'precious');
  const { code, stdout } = await run('doctor');
  expect(code).toBe(1);
  expect(stdout).toMatch(/ error +daemon +a daemon runs \(pid \d+\), but does not answer at /);
  expect(stdout).not.toMatch(/no code goes out|taken by another program/);
  expect((await rig.post({})).status).toBe(200);
  rmSync(path);
  while ((await run('status')).code !== 0) await pause(200);
}, 60_000);

test('one screen tells how the daemon is, and the exit code its grade', async () => {
  rig = await Rig.start([], 'per_day = 2');
  const sent = await run('send', '+49 151 12345678', 'It works');
  expect(sent).toMatchObject({ code: 0, stderr: '' });
  expect(sent.stdout).toMatch(
    /^the network took 1 segment to \+49…78 through main in \d+\.\d s \(reference \d+\), id [0-9a-f-]{36}\n$/,
  );
  // What shows nothing costs all the same.
  for (const text of ['', ' ', '\t\u200b\n']) {
    const blank = await run('send', '+4915112345678', text);
    expect(blank).toMatchObject({ code: 1, stderr: 'simgate: the text is empty, or blank\n' });
  }
  expect(rig.texts()).toEqual(['It works']);
  const told = await rig.until(({ caller }) => caller === 'simgate send');
  expect(told).toMatchObject({ level: 'info', message: 'message sent', recipient: '+49…78' });

  await rig.modem.control({ fault: 'cms:38', submits: 1 });
  const refused = await run('send', '+4915112345679', 'It works');
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/^not sent to \+49…79: 502 network_refused: .*CMS 38/);

  const { code, stdout } = await run('status');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^health {5}ok: a code would go out now\n/);
  expect(stdout).toMatch(/^modem {6}main: ready for \d+ s \(.*Virtual Network, -71 dBm, /m);
  expect(stdout).toMatch(/^sim {8}of main: segments: 1 of 2 in a day, 1 in a month$/m);
  expect(stdout).toMatch(/^callers {4}auth0 \(auth0, \/sms\)$/m);
  expect(stdout).toMatch(/^last hour {2}1 × 200, 1 × 502 network_refused$/m);
  expect(stdout).toMatch(/^waiting {4}0 messages$/m);
  expect(stdout).not.toMatch(/15112345/);

  // The last that the SIM may send.
  expect((await rig.post({})).status).toBe(200);
  const down = await run('status', '--json');
  expect(down.code).toBe(2);
  // No restart would mend that.
  expect((await run('status', '--alive')).code).toBe(0);
  expect((JSON.parse(down.stdout) as Overview).health).toMatchObject({
    grade: 'down',
    obstacles: [{ check: 'sim_cap', remedy: expect.stringContaining('raise per_day') }],
  });
  expect((await run('status')).stdout).toMatch(/\nerror: the SIM of modem main .*\n {2}→ raise/);
  const capped = await run('send', '+4915112345678', 'It works');
  expect(capped).toMatchObject({ code: 1, stdout: expect.stringContaining('503 sim_cap_reached') });
  expect(rig.texts()).toHaveLength(2);
}, 60_000);

test('the policy holds for what is sent by hand, and a log line says what the answer says', async () => {
  rig = await Rig.start(['--fault', 'silence:60000'], '[policy]\ncountries = ["DE"]\n', {});
  const abroad = await run('send', '+43664123456', 'It works');
  expect(abroad.code).toBe(1);
  expect(abroad.stdout).toMatch(/^not sent to \+43…56: 403 recipient_not_allowed: /);
  const { status } = await rig.post({}, { headers: { prefer: 'wait=2' } });
  expect(status).toBe(504);
  // The answer may be here before the line.
  const told = await rig.until(({ status: shown }) => shown === 504);
  expect(told).toMatchObject({
    level: 'warn',
    submitted: 'unknown',
    message: 'message may have been sent: its outcome is unknown',
  });
  // It would wait for the network's answer.
  await rig.daemon.end('SIGKILL');
}, 60_000);

test('who sends by hand is told how it ended while the daemon stops', async () => {
  rig = await Rig.start(['--submit-latency', '3000']);
  const submits = () => rig.modem.record().filter(({ kind }) => kind === 'ctrl_z').length;
  const sending = run('send', '+4915112345678', 'It works');
  await expect.poll(submits, { timeout: 30_000 }).toBe(1);
  await rig.daemon.end('SIGTERM');
  const { code, stdout } = await sending;
  expect(stdout).toMatch(/^the network took 1 segment to/);
  expect(code).toBe(0);
}, 60_000);

test('without a daemon it is down, and says how to learn why', async () => {
  rig = await Rig.start();
  await rig.daemon.end('SIGTERM');
  const { code, stdout } = await run('status');
  expect(code).toBe(2);
  expect(stdout).toMatch(/error: no daemon answers at .*\n {2}→ sudo simgate doctor says why/);
  expect((await run('status', '--alive')).code).toBe(2);
  const json = await run('status', '--json');
  expect(json.code).toBe(2);
  expect((JSON.parse(json.stdout) as Overview).health.grade).toBe('down');
  expect((await run('send', '+4915112345678', 'x')).stderr).toMatch(/no daemon listens at/);
  // As a package brings it.
  writeFileSync(rig.configFile, '');
  expect((await run('status')).stdout).toMatch(/^error: .*: sets nothing yet\. .*writes it\n\n/m);
}, 60_000);
