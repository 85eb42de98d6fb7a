/** What keeps a modem's tty from being opened, as the judgement tells it, and how it ends. */

import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { judge } from '../../src/daemon/judgement.js';
import { LinkLost } from '../../src/serial/link.js';
import { explainObstacle } from '../../src/usb/obstacles.js';
import { candidatesFor } from '../../src/usb/select.js';
import { listSticks } from '../../src/usb/sticks.js';
import { Tree } from '../usb/support/tree.js';

let tree: Tree;
beforeEach(() => {
  tree = new Tree();
});
afterEach(() => tree.remove());

/** The first obstacle of a daemon whose only modem is away for this reason. */
function firstOf({ reason, remedy }: { reason?: string; remedy?: string | undefined }) {
  const snapshot = {
    name: 'main',
    phase: 'absent' as const,
    phaseSince: 0,
    reason,
    remedy,
    device: 'auto',
    manufacturer: undefined,
    model: undefined,
    operator: undefined,
    iccid: undefined,
    signalDbm: undefined,
  };
  const noCaps = { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined };
  const used = { dayCount: 0, monthCount: 0, monthRecipients: 0 };
  const modem = { snapshot, isSuspect: false, wedgedBy: undefined, caps: noCaps, used };
  const { grade, obstacles } = judge({
    isStopping: false,
    clockDoubt: undefined,
    modems: [modem],
    waiting: 0,
    maxWaiting: 50,
    longestDeadlineMs: 25_000,
    policy: { full: [], callers: ['auth0'], countries: ['DE'], nowMs: 0 },
    disk: undefined,
    stateDir: '/var/lib/simgate',
    journal: { isOk: true },
    isRestored: true,
  });
  expect(grade).toBe('down');
  return obstacles[0];
}

const select = async () =>
  candidatesFor({ kind: 'auto' }, await listSticks(tree.roots), tree.roots, []);

test('a HiLink stick is named, and another one in its place is taken', async () => {
  tree.plug('e3372h-hilink', { at: '1-1.2' });
  const first = firstOf(await select());
  expect(first).toMatchObject({
    check: 'modem',
    what: expect.stringContaining('is a network card with a web page (HiLink)'),
    remedy: expect.stringMatching(/^set HuaweiAltModeGlobal=1 in .* and plug it in again/),
  });
  expect(first?.what).not.toContain('HuaweiAltModeGlobal');
  tree.remove();
  tree = new Tree();
  tree.plug('ec25', { at: '1-1.2' });
  expect((await select()).candidates.length).toBeGreaterThan(0);
});

test('a path that leads nowhere is named with one way out', async () => {
  const path = tree.path('dev/ttyUSB9');
  const first = firstOf(await candidatesFor({ kind: 'path', path }, [], tree.roots));
  expect(first).toMatchObject({
    check: 'modem',
    what: `modem main is absent: ${path} does not exist: is the modem plugged in?`,
    remedy: expect.stringMatching(/^plug it in again.*"sudo simgate modems" lists/),
  });
  expect(`${first?.what}: ${first?.remedy}`.match(/simgate modems/g)).toHaveLength(1);
});

test('ModemManager is named with its remedy, and no more once it is gone', async () => {
  const node = tree.path('dev/ttyUSB2');
  tree.write('dev/ttyUSB2', '');
  tree.process(412, 'ModemManager', [node]);
  const busy = new LinkLost('busy', { cause: new Error('Error Resource temporarily unavailable') });
  const now = async () => {
    const { sentence: reason, remedy } = await explainObstacle(node, busy, tree.roots);
    return { reason, remedy };
  };
  expect(firstOf(await now())).toMatchObject({
    what: expect.stringMatching(
      /^modem main is absent: .* is busy: ModemManager holds it \(pid 412\)$/,
    ),
    remedy: expect.stringMatching(/^Install the udev rule/),
  });
  rmSync(tree.path('proc/412'), { recursive: true });
  expect((await now()).reason).not.toContain('ModemManager');
  // Where nothing is known of a way out there is one all the same.
  expect(firstOf({ reason: 'no modem is plugged in' })?.remedy).toMatch(/^plug it in/);
});
