import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { version } from '../../src/version.js';
import { downloads, quickPackage } from './made-once.js';
import { buildPackages, olderRepository } from './package-build.js';
import { Machine, type Service } from './package-machine.js';
import { SystemdStandIn } from './package-systemd.js';

// The tests go on from one another, as the life of a package does: built, installed, set up,
// upgraded, removed, purged.
const repository = join(import.meta.dirname, '../..');
const out = mkdtempSync(join(tmpdir(), 'simgate-package-'));
const olderVersion = `${version}~1`;
/** EX_CONFIG (sysexits.h): the unit does not start that again. */
const wrongConfiguration = 78;
const configFile = '/etc/simgate/simgate.toml';
const exampleFile = '/usr/share/doc/simgate/examples/simgate.toml';
let machine: Machine;
let systemd: SystemdStandIn;

beforeAll(async () => {
  machine = await Machine.start();
  systemd = new SystemdStandIn(machine);
  // The package runs on its own, whatever is there.
  for (const folder of ['/usr/bin', '/usr/local/bin'])
    machine.put(`${folder}/node`, '#!/bin/sh\necho a foreign node >&2\nexit 1\n', '755');
  // The images of containers leave documents out.
  machine.must(['sh', '-c', 'rm -f /etc/dpkg/dpkg.cfg.d/docker*']);
  // Or man-db reads all manuals anew each time.
  machine.must(['rm', '-f', '/var/lib/man-db/auto-update']);
});
afterAll(async () => {
  await machine.stop();
  rmSync(out, { recursive: true });
});

/** As unattended upgrades do it: a question finds the end of stdin, and fails. */
function install(folder: string, packageVersion: string): string {
  const name = `simgate_${packageVersion}_amd64.deb`;
  machine.put(`/root/${name}`, readFileSync(join(out, folder, name)));
  systemd.forget();
  return machine.must(['dpkg', '--install', `/root/${name}`]);
}

const textOf = (deb: string, field: string): string =>
  execFileSync('dpkg-deb', ['--field', join(out, 'first', deb), field], {
    encoding: 'utf8',
  }).trim();

test('built twice, on a machine set up otherwise, all packages have the same bytes', {
  timeout: 400_000,
}, () => {
  // Packed as is quick; one thread of xz makes the same of the same, too, in minutes.
  const packing = ['--quick', '--downloads', downloads()];
  buildPackages(repository, join(out, 'first'), [...packing, '--node', 'debian']);
  for (const architecture of ['amd64', 'arm64'] as const) {
    const deb = quickPackage(architecture);
    cpSync(deb, join(out, 'first', basename(deb)));
  }
  buildPackages(repository, join(out, 'second'), packing, {
    UMASK: '077',
    TZ: 'Asia/Tokyo',
    LC_ALL: 'C',
  });
  const names = [
    `simgate-without-node_${version}_amd64.deb`,
    `simgate-without-node_${version}_arm64.deb`,
    `simgate_${version}_amd64.deb`,
    `simgate_${version}_arm64.deb`,
    `simgate_${version}_armhf.deb`,
  ];
  expect(readdirSync(join(out, 'first')).sort()).toEqual(names);
  for (const name of names)
    expect(
      readFileSync(join(out, 'first', name)).equals(readFileSync(join(out, 'second', name))),
      name,
    ).toBe(true);
});

test.each([
  ['simgate', 'amd64', 62, 4],
  ['simgate', 'arm64', 183, 4],
  ['simgate', 'armhf', 40, 2],
  ['simgate-without-node', 'amd64', 62, 3],
  ['simgate-without-node', 'arm64', 183, 3],
])(
  'all binaries of %s for %s are for that machine (e_machine %i), and there are %i',
  (name, architecture, eMachine, count) => {
    const deb = `${name}_${version}_${architecture}.deb`;
    const tree = join(out, `tree-${name}-${architecture}`);
    execFileSync('dpkg-deb', ['--extract', join(out, 'first', deb), tree]);
    const binaries = readdirSync(tree, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.node$|bin\/node$/.test(file),
    );
    expect(binaries.map((file) => readFileSync(join(tree, file)).readUInt16LE(18))).toEqual(
      Array.from({ length: count }, () => eMachine),
    );
    expect(textOf(deb, 'Package')).toBe('simgate');
    expect(textOf(deb, 'Architecture')).toBe(architecture);
  },
);

