/** What a command says is not always heard: `| head`, a full disk. It still ends as it should. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type ControlServer, openControlSocket } from '../../src/control/server.js';
import { createLog } from '../../src/log.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');

/** Exit code and standard error of a command whose standard output is redirected so. */
function run(redirect: string, ...words: string[]): Promise<{ code: number; stderr: string }> {
  const script = `set -o pipefail; "$@" ${redirect}`;
  return new Promise((resolve) => {
    const args = ['-c', script, 'bash', process.execPath, cli, ...words];
    execFile('bash', args, (error, _, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stderr }),
    );
  });
}

/** A daemon that sends everything, or stops with the first message. */
async function daemon(stopsAtMessage = false): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-output-'));
  const config = join(folder, 'simgate.toml');
  writeFileSync(
    config,
    'control.socket = "control.sock"\n[auth0]\nsubject = "s"\naudience = "a"\nsecret_file = "x"\n' +
      '[policy]\ncountries = ["DE"]\n[[modem]]\nname = "main"\ndevice = "auto"\n',
  );
  const yields = (answer: object) =>
    async function* answers() {
      yield answer;
    };
  const sent = yields({ id: 'x', recipient: '+49…78', status: 200, submitted: 'yes' });
  const server: ControlServer = (await openControlSocket({
    path: join(folder, 'control.sock'),
    commands: {
      status: yields({ pid: process.pid }),
      message: async function* message() {
        if (stopsAtMessage) await server.close();
        else yield* sent();
      },
    },
    log: createLog({ level: 'error', format: 'text', stream: process.stderr }),
  }))!;
  onTestFinished(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  return config;
}

test.each([['| true'], ['> /dev/full']])(
  'a message that was sent is not told as unsent: %s',
  async (redirect) => {
    const config = await daemon();
    const { code } = await run(redirect, 'send', '+4915112345678', 'hello', '--config', config);
    expect(code).toBe(0);
  },
);

test('of a message whose daemon ends before its answer nobody knows what became', async () => {
  const config = await daemon(true);
  const { code, stderr } = await run('', 'send', '+4915112345678', 'hello', '--config', config);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/ended before it had answered/)]);
});

test('a reader that has left is no fault, and a full disk is one', async () => {
  const words = ['plan', '--logins', '1', '--within', '1min', '--modems', '1'];
  expect(await run('| true', ...words)).toEqual({ code: 0, stderr: '' });
  const { code, stderr } = await run('> /dev/full', ...words);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^simgate: .*: the disk is full.*\n$/)]);
});
