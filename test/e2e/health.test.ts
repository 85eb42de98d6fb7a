/**
 * The walk over the faults of the modem and of the box: of each, doctor's first finding names it,
 * `/readyz`, the admin status and doctor's exit code agree, and its remedy, followed, cures it.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { Rig } from './rig.js';
import { expectCured, expectNamed, type Fault, walkOver } from './walk.js';

const preload = join(import.meta.dirname, '../faults/leaping-clock.mjs');

let rig: Rig;
afterEach(() => rig.stop());

const dayMs = 86_400_000;
let setLeap: (ms: number) => void;
let lock: Database.Database | undefined;

const faults: readonly Fault[] = [
  {
    name: 'a clock behind',
    grade: 'down',
    check: 'clock',
    what: /the wall clock says .* which is before .*503 clock_unset/,
    remedy: /timedatectl set-ntp true/,
    begin: () => setLeap(-2000 * dayMs),
    follow: () => setLeap(0),
  },
  {
    name: 'a SIM that the network denies',
    grade: 'down',
    check: 'registration',
    what: /the network denies the SIM/,
    remedy: /is it activated, paid/,
    begin: () => rig.modem.control({ registration: 'denied' }),
    follow: () => rig.modem.control({ registration: 'home' }),
  },
  {
    name: 'no coverage',
    grade: 'down',
    check: 'registration',
    what: /not registered with any network/,
    remedy: /look at the antenna/,
    begin: () => rig.modem.control({ registration: 'none' }),
    follow: () => rig.modem.control({ registration: 'home' }),
  },
  {
    name: 'no credit',
    grade: 'degraded',
    check: 'sim',
    what: /the SIM of modem main is suspect: .*no credit/,
    remedy: /put credit on it/,
    begin: async () => {
      await rig.modem.control({ fault: 'cms:21', submits: 3 });
      for (const last of [1, 2, 3])
        expect(await rig.post({ recipient: `+491511234560${last}` })).toMatchObject({
          status: 502,
        });
    },
    // Credit is put on: the next message is taken, and ends the suspicion.
    follow: async () => expect(await rig.post({})).toMatchObject({ status: 200 }),
  },
  {
    name: 'a journal that cannot be written',
    grade: 'degraded',
    check: 'journal',
    what: /another program has locked it: close that one/,
    remedy: /tries again by itself within a minute/,
    begin: async () => {
      lock = new Database(join(rig.folder, 'state', 'journal.db'));
      lock.exec('BEGIN IMMEDIATE');
      expect(await rig.post({})).toMatchObject({ status: 200 });
    },
    follow: () => lock?.close(),
  },
  {
    name: 'no SIM in it',
    grade: 'down',
    check: 'sim',
    what: /there is no SIM in the modem/,
    remedy: /put one in/,
    // Until it is put in, as the fault has it.
    begin: async () => {
      await rig.modem.control({ fault: 'refuse:+CPIN?:CME10:15000' });
      await rig.modem.control({ hangup: true, reattach_ms: 100 });
    },
    follow: () => undefined,
  },
  {
    name: 'a stick that was pulled out',
    grade: 'down',
    check: 'modem',
    what: /modem main is (absent|opening|lost): /,
    remedy: /simgate modems|tried again|ask again/,
    begin: () => rig.modem.control({ hangup: true, reattach_ms: 25_000 }),
    // It comes back by itself, as one that is plugged in again.
    follow: () => undefined,
  },
];

test('while it runs: each fault is named first, and its remedy cures it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-leap-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const leapFile = join(folder, 'leap');
  setLeap = (ms) => writeFileSync(leapFile, String(ms));
  setLeap(0);
  rig = await Rig.start([], 'idle_probe_s = 1', {
    env: { NODE_OPTIONS: `--import=${preload}`, LEAP_FILE: leapFile },
  });
  await expectCured(rig);
  await walkOver(rig, faults);
  // What lasted stands in the log, at a warning at least.
  const told = rig.log.filter(({ event }) => event === 'health');
  expect(told.every(({ level, grade }) => grade === 'ok' || level === 'warn')).toBe(true);
}, 240_000);

test('a SIM that asks for its PIN', async () => {
  rig = await Rig.start(['--pin', '1234'], '', { phase: 'unlocking' });
  await expectNamed(rig, {
    grade: 'down',
    check: 'sim',
    what: /the SIM asks for its PIN/,
    remedy: /set pin_file of this modem/,
  });
  writeFileSync(join(rig.folder, 'pin'), '1234', { mode: 0o600 });
  writeFileSync(rig.configFile, rig.config(rig.modem.link, 'state', 'pin_file = "pin"'));
  await rig.daemon.end('SIGTERM');
  await rig.startDaemon();
  await expectCured(rig);
  expect(
    rig.log.filter(
      ({ level, message }) => level === 'warn' && /took the PIN/.test(String(message)),
    ),
  ).toEqual([]);
}, 60_000);

test('a SIM that asks for its PUK', async () => {
  rig = await Rig.start(['--pin', '1234', '--pin-tries', '0'], '', { phase: 'unlocking' });
  await expectNamed(rig, {
    grade: 'down',
    check: 'sim',
    what: /asks for its PUK/,
    remedy: /into a phone and enter the PUK there/,
  });
  await rig.modem.control({ phone: 'enter_puk' });
  await rig.modem.control({ phone: 'remove_lock' });
  await rig.modem.control({ hangup: true, reattach_ms: 100 });
  await expectCured(rig);
}, 60_000);