test('the packages with a Node depend on none, name its version, and bring its terms; the others depend on Debian’s', () => {
  const locked = JSON.parse(
    readFileSync(join(repository, 'packaging/node/package-lock.json'), 'utf8'),
  ) as { packages: Record<string, { version: string }> };
  for (const [architecture, cpu] of [
    ['amd64', 'x64'],
    ['arm64', 'arm64'],
  ]) {
    const deb = `simgate_${version}_${architecture}.deb`;
    expect(textOf(deb, 'Depends')).not.toContain('nodejs');
    const node = locked.packages[`node_modules/node-linux-${cpu}`]?.version;
    expect(textOf(deb, 'Description')).toContain(`It brings Node.js ${node},`);
    const documents = join(out, `tree-simgate-${architecture}`, 'usr/share/doc/simgate');
    expect(readFileSync(join(documents, 'copyright'), 'utf8')).toContain(`Node.js ${node}`);
    const terms = gunzipSync(readFileSync(join(documents, 'nodejs-terms.txt.gz'))).toString();
    expect(terms).toContain('Node.js is licensed for use as follows');
    expect(terms).toContain('OpenSSL');
    const older = `simgate-without-node_${version}_${architecture}.deb`;
    expect(textOf(older, 'Depends')).toContain('nodejs (>= 20.19)');
  }
  expect(textOf(`simgate_${version}_armhf.deb`, 'Depends')).toContain('nodejs (>= 20.19)');
});

