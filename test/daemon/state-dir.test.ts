import { mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
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
  await expect(openIt()).rejects.toThrow(/state_dir .* cannot be written: EISDIR/);
  rmSync(join(folder, 'state', 'clock.new'), { recursive: true });
  await opened();
});

test('a second daemon is refused, and told who has it', async () => {
  await opened();
  await expect(openIt()).rejects.toThrow(`in use by another simgate (pid ${process.pid})`);
});
