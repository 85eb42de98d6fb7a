import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { whoHolds } from '../../src/control/holder.js';
import { openStateDir } from '../../src/daemon/state-dir.js';
import { createLog } from '../../src/log.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const log = createLog({ level: 'error', format: 'json', stream: new PassThrough() });
const openIt = () =>
  openStateDir(join(folder, 'state'), { log, isSynchronised: () => Promise.resolve(undefined) });

async function opened() {
  const stateDir = await openIt();
  onTestFinished(() => stateDir.release());
  return stateDir;
}

test('a clock that reads earlier than the last run here knew is not set', async () => {
  await (await openIt()).release();
  const soon = new Date(Date.now() + 3_600_000);
  utimesSync(join(folder, 'state', 'clock'), soon, soon);
  expect((await opened()).clock.isSet()).toBe(false);
});

test('a directory that cannot be written to is refused at the start, and left unlocked', async () => {
  mkdirSync(join(folder, 'state', 'clock.new'), { recursive: true });
  await expect(openIt()).rejects.toThrow(/state_dir .* cannot be written: .*\(EISDIR\)/);
  rmSync(join(folder, 'state', 'clock.new'), { recursive: true });
  await opened();
});

/** As a process leaves it that was killed: a socket's file, and nobody who listens. */
async function leaveLock(): Promise<void> {
  const [own, lock] = [join(folder, 's'), join(folder, 'state', 'lock')];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(own, resolve));
  mkdirSync(join(folder, 'state'), { recursive: true });
  renameSync(own, lock);
  await new Promise((resolve) => server.close(resolve));
}

test('of several that start after a crash, at about the same time, one has it', async () => {
  for (let round = 0; round < 8; round += 1) {
    await leaveLock();
    const starts = Array.from({ length: 12 }, async (_, before) => {
      for (let turn = 0; turn < before; turn += 1) await new Promise(setImmediate);
      return openIt();
    });
    const ends = await Promise.allSettled(starts);
    const opened = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    await Promise.all(opened.map((stateDir) => stateDir.release()));
    expect(opened).toHaveLength(1);
    const faults = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
    for (const fault of faults) expect(fault).toContain('in use by another simgate');
    expect(readdirSync(join(folder, 'state')).filter((name) => name.startsWith('lock'))).toEqual(
      [],
    );
  }
});

test('a start waits for another that looks at the lock, in whatever container that is', async () => {
  mkdirSync(join(folder, 'state'));
  const other = spawn('flock', [join(folder, 'state'), 'sh', '-c', 'echo; read end']);
  await once(other.stdout, 'data');
  let isOpen = false;
  const opening = opened().then(() => {
    isOpen = true;
  });
  await pause(300);
  expect(isOpen).toBe(false);
  other.stdin.end();
  await opening;
});

test('a second daemon is refused, and told who has it', async () => {
  await opened();
  await expect(openIt()).rejects.toThrow(`in use by another simgate (pid ${process.pid})`);
});

test('whoever listens and has more to accept than it can has it all the same', async () => {
  const socket = join(folder, 'full');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ path: socket, backlog: 1 }, resolve));
  // All in one turn, in which nothing is accepted.
  const waiting = Array.from({ length: 8 }, () => connect(socket).on('error', () => undefined));
  const asked = whoHolds(socket);
  onTestFinished(() => {
    for (const connection of waiting) connection.destroy();
    server.close();
  });
  expect(await asked).toBe('unknown');
});

test('a lock of which it cannot be told whether somebody has it is never taken away', async () => {
  const lock = join(folder, 'state', 'lock');
  mkdirSync(join(folder, 'state'));
  symlinkSync('lock', lock);
  await expect(openIt()).rejects.toThrow(
    /cannot be locked: whether another simgate has it cannot be told.*ELOOP/,
  );
  expect(lstatSync(lock).isSymbolicLink()).toBe(true);
});
