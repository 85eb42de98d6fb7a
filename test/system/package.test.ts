import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { version } from '../../src/version.js';
import { Machine, type Service } from './package-machine.js';

// The tests go on from one another, as the life of a package does: built, installed, set up, upgraded, removed, purged.
const repository = join(import.meta.dirname, '../..');
const out = mkdtempSync(join(tmpdir(), 'simgate-package-'));
const olderVersion = `${version}~1`;
const configFile = '/etc/simgate/simgate.toml';
let machine: Machine;

beforeAll(async () => {
  machine = await Machine.start();
  // Records what the package asks of systemd, which does not run there; `disable` is a matter of files and is done.
  machine.put(
    '/usr/local/bin/systemctl',
    '#!/bin/sh\necho "$*" >>/run/asked\ncase "$*" in *disable*) SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl "$@" ;; esac\n',
    '755',
  );
  machine.must(['mkdir', '-p', '/run/systemd/system']);
  // Or man-db reads all manuals anew each time.
  machine.must(['rm', '-f', '/var/lib/man-db/auto-update']);
  // A container may have one that lets no package start or stop a service.
  machine.put('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 0\n', '755');
});
afterAll(async () => {
  await machine.stop();
  rmSync(out, { recursive: true });
});

function build(folder: string, options: readonly string[] = [], env: Record<string, string> = {}): void {
  const script = join(repository, 'packaging/deb.ts');
  // The umask of the test's shell is given on: `sh -c` is where it can be another.
  const command = `umask ${env.UMASK ?? '022'}; exec "$@"`;
  const node = [process.execPath, '--import', 'tsx', script, '--out', join(out, folder), ...options];
  execFileSync('sh', ['-c', command, 'sh', ...node], { cwd: repository, env: { ...process.env, ...env } });
}

/** Node may not come from a Debian package here, as it would on an operator's machine; all other dependencies must be met. */
function install(folder: string, packageVersion: string): string {
  const name = `simgate_${packageVersion}_amd64.deb`;
  machine.put(`/root/${name}`, readFileSync(join(out, folder, name)));
  machine.must(['sh', '-c', ': >/run/asked']);
  return machine.must(['dpkg', '--ignore-depends=nodejs', '--install', `/root/${name}`]);
}

const askedOfSystemd = (): string[] =>
  machine
    .must(['cat', '/run/asked'])
    .split('\n')
    .filter((line) => /start|stop|enable|disable|reload/.test(line));

const textOf = (deb: string, field: string): string =>
  execFileSync('dpkg-deb', ['--field', join(out, 'first', deb), field], { encoding: 'utf8' }).trim();

test('built twice, on a machine set up otherwise, both packages have the same bytes', {
  timeout: 400_000,
}, () => {
  build('first');
  build('second', [], { UMASK: '077', TZ: 'Asia/Tokyo', LC_ALL: 'C' });
  const names = ['amd64', 'arm64'].map((architecture) => `simgate_${version}_${architecture}.deb`);
  expect(readdirSync(join(out, 'first')).sort()).toEqual(names);
  for (const name of names)
    expect(readFileSync(join(out, 'first', name)).equals(readFileSync(join(out, 'second', name))), name).toBe(
      true,
    );
});

test.each([
  ['amd64', 62],
  ['arm64', 183],
])(
  'all binaries of the %s package are for that machine (e_machine %i), and there are three',
  (architecture, eMachine) => {
    const deb = `simgate_${version}_${architecture}.deb`;
    const tree = join(out, `tree-${architecture}`);
    execFileSync('dpkg-deb', ['--extract', join(out, 'first', deb), tree]);
    const binaries = readdirSync(tree, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.node'),
    );
    expect(binaries.map((name) => readFileSync(join(tree, name)).readUInt16LE(18))).toEqual([
      eMachine,
      eMachine,
      eMachine,
    ]);
    expect(textOf(deb, 'Architecture')).toBe(architecture);
    expect(textOf(deb, 'Depends')).toContain('nodejs (>= 20.19)');
  },
);

