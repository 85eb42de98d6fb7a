/** A state directory that is not as it should be: a sentence with the way out, never a stack. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child } from '../faults/child.js';
import { Rig, secret } from './rig.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-state-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a daemon says that finds folders where these files of its state belong. */
async function startedWith(...names: string[]) {
  for (const name of names)
    mkdirSync(join(folder, 'state', name), { recursive: true, mode: 0o700 });
  const config = join(folder, 'simgate.toml');
  const rig = new Rig();
  writeFileSync(config, rig.config(join(folder, 'no-modem'), join(folder, 'state')));
  rmSync(rig.folder, { recursive: true });
  writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 });
  const lines: string[] = [];
  const daemon = new Child(['serve', '--config', config], (line) => {
    lines.push(line);
    if (line.includes('"event":"started"')) void daemon.end('SIGTERM');
  });
  const { code } = await daemon.ended;
  return { code, said: lines.join('\n') };
}

test('a folder where the note of a modem belongs ends the start with its path and the way out', async () => {
  const { code, said } = await startedWith('main.flight');
  expect(code).toBe(1);
  expect(said).toMatch(
    /^simgate: \S+\/main\.flight cannot be opened: a folder is where a file belongs: move it away \(EISDIR\)\..* start again$/,
  );
});

test('folders where it goes on without a file are told, each with its name and no stack', async () => {
  const names = ['habits.json', 'history.jsonl', 'alerts.json', 'credit.json'];
  const { code, said } = await startedWith(...names);
  expect(code).toBe(0);
  for (const name of names) expect(said).toContain(name);
  expect(said).not.toMatch(/\bat [^"\n]*(?:node:internal|\.[jt]s:\d)/);
});
