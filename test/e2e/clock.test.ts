/**
 * A wall clock that is wrong, as the whole daemon meets it, and the remedy that the documentation
 * names.
 */

import { chmodSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SignJWT } from 'jose';
import Database from 'libsql';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import type { DoctorReport } from '../../src/doctor/finding.js';
import { Child } from '../faults/child.js';
import { Rig, secret } from './rig.js';

const dayMs = 86_400_000;
const preload = join(import.meta.dirname, '../faults/leaping-clock.mjs');
const operations = join(import.meta.dirname, '../../docs/operations.md');

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/**
 * A machine whose clock leaps, and on which the programs that might know whether it is synchronised
 * say what a test has them say.
 */
async function start(): Promise<{
  rig: Rig;
  leap: (ms: number) => void;
  says: (word: 'yes' | 'no') => void;
}> {
  const bin = mkdtempSync(join(tmpdir(), 'simgate-clock-bin-'));
  onTestFinished(() => rmSync(bin, { recursive: true }));
  const says = (word: string) => {
    writeFileSync(join(bin, 'timedatectl'), `#!/bin/sh\necho ${word}\n`);
    for (const name of ['chronyc', 'ntpq']) writeFileSync(join(bin, name), '#!/bin/sh\nexit 1\n');
    for (const name of ['timedatectl', 'chronyc', 'ntpq']) chmodSync(join(bin, name), 0o755);
  };
  says('no');
  const leapFile = join(bin, 'leap');
  writeFileSync(leapFile, '0');
  const env = {
    PATH: `${bin}:${process.env.PATH ?? ''}`,
    NODE_OPTIONS: `--import=${preload}`,
    LEAP_FILE: leapFile,
  };
  rig = await Rig.start([], '', { env });
  return { rig, leap: (ms) => writeFileSync(leapFile, String(ms)), says };
}

/** A token that says nothing of times, as Auth0's may be. */
const timeless = () =>
  new SignJWT({ sub: 'urn:Auth0', aud: 'urn:MySmsGateway' })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(secret));

const state = (name: string) => join(rig!.folder, 'state', name);
const withKey = (key: string) => ({ headers: { 'idempotency-key': key } });

async function restart(signal: NodeJS.Signals): Promise<void> {
  await rig!.daemon.end(signal);
  const from = rig!.log.length;
  await rig!.startDaemon();
  await rig!.until((line) => line.event === 'modem' && line.phase === 'ready', from);
}

async function doctor(): Promise<DoctorReport> {
  let output = '';
  const onLine = (line: string, from: string) => {
    if (from === 'stdout') output += line;
  };
  await new Child(['doctor', '--json', '--config', rig!.configFile], onLine, rig!.env).ended;
  return JSON.parse(output) as DoctorReport;
}

test('a clock that leaps 400 days ahead for three seconds locks nobody out, and no key is forgotten', async () => {
  const { rig, leap } = await start();
  expect(await rig.post({}, withKey('before'))).toMatchObject({ status: 200 });
  leap(400 * dayMs);
  // The token expires within ten minutes.
  expect(await rig.post({}, withKey('during'))).toMatchObject({ status: 200 });
  await pause(3_000);
  leap(0);
  for (const end of ['go on', 'SIGTERM'] as const) {
    if (end !== 'go on') await restart(end);
    for (const key of ['before', 'during', end])
      expect(await rig.post({}, withKey(key)), `${key} after ${end}`).toMatchObject({
        status: 200,
      });
  }
  expect(rig.texts()).toHaveLength(4);
}, 60_000);

test('a daemon that is started during the leap locks nobody out either, nor does the next one', async () => {
  const { rig, leap } = await start();
  expect(await rig.post({}, withKey('before'))).toMatchObject({ status: 200 });
  leap(400 * dayMs);
  await restart('SIGTERM');
  // By such a clock a token that says when it expires has, as if the machine had been off for so
  // long.
  expect(await rig.post({}, withKey('before'))).toMatchObject({ status: 401 });
  rig.token = await timeless();
  expect(await rig.post({}, withKey('before'))).toMatchObject({ status: 200 });
  await pause(1_000);
  leap(0);
  expect(await rig.post({}, withKey('after'))).toMatchObject({ status: 200 });
  await restart('SIGTERM');
  for (const key of ['before', 'after'])
    expect(await rig.post({}, withKey(key))).toMatchObject({ status: 200 });
  expect(rig.texts()).toHaveLength(2);
}, 60_000);

/**
 * As a run with a clock in the future leaves it, one of before this was known too: the note, and
 * rows of the journal.
 */
function poison(): void {
  const future = new Date(Date.now() + 400 * dayMs);
  utimesSync(state('clock'), future, future);
  const db = new Database(state('journal.db'));
  db.exec(
    `UPDATE messages SET at = ${future.getTime()}; UPDATE openings SET at = ${future.getTime()}`,
  );
  db.close();
}

test('a time in the future that an earlier run took for sure is told to the operator alone, and the documented remedy cures it', async () => {
  const { rig } = await start();
  expect(await rig.post({})).toMatchObject({ status: 200 });
  await rig.daemon.end('SIGTERM');
  poison();
  await rig.startDaemon();
  const { status, body } = await rig.post({});
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'clock_unset' });
  expect(JSON.stringify(body)).not.toMatch(/delete|state|journal|timedatectl/);
  expect(rig.log).toContainEqual(
    expect.objectContaining({
      event: 'clock',
      level: 'error',
      message: expect.stringContaining(`delete ${state('clock')}`),
    }),
  );
  expect((await doctor()).findings.filter(({ check }) => check === 'clock')).toMatchObject([
    { level: 'error', remedy: expect.stringContaining(`delete ${state('clock')}`) },
  ]);
  const told = readFileSync(operations, 'utf8')
    .split('**Clock.**')[1]
    ?.split('```sh\n')[1]
    ?.split('\n```')[0];
  expect(told?.split('\n')).toEqual([
    'sudo systemctl stop simgate',
    'sudo rm /var/lib/simgate/clock',
    'sudo systemctl start simgate',
  ]);
  await rig.daemon.end('SIGTERM');
  rmSync(state('clock'));
  const from = rig.log.length;
  await rig.startDaemon();
  await rig.until((line) => line.event === 'modem' && line.phase === 'ready', from);
  expect(await rig.post({})).toMatchObject({ status: 200 });
  await restart('SIGTERM');
  expect(await rig.post({})).toMatchObject({ status: 200 });
}, 60_000);

test('where the system vouches for its clock such a time is set aside at the start, or as soon as it does', async () => {
  const { rig, says } = await start();
  await rig.daemon.end('SIGTERM');
  poison();
  says('yes');
  await restart('SIGTERM');
  expect(await rig.post({})).toMatchObject({ status: 200 });
  await rig.daemon.end('SIGTERM');
  expect(readFileSync(state('clock'), 'utf8')).toBe('');
  poison();
  says('no');
  await rig.startDaemon();
  expect(await rig.post({})).toMatchObject({ status: 503 });
  says('yes');
  await rig.until((line) => line.event === 'clock' && line.message === 'the clock is set');
  expect(await rig.post({})).toMatchObject({ status: 200 });
}, 60_000);
