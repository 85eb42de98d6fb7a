/** A state directory that is not as it should be: a sentence with the way out, never a stack. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child } from '../faults/child.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { type LogLine, Rig, secret } from './rig.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-state-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a daemon says that finds folders, or such a text, where these files of its state belong. */
async function startedWith(names: readonly string[], text?: string) {
  mkdirSync(join(folder, 'state'), { mode: 0o700 });
  for (const name of names) {
    const path = join(folder, 'state', name);
    if (text === undefined) mkdirSync(path);
    else writeFileSync(path, text, { mode: 0o600 });
  }
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
  const { code, said } = await startedWith(['main.flight']);
  expect(code).toBe(1);
  expect(said).toMatch(
    /^simgate: \S+\/main\.flight cannot be opened: a folder is where a file belongs: move it away \(EISDIR\)\..* start again$/,
  );
});

test.each([
  ['folders', undefined],
  ['zeros, as after a power cut,', '\0'.repeat(300)],
  ['lists of nothing', '[null]'],
])(
  '%s where it goes on without a file are told, each with its name and no stack',
  async (_, text) => {
    const names = ['habits.json', 'alerts.json', 'credit.json', 'pins.json'];
    if (text === undefined) names.push('history.jsonl');
    const { code, said } = await startedWith(names, text);
    expect(code).toBe(0);
    for (const name of names) expect(said).toContain(name);
    expect(said).not.toMatch(/\bat [^"\n]*(?:node:internal|\.[jt]s:\d)/);
  },
);

test('a damaged memory of PINs keeps a locked SIM waiting, and nobody else; it needs no restart', async () => {
  const rig = new Rig();
  const idle = await VirtualModem.start(rig.folder, 'locked', ['--pin', '1234']);
  rig.modem = await VirtualModem.start(rig.folder, 'modem', []);
  const memory = join(rig.folder, 'state', 'pins.json');
  mkdirSync(join(rig.folder, 'state'), { mode: 0o700 });
  writeFileSync(memory, Buffer.alloc(300), { mode: 0o600 });
  writeFileSync(join(rig.folder, 'secret'), secret, { mode: 0o600 });
  writeFileSync(join(rig.folder, 'pin'), '1234', { mode: 0o600 });
  const locked = `[[modem]]\nname = "locked"\ndevice = "${idle.link}"\npin_file = "pin"\n`;
  writeFileSync(rig.configFile, rig.config(rig.modem.link, 'state', locked));
  try {
    await rig.startDaemon();
    const isPhase = (modem: string, phase: string) => (line: LogLine) =>
      line.event === 'modem' && line.modem === modem && line.phase === phase;
    await rig.until(isPhase('main', 'ready'));
    const waiting = await rig.until(
      (line) => line.modem === 'locked' && String(line.reason).includes('pins.json'),
    );
    expect(waiting.reason).toContain('no PIN is entered');
    expect(rig.raw).not.toMatch(/\bat [^"\n]*(?:node:internal|\.[jt]s:\d)/);
    rmSync(memory);
    await rig.until(isPhase('locked', 'ready'));
  } finally {
    await idle.stop();
    await rig.stop();
  }
}, 60_000);
