import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { install, type System, show, uninstall } from '../../../src/operator/service/install.js';
import {
  findInstallation,
  marker,
  type Plan,
  planFor,
  whyNotForService,
} from '../../../src/operator/service/plan.js';

const [node, cli] = ['/usr/local/bin/node', '/usr/local/lib/node_modules/simgate/dist/cli.js'];
const { folder } = findInstallation();
const plan = planFor({ folder, node, cli });
const unitPath = '/etc/systemd/system/simgate.service';

let tree: string;
let said: string[];
let ran: string[];
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'simgate-service-'));
  said = [];
  ran = [];
});
afterEach(() => rmSync(tree, { recursive: true }));

const system = (changes: Partial<System> = {}): System => ({
  tree,
  isRoot: true,
  hasSystemd: true,
  run: (command) => {
    ran.push(command.join(' '));
    return 0;
  },
  say: (line) => said.push(line),
  ...changes,
});

const filesIn = (): string[] =>
  readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(tree.length))
    .sort();

const put = (path: string, content: string): void => {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), content);
};

test('it writes units, udev rules, drivers, user and folders, and has the system read them in order', () => {
  install(plan, system());
  expect(filesIn()).toEqual([
    '/etc/modules-load.d/simgate.conf',
    '/etc/systemd/system/simgate-recover.path',
    '/etc/systemd/system/simgate-recover.service',
    unitPath,
    '/etc/sysusers.d/simgate.conf',
    '/etc/tmpfiles.d/simgate.conf',
    ...readdirSync(join(folder, 'udev')).map((name) => `/etc/udev/rules.d/${name}`),
  ]);
  expect(ran).toEqual(plan.commands.map((command) => command.join(' ')));
  expect(ran[0]).toBe('systemd-sysusers /etc/sysusers.d/simgate.conf');
  expect(ran.at(-1)).toBe('systemctl daemon-reload');
  expect(said.join('\n')).toContain('sudo simgate setup');
});

test('the unit starts this installation with its own Node, and nothing in it names that of the Debian package', () => {
  install(plan, system());
  const unit = readFileSync(join(tree, unitPath), 'utf8');
  expect(unit).toContain(`\nExecStart=${node} ${cli} serve --config /etc/simgate/simgate.toml\n`);
  expect(unit).not.toContain('/usr/bin/simgate');
  const shipped = readFileSync(join(folder, 'systemd/simgate.service'), 'utf8');
  expect(unit).toBe(marker + shipped.replaceAll('=/usr/bin/simgate ', `=${node} ${cli} `));
});

test('a second time it replaces what it has written, and leaves alone what is the same', () => {
  install(plan, system());
  const moved: Plan = planFor({ folder, node: '/opt/node/bin/node', cli });
  said = [];
  install(moved, system());
  expect(said.filter((line) => line.startsWith('written'))).toEqual([
    'written    /etc/systemd/system/simgate-recover.service',
    `written    ${unitPath}`,
  ]);
  expect(readFileSync(join(tree, unitPath), 'utf8')).toContain('ExecStart=/opt/node/bin/node ');
});

test('a file that somebody else has written stops it before anything is written', () => {
  put(unitPath, '[Service]\nExecStart=/usr/bin/simgate serve\n');
  expect(() => install(plan, system())).toThrow(`move away first: ${unitPath}`);
  expect(filesIn()).toEqual([unitPath]);
  expect(ran).toEqual([]);
});

test('beside the Debian package it refuses', () => {
  put('/usr/lib/systemd/system/simgate.service', '');
  expect(() => install(plan, system())).toThrow('Debian package');
  expect(filesIn()).toEqual(['/usr/lib/systemd/system/simgate.service']);
});

test.each([
  ['without root', { isRoot: false }, 'sudo simgate service install'],
  ['without systemd', { hasSystemd: false }, 'systemd does not run here'],
])('%s it refuses, says why, and changes nothing', (_, lack, words) => {
  expect(() => install(plan, system(lack))).toThrow(words);
  expect(filesIn()).toEqual([]);
});

test.each([
  [3, 'ended with 3'],
  [undefined, 'no such command'],
])('a command that ends with %s is named, and those after it are not run', (status, words) => {
  const run = (command: readonly string[]): number | undefined => {
    ran.push(command[0] as string);
    return command[0] === 'udevadm' ? status : 0;
  };
  expect(() => install(plan, system({ run }))).toThrow(words);
  expect(ran).toEqual(['systemd-sysusers', 'systemd-tmpfiles', 'udevadm']);
});

test('uninstall stops the service and removes what is its own, and nothing else', () => {
  install(plan, system());
  put('/etc/simgate/simgate.toml', 'kept');
  put('/etc/udev/rules.d/60-simgate.rules', 'somebody’s own');
  ran = [];
  uninstall(plan, system());
  expect(filesIn()).toEqual(['/etc/simgate/simgate.toml', '/etc/udev/rules.d/60-simgate.rules']);
  expect(ran).toEqual([
    'systemctl disable --now simgate-recover.path simgate.service',
    'udevadm control --reload',
    'systemctl daemon-reload',
  ]);
  expect(() => uninstall(plan, system())).toThrow('has installed nothing here');
});

test('a dry run shows every file whole and every command', () => {
  show(plan, system());
  const text = said.join('\n');
  for (const { path, content } of plan.files) expect(text).toContain(`==> ${path}\n${content}`);
  for (const command of plan.commands) expect(text).toContain(`$ ${command.join(' ')}`);
});

test('a package without units of its own, as Debian’s, has nothing to install', () => {
  expect(() => planFor({ folder: tree, node, cli })).toThrow('as a Debian package does');
});

const rootOwned = () => ({ uid: 0, mode: 0o40755 });

test('a program of root’s in a folder that the service sees may be run', () => {
  expect(whyNotForService({ folder: '/', node, cli }, rootOwned)).toBeUndefined();
});

test.each([
  [
    '/home/pi/.nvm/versions/node/v22.0.0/bin/node',
    rootOwned,
    'in /home, which the service does not see',
  ],
  ['/root/.nvm/node', rootOwned, 'in /root'],
  ['/opt/my node/bin/node', rootOwned, 'characters'],
  ['/opt/%h/node', rootOwned, 'characters'],
  [
    '/opt/node',
    (path: string) => ({ uid: path === '/opt' ? 1000 : 0, mode: 0o755 }),
    '/opt does not belong to root',
  ],
  [
    '/opt/node',
    (path: string) => ({ uid: 0, mode: path === '/opt' ? 0o777 : 0o755 }),
    'everybody may write to /opt',
  ],
])('Node at %s is refused', (path, stat, words) => {
  expect(whyNotForService({ folder: '/', node: path, cli }, stat)).toContain(words);
});
