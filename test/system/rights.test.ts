import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPty, type Pty } from '../../src/simulator/pty.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');
let folder: string;
let pty: Pty;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-rights-'));
  chmodSync(folder, 0o755);
  pty = await openPty({ onData: () => undefined, onError: () => undefined });
});
afterEach(async () => {
  await pty.hangUp();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command as `nobody`, who has no right to anything here, for at most 3 s. */
function asNobody(args: string[]): string {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const { stdout, stderr, error } = spawnSync('setpriv', [...nobody, process.execPath, cli, ...args], {
    encoding: 'utf8',
    timeout: 3_000,
    env: { PATH: process.env.PATH, SIMGATE_AUTH0_SECRET: process.env.SIMGATE_AUTH0_SECRET },
  });
  if (error && (error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') throw error;
  return stdout + stderr;
}

function configure(auth0: string, stateDir: string): string {
  const file = join(folder, 'simgate.toml');
  writeFileSync(
    file,
    `state_dir = "${stateDir}"
[http]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[control]
socket = "control.sock"
[auth0]
subject = "urn:Auth0"
audience = "urn:MySmsGateway"
${auth0}
[policy]
countries = ["*"]
[[modem]]
name = "main"
device = "${pty.slavePath}"
`,
  );
  return file;
}

test('a secret that the service cannot read is named with its file', () => {
  writeFileSync(join(folder, 'secret'), 'x'.repeat(40), { mode: 0o600 });
  const said = asNobody(['serve', '--config', configure('secret_file = "secret"', join(folder, 'state'))]);
  expect(said).toContain('auth0.secret_file');
  expect(said).toMatch(/permission denied|EACCES/i);
});

test('a state directory that cannot be written is named', () => {
  process.env.SIMGATE_AUTH0_SECRET = 'y'.repeat(40);
  const said = asNobody(['serve', '--config', configure('', join(folder, 'state'))]);
  expect(said).toContain(`state_dir ${join(folder, 'state')} cannot be made`);
});

test('a tty without the right to it points to the group dialout', () => {
  process.env.SIMGATE_AUTH0_SECRET = 'y'.repeat(40);
  const open = mkdtempSync(join(tmpdir(), 'simgate-open-'));
  chmodSync(open, 0o777);
  try {
    const said = asNobody(['serve', '--config', configure('', join(open, 'state'))]);
    expect(said).toContain('permission denied');
    expect(said).toContain('dialout');
  } finally {
    rmSync(open, { recursive: true, force: true });
  }
});

test('root is not let into the state directory of the service’s user, who could not read it afterwards', () => {
  process.env.SIMGATE_AUTH0_SECRET = 'y'.repeat(40);
  const state = join(folder, 'state');
  mkdirSync(state);
  chownSync(state, 65_534, 65_534);
  const { stderr } = spawnSync(process.execPath, [cli, 'serve', '--config', configure('', state)], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  expect(stderr).toMatch(/belongs to another user \(uid 65534\).*sudo -u simgate simgate serve/);
  expect(readdirSync(state)).toEqual([]);
});
