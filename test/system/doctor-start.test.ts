/**
 * With the daemon down, as root: doctor judges as the service's user, names first what keeps it
 * from starting, and its remedy, carried out as it stands, cures it. Needs root: it is about the
 * rights of another user.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DoctorReport, Finding } from '../../src/doctor/finding.js';
import { Child } from '../faults/child.js';

const nobody = 65_534;
let folder: string;
let port: number;
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-start-'));
  chmodSync(folder, 0o755);
  // What systemd and its journal would say of the service.
  mkdirSync(at('bin'));
  program('systemctl', 'echo nobody');
  program('journalctl', `echo '{"level":"error","message":"it ended at +4915112345678"}'`);
  mkdirSync(at('state'), { mode: 0o700 });
  writeFileSync(at('secret'), 'the-secret-of-this-test-run-0123456789abcdef', { mode: 0o600 });
  port = await freePort();
  configure(`127.0.0.1:${port}`);
  for (const name of ['state', 'secret', 'simgate.toml']) chownSync(at(name), nobody, nobody);
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, line: string): void {
  writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}

async function freePort(): Promise<number> {
  const server = await listen(0);
  const { port: free } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return free;
}

function listen(on: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(on, '127.0.0.1', () => resolve(server));
  });
}

function configure(address: string): void {
  writeFileSync(
    at('simgate.toml'),
    `state_dir = "state"
[http]
listen = "${address}"
[admin]
listen = "127.0.0.1:0"
[control]
socket = "control.sock"
[auth0]
subject = "urn:Auth0"
audience = "urn:MySmsGateway"
secret_file = "secret"
[policy]
countries = ["*"]
[[modem]]
name = "main"
device = "${at('no-modem')}"
`,
    { mode: 0o640 },
  );
}

async function doctor(): Promise<{ code: number | null; findings: Finding[] }> {
  let output = '';
  const child = new Child(
    ['doctor', '--json', '--config', at('simgate.toml')],
    (line, from) => {
      if (from === 'stdout') output += line;
    },
    { PATH: `${at('bin')}:${process.env.PATH ?? ''}` },
  );
  const { code } = await child.ended;
  return { code, findings: (JSON.parse(output) as DoctorReport).findings };
}

/** Carries out the commands of a remedy, as they stand. */
function follow({ remedy = '' }: Finding): void {
  const [commands] = /sudo ch.*?(?=;|$)/.exec(remedy) ?? [''];
  expect(commands).not.toBe('');
  execFileSync('sh', ['-c', commands.replaceAll('sudo ', '')]);
}

async function expectCured(): Promise<void> {
  const { code, findings } = await doctor();
  expect(code).toBe(1);
  expect(findings[0]).toMatchObject({
    check: 'daemon',
    level: 'error',
    remedy: 'sudo systemctl start simgate',
  });
  // Its last words, with the number masked.
  expect(findings[1]).toMatchObject({
    check: 'log',
    what: expect.stringMatching(/it ended at \+49…78$/),
  });
}

test('a service that could start is only missed', expectCured);

test.each<[string, string, () => void]>([
  ['secret', 'a secret that only root may read', () => take('secret', 0o600)],
  ['configuration', 'a configuration that only root may read', () => take('simgate.toml', 0o600)],
  ['state_dir', 'a state directory that is root’s', () => take('state', 0o700)],
  [
    'state_dir',
    'a file in it that root has left',
    () => {
      writeFileSync(at('state/hmac.key'), 'x'.repeat(32), { mode: 0o600 });
    },
  ],
])('%s: %s', async (check, _, begin) => {
  begin();
  const { code, findings } = await doctor();
  expect(code).toBe(1);
  expect(findings[0]).toMatchObject({ check, level: 'error' });
  follow(findings[0]!);
  await expectCured();
});

function take(name: string, mode: number): void {
  chownSync(at(name), 0, 0);
  chmodSync(at(name), mode);
}

test('a port that another program has', async () => {
  const other = await listen(port);
  const { code, findings } = await doctor();
  expect(code).toBe(1);
  expect(findings[0]).toMatchObject({
    check: 'port',
    what: expect.stringContaining(`port ${port} of 127.0.0.1 is taken`),
    remedy: expect.stringContaining(`sudo ss -ltnp sport = :${port}`),
  });
  await new Promise((resolve) => other.close(resolve));
  await expectCured();
});

test('a state directory on a disk that was mounted read-only', async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `ro,uid=${nobody},mode=700`, 'tmpfs', at('state')]);
  try {
    const { findings } = await doctor();
    expect(findings[0]).toMatchObject({
      check: 'state_dir',
      what: expect.stringContaining('mounted read-only'),
      remedy: expect.stringContaining('remount it for writing'),
    });
    execFileSync('mount', ['-o', 'remount,rw', at('state')]);
    await expectCured();
  } finally {
    execFileSync('umount', [at('state')]);
  }
});
