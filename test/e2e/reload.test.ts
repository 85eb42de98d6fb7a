import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { Rig } from './rig.js';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '../../dist/cli.js');

let rig: Rig;
afterEach(() => rig.stop());

const command = async (...args: string[]) => {
  const { stdout, stderr } = await run(process.execPath, [
    cli,
    ...args,
    '--config',
    rig.configFile,
  ]).catch((error: unknown) => error as { stdout: string; stderr: string });
  return stdout + stderr;
};

const change = (from: RegExp, to: string): void => {
  const text = readFileSync(rig.configFile, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(rig.configFile, text.replace(from, to));
};

test('what a reload brings is in force everywhere: a session’s trace, doctor’s deadline', async () => {
  rig = await Rig.start(['--submit-latency', '2500'], '[message]\ndeadline_s = 20');
  await rig.daemon.end('SIGTERM');
  change(/level = "debug"/, 'level = "info"');
  const from = rig.log.length;
  await rig.startDaemon();
  await rig.until((line) => line.phase === 'ready', from);
  expect(rig.log.slice(from).some(({ event }) => event === 'at')).toBe(false);

  change(/level = "info"/, 'level = "debug"');
  change(/deadline_s = 20/, 'deadline_s = 1');
  expect(await command('reload')).toContain('anew');
  const reloaded = rig.log.length;
  // The modem takes 2.5 s: within the deadline of before, over that of now.
  expect(await command('doctor', '--send', '+4915112345678')).toContain('may or may not arrive');
  expect(rig.log.slice(reloaded).some(({ event }) => event === 'at')).toBe(true);
  expect(rig.log.slice(reloaded).some(({ phase }) => phase === 'opening')).toBe(false);
});
