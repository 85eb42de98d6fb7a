import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { judgeTty } from '../../src/doctor/tty.js';
import { type Candidate, candidatesFor } from '../../src/usb/select.js';
import { listSticks } from '../../src/usb/sticks.js';
import { FakeMachine } from './support/fake-machine.js';

let machine: FakeMachine;
beforeEach(() => {
  machine = new FakeMachine();
  machine.tree.plug('ec25', { at: '1-1.2' });
});
afterEach(() => machine.remove());

async function candidate(): Promise<Candidate> {
  const { roots } = machine.tree;
  return (await candidatesFor({ kind: 'auto' }, await listSticks(roots), roots)).candidates[0]!;
}

const node = (name: string) => machine.tree.path('dev', name);

it('a tty that nobody uses is free, and told with the reason for it', async () => {
  const { findings, isFree } = await judgeTty(await candidate(), machine.toLookAt());
  expect(isFree).toBe(true);
  expect(findings.map(({ check, level }) => [check, level])).toEqual([
    ['tty', 'ok'],
    ['rights', 'ok'],
  ]);
  expect(findings[0]?.what).toBe(
    `${node('ttyUSB2')}: interface 2 of 2c7c:0125 is its AT port (Quectel EC25, EG25-G)`,
  );
});

it.each(['ttyUSB2', 'ttyUSB3'])(
  'a modem whose %s somebody has open is left alone',
  async (name) => {
    machine.tree.process(731, 'minicom', ['/dev/null', node(name)]);
    const { findings, isFree } = await judgeTty(await candidate(), machine.toLookAt());
    expect(isFree).toBe(false);
    expect(findings).toContainEqual({
      check: 'holder',
      level: 'error',
      what: `minicom (pid 731) has ${node(name)} of this modem open`,
      remedy: 'stop it, or keep it off this modem',
    });
  },
);

it('the daemon that looks at its own tty is not in its own way', async () => {
  machine.tree.process(731, 'node', [node('ttyUSB2')]);
  expect((await judgeTty(await candidate(), machine.toLookAt(), 731)).isFree).toBe(true);
});

it('a tty that this user may not use is told with the group that may', async () => {
  chmodSync(node('ttyUSB2'), 0o660);
  machine.tree.write('etc/group', 'root:x:0:\n');
  const stranger = { uid: 4242, groups: [4242] };
  const { findings, isFree } = await judgeTty(
    await candidate(),
    machine.toLookAt({ identity: stranger }),
  );
  expect(isFree).toBe(false);
  const [finding] = findings.filter(({ check }) => check === 'rights');
  expect(finding).toMatchObject({ level: 'error' });
  expect(finding?.what).toMatch(/rw-rw---- \S+:root/);
  expect(finding?.remedy).toMatch(/group/);
});

it('a login or the kernel on the tty is an obstacle although it can be opened', async () => {
  machine.tree.write('proc/cmdline', 'console=ttyUSB2,115200 root=/dev/mmcblk0p2\n');
  const { findings, isFree } = await judgeTty(await candidate(), machine.toLookAt());
  expect(isFree).toBe(false);
  expect(findings).toContainEqual(expect.objectContaining({ check: 'console', level: 'error' }));
});

it('a tty that is gone meanwhile is told as that', async () => {
  const before = await candidate();
  machine.tree.unplug('1-1.2');
  const { findings, isFree } = await judgeTty(before, machine.toLookAt());
  expect(isFree).toBe(false);
  expect(findings).toContainEqual(expect.objectContaining({ check: 'rights', level: 'error' }));
});
