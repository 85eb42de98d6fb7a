import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { setPassword } from '../../../src/operator/admin/set-password.js';
import { isPassword, parsePasswordHash } from '../../../src/secret/password.js';

let folder = '';
let config = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-password-'));
  config = join(folder, 'simgate.toml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const written = (listen = '127.0.0.1:8081', more = '') =>
  `[admin]\nlisten = "${listen}"\n${more}\n[auth0]\nsubject = "s"\naudience = "a"\nsecret_file = "secret"\n` +
  '[policy]\ncountries = ["DE"]\n[[modem]]\nname = "main"\ndevice = "/dev/ttyUSB0"\n';

/** Runs the command; `typed` at a terminal, or `piped` into it. */
async function run({ typed, piped = '' }: { typed?: string[]; piped?: string }): Promise<string> {
  const said: string[] = [];
  writeFileSync(join(folder, 'group'), 'root:x:0:\n');
  writeFileSync(join(folder, 'passwd'), 'root:x:0:0::/root:/bin/sh\n');
  await setPassword(
    { config },
    {
      env: {},
      terminal: {
        isInteractive: typed !== undefined,
        say: (line) => void said.push(line),
        ask: () => Promise.reject(new Error('nothing else is asked')),
        askSecret: async (question) => {
          said.push(question);
          return typed!.shift()!;
        },
      },
      place: {
        uid: process.getuid!(),
        gid: process.getgid!(),
        groupFile: join(folder, 'group'),
        passwdFile: join(folder, 'passwd'),
      },
    },
    Readable.from([piped]),
  );
  return said.join('\n');
}

async function isKept(file: string, password: string): Promise<boolean> {
  const text = readFileSync(file, 'utf8');
  expect(text).not.toContain(password);
  return isPassword(password, parsePasswordHash(text.trim())!);
}

test('a password is asked for twice and kept as a hash for the service alone', async () => {
  writeFileSync(config, written());
  const good = 'correct horse battery';
  const said = await run({ typed: ['short', 'aaaaaaaaaaaa', good, 'another one 123', good, good] });
  const file = join(folder, 'admin-password');
  expect(said).toContain('it needs 12 characters or more');
  expect(said).toContain('it is too much of the same');
  expect(said).toContain('these were two different ones');
  expect(said).toContain(`password_file = "${file}"`);
  expect(said).not.toContain(good);
  expect(await isKept(file, good)).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a program writes it on standard input', async () => {
  writeFileSync(config, written('127.0.0.1:8081', 'password_file = "hash"'));
  const said = await run({ piped: 'correct horse battery\n' });
  expect(said).toContain('sudo simgate reload');
  expect(await isKept(join(folder, 'hash'), 'correct horse battery')).toBe(true);
  await expect(run({ piped: 'short\n' })).rejects.toThrow('will not do: it needs 12');
  expect(await isKept(join(folder, 'hash'), 'correct horse battery')).toBe(true);
});

test('a configuration that waits for the password, or is not there yet, is no obstacle', async () => {
  writeFileSync(config, written('0.0.0.0:8081'));
  await run({ piped: 'correct horse battery' });
  expect(await isKept(join(folder, 'admin-password'), 'correct horse battery')).toBe(true);
});