test.each([
  { what: 'without a Node', fits: /-without-node_|_armhf\.deb$/, aside: [] },
  // Of Node's own words and libraries, which take it half a minute.
  {
    what: 'with a Node',
    fits: /^simgate_.*_amd64\.deb$/,
    aside: ['--dont-check-part', 'binaries/spelling,libraries/embedded'],
  },
])('lintian finds no error in the packages $what', ({ fits, aside }) => {
  // Of two with one name, version and architecture it looks at one only.
  const names = readdirSync(join(out, 'first')).filter((name) => fits.test(name));
  expect(names.length).toBeGreaterThan(0);
  const debs = names.map((name) => join(out, 'first', name));
  // With a finding of this level it ends with 2, which throws.
  execFileSync('lintian', ['--allow-root', '--fail-on', 'error,warning', ...aside, ...debs], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
});

test('the first installation makes the user and its folders, starts nothing, and says what is next', () => {
  const older = olderRepository(repository, join(out, 'older-repository'));
  buildPackages(older, join(out, 'older'), [
    '--architecture',
    'amd64',
    '--node',
    'package',
    '--quick',
    '--downloads',
    downloads(),
    '--deb-version',
    olderVersion,
  ]);
  const said = install('older', olderVersion);
  expect(said).toContain('sudo simgate setup');
  expect(said).toContain('sudo systemctl enable --now simgate');
  expect(systemd.asked().filter((line) => line.includes('simgate'))).toEqual([]);
  expect(machine.must(['id', '--name', '--groups', 'simgate']).split(/\s+/)).toContain('dialout');
  expect(machine.list('/etc/simgate')).toEqual([
    `0644 root:root ${configFile}`,
    '0755 root:root /etc/simgate',
  ]);
  expect(machine.list('/var/lib/simgate')).toEqual(['0700 simgate:simgate /var/lib/simgate']);
  expect(machine.must(['simgate', '--version']).trim()).toBe(version);
});

test('as installed it refuses to start, and names who asks for what is missing', () => {
  const { status, output } = machine.run(['simgate', 'serve'], { user: 'simgate' });
  expect(status).toBe(wrongConfiguration);
  expect(output).toContain('sudo simgate setup');
});

/** A virtual modem whose tty has the group and the mode that udev gives. */
async function plugIn(): Promise<Service> {
  const modem = machine.service(['simgate', 'simulate', '--link', '/run/modem', '--sms-events']);
  const { tty } = await modem.until((line) => line.event === 'ready');
  machine.must(['chown', 'root:dialout', String(tty)]);
  machine.must(['chmod', '660', String(tty)]);
  return modem;
}

test('as the example has it, but without a secret, it refuses still', () => {
  const { status, output } = machine.run(['simgate', 'serve', '--config', exampleFile], {
    user: 'simgate',
  });
  expect(status).toBe(wrongConfiguration);
  expect(output).toContain(
    'has a problem:\n  auth0.secret_file: cannot be read: there is no such file',
  );
});

/** What an operator may add: free ports, and a log that can be read here. */
const added = `
[http]
listen = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"

[log]
format = "json"
`;

/** `put` would change whose it is. */
const writeConfig = (text: string): string =>
  machine.must(['sh', '-c', `cat >${configFile}`], { input: text });

test('setup makes of it what the service’s user can start with, and a secret that nobody else reads', async () => {
  const modem = await plugIn();
  machine.must(['simgate', 'setup', '--yes', '--device', '/run/modem', '--countries', 'DE']);
  await modem.stop();
  expect(machine.must(['simgate', 'check-config'], { user: 'simgate' })).toContain('no problems');
  const { output } = machine.run(['cat', '/etc/simgate/auth0-secret'], { user: 'nobody' });
  expect(output).toContain('Permission denied');
  const config = machine.must(['cat', configFile]);
  writeConfig(config + added);
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
  const report = JSON.parse(
    machine.run(['simgate', 'doctor', '--json'], { user: 'simgate' }).output,
  ) as {
    modems: { name: string }[];
    findings: { check: string; level: string; what: string }[];
  };
  expect(report.modems).toHaveLength(1);
  // No daemon runs yet, and that is all there is.
  expect(report.findings.filter(({ level }) => level === 'error')).toMatchObject([
    { check: 'daemon' },
  ]);
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

test('an upgrade with another example keeps what setup and the operator wrote, asks nothing, and restarts the service only where it runs', async () => {
  const kept = () => [
    machine.must(['cat', configFile]),
    ...machine.list('/etc/simgate'),
    ...machine.list('/var/lib/simgate'),
  ];
  const [before, olderExample] = [kept(), machine.must(['cat', exampleFile])];
  const said = install('first', version);
  expect(machine.must(['cat', exampleFile])).not.toBe(olderExample);
  expect(said).not.toContain('simgate setup');
  expect(said).not.toContain('onfiguration file');
  expect(systemd.asked().filter((line) => line.includes('simgate'))).toEqual([
    'try-restart simgate.service',
  ]);
  expect(statusOf()).toBe(`install ok installed ${version}`);
  expect(kept()).toEqual(before);
  const daemon = await sendThrough('Your code is 582216');
  expect(journal()).toMatchObject([{ status: 200 }, { status: 200 }]);
  expect(await daemon.stop()).toBe(0);
});

/** What dpkg has of it; "installed" is when all its scripts went through. */
const statusOf = (): string =>
  machine.must(['dpkg-query', '--show', '--showformat', `\${Status} \${Version}`, 'simgate']);

test('an upgrade to a version that refuses the configuration leaves the running service alone, and says so', async () => {
  const config = machine.must(['cat', configFile]);
  writeConfig(`${config}colour = "red"\n`);
  await systemd.whileRunning('LANG=C', () => {
    const said = install('first', version);
    expect(said).toContain('log.colour');
    expect(said).toContain('NOT RESTARTED');
  });
  expect(systemd.asked().filter((line) => line.includes('simgate'))).toEqual([]);
  expect(statusOf()).toBe(`install ok installed ${version}`);
  writeConfig(config);
});

test('an upgrade knows the secret that the running service has from its environment', async () => {
  const config = machine.must(['cat', configFile]);
  const secret = machine.must(['cat', '/etc/simgate/auth0-secret']).trim();
  writeConfig(config.replace(/^secret_file = .*\n/m, ''));
  expect(machine.run(['simgate', 'check-config'], { user: 'simgate' }).status).toBe(
    wrongConfiguration,
  );
  await systemd.whileRunning(`SIMGATE_AUTH0_SECRET=${secret}`, () => {
    const said = install('first', version);
    expect(said).not.toContain('NOT RESTARTED');
    expect(said).not.toContain(secret);
  });
  expect(systemd.asked()).toContain('try-restart simgate.service');
  writeConfig(config);
});

test('where systemd answers nothing, installation and removal go through and say what was not done', () => {
  systemd.isBroken = true;
  const said = install('first', version);
  expect(said).toContain('systemd did not read its units anew');
  expect(statusOf()).toBe(`install ok installed ${version}`);
  const removing = machine.must(['dpkg', '--remove', 'simgate']);
  for (const warning of ['was not stopped', 'was not disabled', 'still knows the units'])
    expect(removing).toContain(warning);
  expect(statusOf()).toBe(`deinstall ok config-files ${version}`);
  systemd.isBroken = false;
  install('first', version);
});

test('removal stops and disables the service, and leaves configuration, secret and journal', () => {
  machine.must(['env', 'SYSTEMD_OFFLINE=1', '/usr/bin/systemctl', 'enable', 'simgate.service']);
  const wanted = '/etc/systemd/system/multi-user.target.wants/simgate.service';
  expect(machine.list(wanted)).toHaveLength(1);
  const kept = [...machine.list('/etc/simgate'), ...machine.list('/var/lib/simgate')];
  expect(kept.join()).toContain('/var/lib/simgate/journal.db');
  systemd.forget();
  machine.must(['dpkg', '--remove', 'simgate']);
  expect(systemd.asked()).toContain('stop simgate-recover.path simgate.service');
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
    /^\/etc\/(passwd|group|shadow|gshadow)-?$|^\/etc\/\.pwd\.lock$|^\/var\/(lib\/(dpkg|man-db)|log|cache)\/|^\/root\/|^\/etc\/dpkg\/|^\/usr\/(local\/bin\/(systemctl|node)|bin\/node|sbin\/policy-rc\.d)$/;
  expect(machine.changes().filter((file) => !others.test(file))).toEqual([]);
  expect(machine.run(['dpkg-query', '--list', 'simgate']).status).not.toBe(0);
  const user = machine.must(['getent', 'passwd', 'simgate']);
  console.log(`left after purge:\n${user}`);
  expect(user).toContain('nologin');
});
