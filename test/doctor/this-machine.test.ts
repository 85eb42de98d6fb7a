import { utimesSync } from 'node:fs';
import { relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Machine } from '../../src/doctor/this-machine.js';
import { judgeMachine } from '../../src/doctor/this-machine.js';
import { listSticks } from '../../src/usb/sticks.js';
import { FakeMachine } from './support/fake-machine.js';

let machine: FakeMachine;
beforeEach(() => {
  machine = new FakeMachine();
});
afterEach(() => machine.remove());

async function judge(own: Partial<Machine> = {}, clockFile?: string) {
  const sticks = await listSticks(machine.tree.roots);
  const findings = await judgeMachine(machine.toLookAt(own), sticks, clockFile);
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}

describe('the disk of the state directory', () => {
  const MiB = 1024 * 1024;
  const of = async (freeOctets: number, isFull = false) => {
    const roomBehind = () => Promise.resolve({ freeOctets, isFull, isReadOnly: false });
    return (await judge({ roomBehind }, '/var/lib/simgate/clock')).disk;
  };

  it('is told with what it has left, and what to do where that is little or nothing', async () => {
    expect(await of(900 * MiB)).toMatchObject({
      level: 'ok',
      what: 'the disk of /var/lib/simgate: 900 MiB free',
    });
    expect(await of(15 * MiB)).toMatchObject({
      level: 'warning',
      what: 'the disk of /var/lib/simgate is nearly full: 15 MiB free',
      remedy: expect.stringMatching(/^make room: /),
    });
    expect(await of(0, true)).toMatchObject({
      level: 'error',
      what: expect.stringContaining('is full'),
    });
  });

  it('is left out where there is none, or it cannot be told', async () => {
    expect((await judge()).disk).toBeUndefined();
    const roomBehind = () => Promise.reject(new Error('no such folder'));
    expect((await judge({ roomBehind }, '/nope/clock')).disk).toBeUndefined();
  });
});

describe('the clock', () => {
  it('is in order when something keeps it', async () => {
    expect((await judge()).clock).toEqual({
      check: 'clock',
      level: 'ok',
      what: '2026-11-23 12:00 UTC, synchronised',
    });
  });

  it('may be kept by something the system does not know', async () => {
    const { clock } = await judge({ isClockSynchronised: () => Promise.resolve(undefined) });
    expect(clock?.level).toBe('ok');
    expect(clock?.what).toContain('does not say');
  });

  it('kept by nothing is a warning', async () => {
    const { clock } = await judge({ isClockSynchronised: () => Promise.resolve(false) });
    expect(clock).toMatchObject({ level: 'warning', remedy: expect.stringContaining('set-ntp') });
  });

  it('before the release is an error, whatever the system says: the box woke without the time', async () => {
    const { clock } = await judge({ nowMs: () => 0 });
    expect(clock).toMatchObject({
      level: 'error',
      what: expect.stringContaining('1970-01-01 00:00 UTC'),
    });
    expect(clock?.what).toContain('clock_unset');
  });

  it('before what an earlier run knew is an error that names the file, unless the system vouches for it', async () => {
    machine.tree.write('state/clock', '');
    const file = machine.tree.path('state/clock');
    const later = new Date(Date.UTC(2027, 11, 28));
    utimesSync(file, later, later);
    const unknown = { isClockSynchronised: () => Promise.resolve(undefined) };
    const { clock } = await judge(unknown, file);
    expect(clock).toMatchObject({
      level: 'error',
      what: expect.stringContaining('2027-12-28 00:00 UTC'),
    });
    expect(clock?.remedy).toContain(`delete ${file}`);
    expect((await judge({}, file)).clock).toMatchObject({ level: 'ok' });
    expect((await judge(unknown, `${file}.not-there`)).clock).toMatchObject({ level: 'ok' });
  });
});

describe('other programs that go for modems', () => {
  /** Writes into udev's database, as a rule would. */
  const tag = (deviceNumber: string, line: string) =>
    machine.tree.write(`run/udev/data/c${deviceNumber}`, `I:1\nE:ID_MODEL=x\n${line}\nG:systemd\n`);

  it('are none on a quiet machine', async () => {
    expect((await judge()).rivals).toMatchObject({ level: 'ok' });
  });

  it('are ModemManager, where no rule keeps it off', async () => {
    machine.tree.process(412, 'ModemManager');
    machine.tree.plug('ec25', { at: '1-1.2' });
    const { rivals } = await judge();
    expect(rivals).toMatchObject({
      level: 'warning',
      remedy: expect.stringContaining('udev rule'),
    });
    expect(rivals?.what).toContain('ModemManager runs (pid 412)');
    expect(rivals?.what).toContain('ttyUSB2');
  });

  it.each(['the device', 'the port'])('are no harm where a rule says so of %s', async (of) => {
    machine.tree.process(412, 'ModemManager');
    const stick = machine.tree.plug('ec25', { at: '1-1.2' });
    machine.tree.write(relative(machine.tree.path(), `${stick}/dev`), '189:5\n');
    if (of === 'the device') tag('189:5', 'E:ID_MM_DEVICE_IGNORE=1');
    else tag('188:2', 'E:ID_MM_PORT_IGNORE=1');
    expect((await judge()).rivals).toMatchObject({
      level: 'ok',
      what: expect.stringContaining('udev'),
    });
  });

  it('are no harm only to the stick of the rule', async () => {
    machine.tree.process(412, 'ModemManager');
    const first = machine.tree.plug('ec25', { at: '1-1.2' });
    machine.tree.plug('sim7600', { at: '1-1.3', firstTty: 4 });
    machine.tree.write(relative(machine.tree.path(), `${first}/dev`), '189:5\n');
    tag('189:5', 'E:ID_MM_DEVICE_IGNORE=1');
    const { rivals } = await judge();
    expect(rivals?.level).toBe('warning');
    expect(rivals?.what).toContain('ttyUSB6');
    expect(rivals?.what).not.toContain('ttyUSB2');
  });

  it('are the SMS daemons too', async () => {
    machine.tree.process(500, 'gammu-smsd');
    expect((await judge()).rivals).toMatchObject({
      level: 'warning',
      what: expect.stringContaining('gammu-smsd runs (pid 500)'),
    });
  });
});
