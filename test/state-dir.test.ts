import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { openStateDir } from '../src/state-dir.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const hour = 3_600_000;
const mark = () => join(folder, 'synchronized');

async function opened() {
  const stateDir = await openStateDir(join(folder, 'state'), mark());
  onTestFinished(() => stateDir.release());
  return stateDir;
}

test('a clock that reads earlier than the last run here is not set', async () => {
  await (await openStateDir(join(folder, 'state'), mark())).release();
  const soon = new Date(Date.now() + hour);
  utimesSync(join(folder, 'state', 'clock'), soon, soon);
  expect((await opened()).clockIsSet()).toBe(false);
});

test('a clock that reads earlier than the newest message is not set, a little earlier is', async () => {
  const { clockIsSet } = await opened();
  expect(clockIsSet()).toBe(true);
  expect(clockIsSet(Date.now() + 30_000)).toBe(true);
  expect(clockIsSet(Date.now() + hour)).toBe(false);
});

test('once the system has synchronised its clock, it is the stamps that were wrong', async () => {
  const { clockIsSet } = await opened();
  writeFileSync(mark(), '');
  expect(clockIsSet(Date.now() + 10 * 365 * 24 * hour)).toBe(true);
});

test('a second daemon is refused, and told who has it', async () => {
  await opened();
  await expect(openStateDir(join(folder, 'state'), mark())).rejects.toThrow(
    `in use by another simgate (pid ${process.pid})`,
  );
});
