import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LinkLost } from '../../src/serial/link.js';
import { holdersOf } from '../../src/usb/holders.js';
import { consoleObstacle, explainObstacle, explainRights } from '../../src/usb/obstacles.js';
import { systemRoots } from '../../src/usb/sysfs.js';
import { Tree } from './support/tree.js';

let tree: Tree;
let node: string;
beforeEach(() => {
  tree = new Tree();
  node = tree.node('ttyUSB2');
});
afterEach(() => tree.remove());

// The texts are serialport 13's own (bindings-cpp on Linux).
const locked = () => failure('Error Resource temporarily unavailable Cannot lock port');
const denied = () => failure('Error: Permission denied, cannot open /dev/ttyUSB2');
const failure = (message: string) =>
  new LinkLost('/dev/ttyUSB2 cannot be opened', { cause: new Error(message) });

/** A user who is neither the owner of the test's files nor in their group. */
const stranger = { uid: 4242, groups: [4242] };

const offModemManager =
  'Install the udev rule (README, "ModemManager"), or "sudo systemctl disable --now ModemManager" where nothing needs it';

test('a busy tty is explained by the process that has it open', async () => {
  tree.process(731, 'minicom', ['/dev/pts/0', node]);
  expect(await explainObstacle(node, locked(), tree.roots)).toEqual({
    kind: 'busy',
    isPassing: false,
    sentence: `${node} is busy: minicom holds it (pid 731). Stop it, or keep it off this tty`,
    remedy: 'Stop it, or keep it off this tty',
  });
});

test('ModemManager is named with its remedy, also behind a symbolic link', async () => {
  tree.process(412, 'ModemManager', [node]);
  symlinkSync('../../ttyUSB2', tree.path('dev/serial/by-id/usb-x'));
  const { sentence } = await explainObstacle(
    tree.path('dev/serial/by-id/usb-x'),
    locked(),
    tree.roots,
  );
  expect(sentence).toBe(`${node} is busy: ModemManager holds it (pid 412). ${offModemManager}`);
});

test('ModemManager that runs is the likely one when no process is seen with the tty', async () => {
  tree.process(412, 'ModemManager');
  const { kind, sentence } = await explainObstacle(node, locked(), tree.roots);
  expect(kind).toBe('busy');
  expect(sentence).toBe(
    `${node} is busy: ModemManager runs (pid 412) and probably holds it. ${offModemManager}`,
  );
});

test('where the processes of others are hidden, systemd still tells that ModemManager runs', async () => {
  rmSync(tree.path('proc/1'), { recursive: true });
  expect((await explainObstacle(node, locked(), tree.roots)).sentence).toMatch(
    /another user's process holds it/,
  );
  tree.write('run/systemd/units/invocation:ModemManager.service', '');
  expect((await explainObstacle(node, locked(), tree.roots)).sentence).toBe(
    `${node} is busy: ModemManager runs and probably holds it. ${offModemManager}`,
  );
});

test('from a container the one who holds it is out of sight, and is looked for on the host', async () => {
  mkdirSync(tree.path('proc/self/ns'), { recursive: true });
  symlinkSync('pid:[4026531836]', tree.path('proc/self/ns/pid'));
  expect((await explainObstacle(node, locked(), tree.roots)).isPassing).toBe(true);
  rmSync(tree.path('proc/self/ns/pid'));
  symlinkSync('pid:[4026532711]', tree.path('proc/self/ns/pid'));
  const { isPassing, sentence } = await explainObstacle(node, locked(), tree.roots);
  expect(isPassing).toBe(false);
  expect(sentence).toBe(
    `${node} is busy: a process outside of this container holds it. On the host, "sudo fuser -v ${node}" shows which; ` +
      'keep ModemManager off there by the udev rules, or switch it off',
  );
});

test('an earlier tty of the same name, now deleted, is no holder', async () => {
  tree.process(731, 'minicom', [`${node} (deleted)`, `${node}0`]);
  expect(await holdersOf(node, tree.roots)).toEqual({ holders: [], unseen: 0 });
  expect(await explainObstacle(node, locked(), tree.roots)).toMatchObject({
    kind: 'busy',
    isPassing: true,
  });
});

test('this process itself is told from others', async () => {
  tree.process(process.pid, 'node', [node]);
  const { sentence } = await explainObstacle(node, locked(), tree.roots);
  expect(sentence).toContain(`this simgate holds it itself (pid ${process.pid})`);
});

test("the real /proc shows this process's own open files", async () => {
  const file = await open(node, 'r');
  const { holders } = await holdersOf(node, systemRoots);
  await file.close();
  expect(holders.map(({ pid }) => pid)).toEqual([process.pid]);
  expect((await holdersOf(node, systemRoots)).holders).toEqual([]);
});

test('a process may end, and a name may hold escape sequences, while they are looked at', async () => {
  tree.process(50, 'gone', [node]);
  rmSync(tree.path('proc/50/comm'));
  tree.process(51, '\x1b[31mevil', [node]);
  expect(await holdersOf(node, tree.roots)).toEqual({
    holders: [
      { pid: 50, name: 'a process that just ended' },
      { pid: 51, name: '[31mevil' },
    ],
    unseen: 0,
  });
});

