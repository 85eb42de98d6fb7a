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
import { freePort } from './free-port.js';

const nobody = 65_534;
/** Of Debian, as `base-passwd` has it. */
const dialout = 20;
let folder: string;
let port: number;
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-start-'));
  chmodSync(folder, 0o755);
  // What systemd and its journal would say of the service.
  mkdirSync(at('bin'));
  unit();
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

/** The service's unit, as systemctl shows it. */
function unit(...lines: readonly string[]): void {
  unitWith('/usr/bin/simgate', ...lines);
}

function unitWith(command: string, ...lines: readonly string[]): void {
  const [path] = command.split(' ');
  const shown = [
    'User=nobody',
    `ExecStart={ path=${path} ; argv[]=${command} serve --config ${at('simgate.toml')} ; ignore_errors=no }`,
    ...lines,
  ];
  program('systemctl', `cat <<'END'\n${shown.join('\n')}\nEND`);
}

function listen(on: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(on, '127.0.0.1', () => resolve(server));
  });
}

function configure(address: string, secretLine = 'secret_file = "secret"'): void {
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
${secretLine}
[policy]
countries = ["*"]
[[modem]]
name = "main"
device = "${at('no-modem')}"
`,
    { mode: 0o640 },
  );
}

async function doctor(
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; findings: Finding[] }> {
  let output = '';
  const child = new Child(
    ['doctor', '--json', '--config', at('simgate.toml')],
    (line, from) => {
      if (from === 'stdout') output += line;
    },
    { PATH: `${at('bin')}:${process.env.PATH ?? ''}`, ...env },
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

const secretOfUnit = 'another-secret-of-this-run-0123456789abcdef';

test.each<[string, () => void]>([
  ['Environment=', () => unit(`Environment=A=b "SIMGATE_AUTH0_SECRET=${secretOfUnit}"`)],
  [
    'an EnvironmentFile= that only root may read',
    () => {
      writeFileSync(at('env'), `# its secret\nSIMGATE_AUTH0_SECRET="${secretOfUnit}"\n`, {
        mode: 0o600,
      });
      unit(`EnvironmentFiles=${at('env')} (ignore_errors=no)`);
    },
  ],
])('a secret that only %s of the unit has is known, and nowhere shown', async (_, begin) => {
  configure(`127.0.0.1:${port}`, '');
  const { findings } = await doctor();
  expect(findings[0]).toMatchObject({ check: 'secret', level: 'error' });
  begin();
  await expectCured();
  expect(JSON.stringify(await doctor())).not.toContain(secretOfUnit);
});

test('an EnvironmentFile= that is not there keeps systemd from starting it', async () => {
  unit(`EnvironmentFiles=${at('env')} (ignore_errors=no)`);
  const { findings } = await doctor();
  expect(findings[0]).toMatchObject({
    check: 'configuration',
    what: expect.stringContaining(`${at('env')}, which EnvironmentFile= of simgate.service names`),
  });
  writeFileSync(at('env'), '');
  await expectCured();
});

test('a shell in front of it, and an EnvironmentFile= that is a pattern, are as systemd takes them', async () => {
  unitWith('/bin/sh -c exec simgate', `EnvironmentFiles=${at('env.*')} (ignore_errors=no)`);
  await expectCured();
});

test('a secret of the shell that asks is none of the service', async () => {
  configure(`127.0.0.1:${port}`, '');
  const { findings } = await doctor({ SIMGATE_AUTH0_SECRET: secretOfUnit });
  expect(findings[0]).toMatchObject({ check: 'secret', level: 'error' });
});

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

test('the tty of a modem that only root and its group may open', async () => {
  // Of what can be opened only its node counts here: nothing is opened.
  writeFileSync(at('no-modem'), '', { mode: 0o660 });
  chmodSync(at('no-modem'), 0o660);
  chownSync(at('no-modem'), 0, dialout);
  const { code, findings } = await doctor();
  expect(code).toBe(1);
  expect(findings[0]).toMatchObject({
    check: 'rights',
    about: 'main',
    what: expect.stringMatching(/no-modem may not be opened by nobody .*not in the group dialout$/),
    remedy: expect.stringContaining('SupplementaryGroups=dialout in the systemd unit'),
  });
  unit('SupplementaryGroups=dialout');
  await expectCured();
});

test('a damaged memory of PINs', async () => {
  writeFileSync(at('state/pins.json'), '{"', { mode: 0o600 });
  chownSync(at('state/pins.json'), nobody, nobody);
  const { findings } = await doctor();
  expect(findings[0]).toMatchObject({
    check: 'sim',
    what: expect.stringContaining('pins.json, which keeps what became of PINs, is damaged'),
  });
  const [, follows] = /then sudo (rm .*)$/.exec(findings[0]?.remedy ?? '') ?? [];
  execFileSync('sh', ['-c', follows ?? 'false']);
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
