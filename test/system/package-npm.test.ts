import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Machine } from './package-machine.js';

const repository = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'simgate-npm-'));
const prefix = join(folder, 'prefix');
let tarball: string;

beforeAll(() => {
  // dist/ is built before; `npm pack` would do it again.
  execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--pack-destination', folder, '--loglevel=error'],
    {
      cwd: repository,
    },
  );
  [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  // As a newer npm does it for who has not said otherwise.
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync(
    'npm',
    ['install', '--global', '--prefix', prefix, ...quiet, join(folder, tarball)],
    {
      cwd: folder,
    },
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the packed tarball brings the program with what its service needs, and neither sources nor tests', () => {
  const files = execFileSync('tar', ['--list', '--file', join(folder, tarball)], {
    encoding: 'utf8',
  }).split('\n');
  const tops = new Set(files.flatMap((file) => /^package\/([^/]+)/.exec(file)?.[1] ?? []));
  expect([...tops].sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'config',
    'dist',
    'docs',
    'package.json',
    'packaging',
    'systemd',
    'udev',
  ]);
  expect(files.filter((file) => file.startsWith('package/packaging/')).sort()).toEqual([
    'package/packaging/files/simgate.sysusers.conf',
    'package/packaging/files/simgate.tmpfiles.conf',
  ]);
});

test('source maps name files of the repository, and hold no text nor path of the machine that built them', () => {
  const dist = join(prefix, 'lib/node_modules/simgate/dist');
  const maps = readdirSync(dist).filter((name) => name.endsWith('.map'));
  expect(maps.length).toBeGreaterThan(2);
  for (const name of maps) {
    const map = JSON.parse(readFileSync(join(dist, name), 'utf8')) as {
      sources: string[];
      sourcesContent?: unknown;
    };
    expect(map.sourcesContent).toBeUndefined();
    expect(map.sources.filter((source) => !/^\.\.\/(src|node_modules)\//.test(source))).toEqual([]);
  }
});

test('npm install --global of the tarball, with no script of a package run, gives a program whose demo sends', () => {
  const said = execFileSync(join(prefix, 'bin/simgate'), ['demo', '--once'], { encoding: 'utf8' });
  expect(said.match(/answer: \d+/g)).toEqual([
    'answer: 200',
    'answer: 502',
    'answer: 401',
    'answer: 504',
  ]);
});

test('service install on a machine gives a unit whose command starts that installation as the service’s user', async () => {
  const machine = await Machine.start();
  try {
    const home = '/usr/local/lib/node_modules';
    const packed = execFileSync(
      'tar',
      ['--create', '--directory', join(prefix, 'lib/node_modules'), 'simgate'],
      {
        maxBuffer: 200e6,
      },
    );
    machine.put('/root/simgate.tar', packed);
    machine.must(['mkdir', '-p', home, '/run/systemd/system']);
    machine.must([
      'tar',
      '--extract',
      '--no-same-owner',
      '--directory',
      home,
      '--file',
      '/root/simgate.tar',
    ]);
    machine.must(['ln', '-s', '../lib/node_modules/simgate/dist/cli.js', '/usr/local/bin/simgate']);
    // There is neither udev nor systemd behind the commands.
    for (const name of ['systemctl', 'udevadm'])
      machine.put(`/usr/local/bin/${name}`, '#!/bin/sh\n', '755');

    const refused = machine.run(['simgate', 'service', 'install'], { user: 'nobody' });
    expect(refused.status).toBe(1);
    expect(refused.output).toContain('this takes root: sudo simgate service install');

    const before = machine.changes();
    expect(machine.must(['simgate', 'service', 'install', '--dry-run'])).toContain(
      '$ systemctl daemon-reload',
    );
    expect(machine.changes()).toEqual(before);

    machine.must(['simgate', 'service', 'install']);
    expect(machine.list('/var/lib/simgate')).toEqual(['0700 simgate:simgate /var/lib/simgate']);
    const unit = machine.must(['cat', '/etc/systemd/system/simgate.service']);
    const command = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
    expect(command.slice(0, 2)).toEqual([
      realpathSync(process.execPath),
      `${home}/simgate/dist/cli.js`,
    ]);
    const { status, output } = machine.run(command, { user: 'simgate' });
    expect(status).toBe(78); // EX_CONFIG (sysexits.h)
    expect(output).toContain('/etc/simgate/simgate.toml');

    machine.must(['simgate', 'service', 'uninstall']);
    expect(machine.changes().filter((file) => /^\/etc\/.*simgate/.test(file))).toEqual([]);
  } finally {
    await machine.stop();
  }
});