test('a busy serial console is explained as such', async () => {
  const uart = tree.node('ttyAMA0');
  tree.write('proc/cmdline', 'console=ttyAMA0,115200 console=tty1 root=/dev/mmcblk0p2\n');
  tree.process(
    600,
    'agetty',
    [],
    ['/sbin/agetty', '-o', '-p -- \\u', '--keep-baud', '115200', 'ttyAMA0', 'vt220'],
  );
  const { kind, sentence, isPassing } = await explainObstacle(uart, locked(), tree.roots);
  expect({ kind, isPassing }).toEqual({ kind: 'console', isPassing: false });
  expect(sentence).toMatch(
    /ttyAMA0 is used by a login \(agetty, pid 600\): .*raspi-config.*serial-getty@ttyAMA0/,
  );
  tree.write('proc/600/comm', 'bash\n');
  expect((await explainObstacle(uart, denied(), tree.roots)).sentence).toMatch(
    /is used by the serial console/,
  );
  tree.write('proc/cmdline', 'console=tty1\n');
  expect(await consoleObstacle(uart, tree.roots)).toBeUndefined();
});

const dialout = 20;

/**
 * What is said of a node with these rights to the user simgate, who is not in its group unless told
 * otherwise.
 */
async function rights(
  mode: number,
  uid: number,
  gid: number,
  members = 'pi',
  own: readonly number[] = [4242],
) {
  tree.write('etc/group', `root:x:0:\ndialout:x:${dialout}:${members}\n`);
  tree.write('etc/passwd', 'root:x:0:0::/root:/bin/sh\nsimgate:x:4242:4242::/:/usr/sbin/nologin\n');
  return explainRights('/dev/ttyUSB2', { mode: 0o020_000 | mode, uid, gid }, tree.roots, {
    uid: 4242,
    groups: own,
  });
}

test('a user outside the group of the node is told how to get into it', async () => {
  expect(await rights(0o660, 0, dialout)).toEqual({
    kind: 'no_right',
    isPassing: false,
    sentence:
      '/dev/ttyUSB2 may not be opened by simgate (rw-rw---- root:dialout): it is not in the group dialout. Run ' +
      '"sudo usermod -aG dialout simgate" and log in again; for the service, SupplementaryGroups=dialout in the systemd unit',
    remedy: expect.stringMatching(/^Run "sudo usermod/),
  });
});

test('a user who was put into the group after the process started is told to log in again', async () => {
  const { sentence, isPassing } = await rights(0o660, 0, dialout, 'pi,simgate');
  expect(sentence).toMatch(
    /simgate is in the group dialout, but only since after this process started: log in again/,
  );
  expect(isPassing).toBe(false);
});

test('a node that is still root alone is waited for, as right after a re-plug', async () => {
  for (const mode of [0o600, 0o660]) {
    const { kind, isPassing, sentence } = await rights(mode, 0, 0);
    expect({ kind, isPassing }).toEqual({ kind: 'not_ready', isPassing: true });
    expect(sentence).toMatch(
      /root:root\), as it does for a moment after it was plugged in: tried again by itself/,
    );
  }
});

test('a node whose group may not write needs a udev rule', async () => {
  expect((await rights(0o640, 0, dialout)).sentence).toMatch(
    /rw-r----- root:dialout\): .*MODE="0660"/,
  );
});

test('rights that suffice by mode point to the sandbox around the process', async () => {
  const inGroup = await rights(0o660, 0, dialout, 'simgate', [4242, dialout]);
  const forAll = await rights(0o666, 0, 0);
  const owner = await rights(0o600, 4242, dialout);
  for (const { kind, sentence } of [inGroup, forAll, owner]) {
    expect(kind).toBe('no_right');
    expect(sentence).toMatch(/DeviceAllow=.*container without --device/);
  }
});

test('a node of a user and a group without names is shown by their numbers', async () => {
  const { sentence } = await rights(0o660, 501, 502);
  expect(sentence, 'usermod knows no group without a name').not.toContain('usermod');
  expect(sentence).toMatch(
    /\(rw-rw---- 501:502\): it is not in the group 502\. Give it that group: --group-add 502/,
  );
});

test('a refused open is explained by the rights of the node behind the link', async () => {
  symlinkSync(node, tree.path('modem'));
  chmodSync(node, 0o666);
  const obstacle = await explainObstacle(tree.path('modem'), denied(), tree.roots, stranger);
  expect(obstacle.kind).toBe('no_right');
  expect(obstacle.sentence).toContain(`${node} may not be opened by uid 4242 (rw-rw-rw- `);
  rmSync(node);
  const gone = await explainObstacle(tree.path('modem'), denied(), tree.roots, stranger);
  expect(gone).toMatchObject({ kind: 'missing', isPassing: true });
});

test.each([
  [
    'Error: No such file or directory, cannot open /dev/ttyUSB9',
    'missing',
    true,
    /does not exist: is the modem plugged in/,
  ],
  ['Error: Input/output error, cannot open /dev/ttyUSB9', 'not_ready', true, /going or coming/],
  [
    'Error: No such device or address, cannot open /dev/ttyUSB9',
    'not_ready',
    true,
    /going or coming/,
  ],
  [
    'Error: Inappropriate ioctl for device setting custom baud rate of 115200',
    'not_a_tty',
    false,
    /is not a tty/,
  ],
  ['Error: the moon is full', 'unknown', true, /cannot be opened: Error: the moon is full/],
])('"%s" is %s', async (message, kind, isPassing, sentence) => {
  const told = await explainObstacle(tree.path('dev/ttyUSB9'), failure(message), tree.roots);
  expect(told).toMatchObject({ kind, isPassing, sentence: expect.stringMatching(sentence) });
  // Who shows the way out by itself takes it from the sentence's end.
  expect(told.remedy === undefined).toBe(kind === 'unknown');
  expect(told.sentence.endsWith(told.remedy ?? '')).toBe(true);
});

test('an errno name says as much as a text', async () => {
  const error = Object.assign(new Error('open'), { code: 'EBUSY' });
  expect(await explainObstacle(node, error, tree.roots)).toMatchObject({ kind: 'busy' });
});