test('lintian finds no error', () => {
  const debs = readdirSync(join(out, 'first')).map((name) => join(out, 'first', name));
  // With a finding of this level it ends with 2, which throws.
  execFileSync('lintian', ['--allow-root', '--fail-on', 'error,warning', ...debs], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
});

test('the first installation makes the user and its folders, starts nothing, and says what is next', () => {
  build('older', ['--architecture', 'amd64', '--deb-version', olderVersion]);
  const said = install('older', olderVersion);
  expect(said).toContain('sudo simgate setup');
  expect(said).toContain('sudo systemctl enable --now simgate');
  expect(askedOfSystemd().filter((line) => line.includes('simgate'))).toEqual([]);
  expect(machine.must(['id', '--name', '--groups', 'simgate']).split(/\s+/)).toContain('dialout');
  expect(machine.list('/etc/simgate')).toEqual([
    `0644 root:root ${configFile}`,
    '0755 root:root /etc/simgate',
  ]);
  expect(machine.list('/var/lib/simgate')).toEqual(['0700 simgate:simgate /var/lib/simgate']);
  expect(machine.must(['simgate', '--version']).trim()).toBe(version);
});

test('as installed it refuses to start, and names what is missing', () => {
  const { status, output } = machine.run(['simgate', 'serve'], { user: 'simgate' });
  expect(status).toBe(1);
  expect(output).toContain('modem[0].device: is missing');
  expect(output).toContain('policy.countries: is missing');
});

/** A virtual modem whose tty has the group and the mode that udev gives. */
async function plugIn(): Promise<Service> {
  const modem = machine.service(['simgate', 'simulate', '--link', '/run/modem', '--sms-events']);
  const { tty } = await modem.until((line) => line.event === 'ready');
  machine.must(['chown', 'root:dialout', String(tty)]);
  machine.must(['chmod', '660', String(tty)]);
  return modem;
}

/** The configuration with what an operator must say, on free ports, and a log that can be read here. */
const completed = (config: string): string =>
  config
    .replace(/^#device = .*$/m, 'device = "/run/modem"')
    .replace(/^#countries = .*$/m, 'countries = ["DE"]')
    .replace(/^#listen = "127.0.0.1:\d+"$/gm, 'listen = "127.0.0.1:0"')
    .replace('#format = "auto"', 'format = "json"');

test('with a modem and countries, but no secret, it refuses still', () => {
  machine.put('/run/trial.toml', completed(machine.must(['cat', configFile])));
  const { status, output } = machine.run(['simgate', 'serve', '--config', '/run/trial.toml'], {
    user: 'simgate',
  });
  expect(status).toBe(1);
  expect(output).toContain('has a problem:\n  auth0.secret_file: cannot be read: there is no such file');
});

test('setup makes of it what the service’s user can start with, and a secret that nobody else reads', async () => {
  const modem = await plugIn();
  machine.must(['simgate', 'setup', '--yes', '--device', '/run/modem', '--countries', 'DE']);
  await modem.stop();
  expect(machine.must(['simgate', 'check-config'], { user: 'simgate' })).toContain('no problems');
  const { output } = machine.run(['cat', '/etc/simgate/auth0-secret'], { user: 'nobody' });
  expect(output).toContain('Permission denied');
  // `put` would change whose it is.
  const config = machine.must(['cat', configFile]).replace(/^#(device|countries) = .*\n/gm, '');
  machine.must(['sh', '-c', `cat >${configFile}`], { input: completed(config) });
  expect(machine.must(['simgate', 'check-config'], { user: 'simgate' })).toContain('no problems');
});

/** The daemon as its unit starts it, with a ready modem. */
async function startDaemon(): Promise<{ daemon: Service; port: number }> {
  machine.must(['install', '-d', '-o', 'simgate', '-g', 'simgate', '-m', '750', '/run/simgate']);
  const daemon = machine.service(['simgate', 'serve', '--config', configFile], 'simgate');
  const { port } = await daemon.until((line) => line.event === 'started');
  await daemon.until((line) => line.event === 'modem' && line.phase === 'ready');
  return { daemon, port: Number(port) };
}

test('doctor finds nothing wrong with the modem', async () => {
  const modem = await plugIn();
  const report = JSON.parse(machine.run(['simgate', 'doctor', '--json'], { user: 'simgate' }).output) as {
    modems: { name: string }[];
    findings: { check: string; level: string; what: string }[];
  };
  expect(report.modems).toHaveLength(1);
  expect(report.findings.filter(({ level }) => level === 'error')).toEqual([]);
  await modem.stop();
});

/** What the journal says, oldest first. */
function journal(): Record<string, unknown>[] {
  const lines = machine.must(['simgate', 'log', '--json']).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function sendThrough(text: string): Promise<Service> {
  const modem = await plugIn();
  const { daemon, port } = await startDaemon();
  const token = machine.must(['simgate', 'token'], { user: 'simgate' }).trim();
  const response = await fetch(`http://127.0.0.1:${port}/sms`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ recipient: '+49 151 12345678', body: text }),
  });
  expect(response.status, await response.text()).toBe(200);
  await modem.until((line) => line.event === 'sms');
  expect(modem.lines.filter((line) => line.event === 'sms')).toMatchObject([
    { recipient: '+4915112345678', text },
  ]);
  return daemon;
}

test('it sends as the service’s user: the network has the text of a signed request', async () => {
  const daemon = await sendThrough('Your code is 417093');
  expect(journal()).toMatchObject([{ status: 200 }]);
  expect(await daemon.stop()).toBe(0);
});

test('an upgrade keeps configuration, secret and journal, and restarts the service only where it runs', async () => {
  const before = [
    machine.must(['cat', configFile]),
    ...machine.list('/etc/simgate'),
    ...machine.list('/var/lib/simgate'),
  ];
  const said = install('first', version);
  expect(said).not.toContain('simgate setup');
  expect(askedOfSystemd().filter((line) => line.includes('simgate'))).toEqual([
    'try-restart simgate.service',
  ]);
  expect(machine.must(['dpkg-query', '--show', 'simgate']).trim()).toBe(`simgate\t${version}`);
  const after = [
    machine.must(['cat', configFile]),
    ...machine.list('/etc/simgate'),
    ...machine.list('/var/lib/simgate'),
  ];
  expect(after).toEqual(before);
  const daemon = await sendThrough('Your code is 582216');
  expect(journal()).toMatchObject([{ status: 200 }, { status: 200 }]);
  expect(await daemon.stop()).toBe(0);
});

test('removal stops and disables the service, and leaves configuration, secret and journal', () => {
  machine.must(['env', 'SYSTEMD_OFFLINE=1', '/usr/bin/systemctl', 'enable', 'simgate.service']);
  const wanted = '/etc/systemd/system/multi-user.target.wants/simgate.service';
  expect(machine.list(wanted)).toHaveLength(1);
  const kept = [...machine.list('/etc/simgate'), ...machine.list('/var/lib/simgate')];
  expect(kept.join()).toContain('/var/lib/simgate/journal.db');
  machine.must(['sh', '-c', ': >/run/asked']);
  machine.must(['dpkg', '--remove', 'simgate']);
  expect(askedOfSystemd()).toContain('stop simgate-recover.path simgate.service');
  expect(machine.list(wanted)).toEqual([]);
  expect([...machine.list('/etc/simgate'), ...machine.list('/var/lib/simgate')]).toEqual(kept);
  console.log(`left after removal:\n${kept.join('\n')}`);
  expect(machine.list('/usr/lib/simgate')).toEqual([]);
  expect(machine.list('/usr/bin/simgate')).toEqual([]);
});

test('purge leaves the user, and nothing else', () => {
  machine.must(['dpkg', '--purge', 'simgate']);
  // The accounts' own files, dpkg's and other programs' records, and what this test put there.
  const others =
    /^\/etc\/(passwd|group|shadow|gshadow)-?$|^\/etc\/\.pwd\.lock$|^\/var\/(lib\/(dpkg|man-db)|log|cache)\/|^\/root\/|^\/usr\/(local\/bin\/systemctl|sbin\/policy-rc\.d)$/;
  expect(machine.changes().filter((file) => !others.test(file))).toEqual([]);
  expect(machine.run(['dpkg-query', '--list', 'simgate']).status).not.toBe(0);
  const user = machine.must(['getent', 'passwd', 'simgate']);
  console.log(`left after purge:\n${user}`);
  expect(user).toContain('nologin');
});
