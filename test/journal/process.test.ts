/** What only another process can show: it is killed, or its files may not grow. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { folder, look, open } from './support/rig.js';

const victim = join(import.meta.dirname, 'support/victim.ts');

function start(file: string, ...more: string[]): [ChildProcess, AsyncIterableIterator<string>] {
  const child = spawn(process.execPath, ['--import', 'tsx', victim, file, ...more], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return [child, createInterface({ input: child.stdout! })[Symbol.asyncIterator]()];
}

test('every message that was started is in the journal of a process that was killed, and is unknown', async () => {
  const file = join(folder(), 'journal.db');
  const promised: string[] = [];
  for (const lines of [1, 7, 40, 150, 3]) {
    const [child, output] = start(file);
    const exited = once(child, 'exit');
    for (let count = 0; count < lines; count += 1)
      promised.push((await output.next()).value as string);
    child.kill('SIGKILL');
    for await (const id of output) promised.push(id);
    await exited;
  }
  const { journal, logged } = await open({ file, clock: Date.now });
  expect(look(file, (db) => db.prepare('PRAGMA integrity_check').all())).toMatchObject([
    { integrity_check: 'ok' },
  ]);
  const { messages } = await journal.recent({ messagesSinceMs: 0, simUsesSinceMs: 0 });
  const unknown = messages.filter(
    ({ outcome }) => outcome?.code === 'outcome_unknown' && outcome.status === 504,
  );
  const kept = new Set(unknown.map(({ id }) => id));
  expect(promised.length).toBeGreaterThan(200);
  expect(promised.filter((id) => !kept.has(id))).toEqual([]);
  expect(messages.filter(({ outcome }) => outcome?.submitted !== 'unknown')).toEqual([]);
  expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
}, 60_000);

test('a file that may not grow is a fault that passes: nothing is lost when there is room again', async () => {
  const file = join(folder(), 'journal.db');
  const [child, output] = start(file, 'states');
  const state = async () =>
    JSON.parse((await output.next()).value as string) as Record<string, unknown>;
  expect(await state()).toMatchObject({ isOk: true });
  execFileSync('prlimit', [`--pid=${child.pid}`, '--fsize=65536:unlimited']);
  expect(await state()).toMatchObject({
    isOk: false,
    fault: expect.stringMatching(/the disk (?:refuses|is full)/),
  });
  execFileSync('prlimit', [`--pid=${child.pid}`, '--fsize=unlimited:unlimited']);
  expect(await state()).toMatchObject({ isOk: true, droppedRows: 0, pending: 0 });
}, 60_000);
