import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPty, type Pty } from '../../src/simulator/pty.js';
import { Person } from '../operator/setup/support/person.js';

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

/** What `serve` says as `nobody`, who has no right to anything here, until it ends or says that. */
async function servedAsNobody(config: string, until?: string): Promise<string> {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const daemon = spawn('setpriv', [...nobody, process.execPath, cli, 'serve', '--config', config], {
    timeout: 60_000,
    env: { PATH: process.env.PATH, SIMGATE_AUTH0_SECRET: process.env.SIMGATE_AUTH0_SECRET },
  });
  let said = '';
  for (const stream of [daemon.stdout, daemon.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (until !== undefined && said.includes(until)) daemon.kill();
    });
  await once(daemon, 'close');
  return said;
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

test('a secret that the service cannot read is named with its file', async () => {
  writeFileSync(join(folder, 'secret'), 'x'.repeat(40), { mode: 0o600 });
  const said = await servedAsNobody(configure('secret_file = "secret"', join(folder, 'state')));
  expect(said).toContain('auth0.secret_file');
  expect(said).toMatch(/permission denied|EACCES/i);
});

test('a state directory that cannot be written is named', async () => {
  process.env.SIMGATE_AUTH0_SECRET = 'y'.repeat(40);
  const said = await servedAsNobody(configure('', join(folder, 'state')));
  expect(said).toContain(`state_dir ${join(folder, 'state')} cannot be made`);
});

test('a tty without the right to it points to the group dialout', async () => {
  process.env.SIMGATE_AUTH0_SECRET = 'y'.repeat(40);
  const open = mkdtempSync(join(tmpdir(), 'simgate-open-'));
  chmodSync(open, 0o777);
  try {
    const said = await servedAsNobody(configure('', join(open, 'state')), 'dialout');
    expect(said).toContain('permission denied');
    expect(said).toContain('dialout');
  } finally {
    rmSync(open, { recursive: true, force: true });
  }
});

test('a folder for the socket of the admin listener that cannot be written is named', async () => {
  process.env.SIMGATE_AUTH0_SECRET = 'y'.repeat(40);
  const run = join(folder, 'run');
  mkdirSync(run, { mode: 0o755 });
  const state = join(folder, 'state');
  mkdirSync(state);
  chownSync(state, 65_534, 65_534);
  const file = configure('', state);
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace('[admin]\nlisten = "127.0.0.1:0"', '[admin]\nlisten = "unix:run/admin.sock"'),
  );
  expect(await servedAsNobody(file)).toContain(
    `unix:${run}/admin.sock cannot be made: user nobody may not write to ${run}`,
  );
});

test('root is not let into the state directory of the service’s user, who could not read it afterwards', () => {
  process.env.SIMGATE_AUTH0_SECRET = 'y'.repeat(40);
  const state = join(folder, 'state');
  mkdirSync(state);
  chownSync(state, 65_534, 65_534);
  const { stderr } = spawnSync(process.execPath, [cli, 'serve', '--config', configure('', state)], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(stderr).toMatch(/belongs to another user \(uid 65534\).*sudo -u simgate simgate serve/);
  expect(readdirSync(state)).toEqual([]);
});

test('setup, as root, gives no rights away in a folder where another could put a link', async () => {
  const person = new Person();
  try {
    const foreign = join(folder, 'foreign');
    mkdirSync(foreign);
    const shadow = join(folder, 'shadow');
    writeFileSync(shadow, 'x'.repeat(40), { mode: 0o600 });
    symlinkSync(shadow, join(foreign, 'secret'));
    chownSync(foreign, 65_534, 65_534);
    const words = [
      '--secret-file',
      join(foreign, 'secret'),
      '--device',
      'auto',
      '--countries',
      'DE',
      '--yes',
    ];
    await expect(person.runsAsScript(...words)).rejects.toThrow(
      `${join(foreign, 'secret')} is not written by root: ${foreign} does not belong to root. Choose a place that is root's`,
    );
    const { uid, mode } = statSync(shadow);
    expect([uid, mode & 0o777]).toEqual([0, 0o600]);
  } finally {
    await person.leave();
  }
});

/**
 * What the service's user may do in the drop directory, and what root makes of it, with the program
 * as it is installed.
 */
test('the recovery hook runs as root for notes of the service’s user only, whatever that user puts in their place', () => {
  const [drop, taken] = ['drop', 'taken'].map((name) => join(folder, name)) as [string, string];
  mkdirSync(drop);
  chownSync(drop, 0, 65_534);
  chmodSync(drop, 0o1730);
  mkdirSync(taken, { mode: 0o700 });
  const hook = join(folder, 'hook');
  writeFileSync(hook, `#!/bin/sh\necho "$1 $(id -u) $(cat "$2")" >>${folder}/called\n`, {
    mode: 0o755,
  });
  const foreign = join(folder, 'foreign');
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'kept'), '');
  const shell = (user: string[], script: string) =>
    spawnSync('setpriv', [...user, 'sh', '-c', script], { encoding: 'utf8', cwd: drop });
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  expect(
    shell(nobody, `echo silent >main; ln -s ${foreign} link; mkdir full; : >full/x`).status,
  ).toBe(0);
  writeFileSync(join(drop, 'roots'), 'silent');
  // Neither the directory nor another's note can be replaced.
  expect(shell(nobody, `mv ${drop} ${folder}/gone || mv roots other || rm roots`).status).not.toBe(
    0,
  );
  const words = ['--drop-dir', drop, '--taken-dir', taken, '--hook', hook, '--owner', 'nobody'];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [cli, 'run-recovery-hook', ...words],
    {
      encoding: 'utf8',
    },
  );
  expect([stderr, status]).toEqual(['', 0]);
  expect(readFileSync(join(folder, 'called'), 'utf8')).toBe('main 0 silent\n');
  expect(stdout.match(/^<4>"(full|link|roots)"/gm)).toHaveLength(3);
  expect(readdirSync(drop).filter((name) => !name.startsWith('.'))).toEqual([]);
  expect(readdirSync(foreign)).toEqual(['kept']);
  // What another owns is no drop directory.
  chownSync(drop, 65_534, 65_534);
  const refused = spawnSync(process.execPath, [cli, 'run-recovery-hook', ...words], {
    encoding: 'utf8',
  });
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringContaining(`${drop} belongs to uid 65534`),
  ]);
  expect(existsSync(drop)).toBe(true);
});
