import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { debianChangelog, releasesOf } from '../../packaging/debian-changelog.js';
import { debianCopyright } from '../../packaging/debian-copyright.js';
import { fetchLocked, unpackLocked } from '../../packaging/fetch-natives.js';
import { commandManual, parseHelp } from '../../packaging/man-command.js';
import { configurationManual, entriesOf } from '../../packaging/man-configuration.js';
import { checkBinaries } from '../../packaging/native-binaries.js';
import { type LockFile, lockedNatives } from '../../packaging/native-packages.js';
import { wholeProgram } from '../../src/cli/commands.js';
import { version } from '../../src/version.js';

const repository = join(import.meta.dirname, '../..');
const cli = join(repository, 'dist/cli.js');
const example = readFileSync(join(repository, 'config/simgate.example.toml'), 'utf8');

const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as LockFile;
const temporary = mkdtempSync(join(tmpdir(), 'simgate-parts-'));
afterAll(() => rmSync(temporary, { recursive: true }));

test('the configuration as shipped is the one of every version: a change would ask, or stop an unattended upgrade half-way', () => {
  const shipped = readFileSync(join(repository, 'packaging/debian/simgate.toml'));
  expect(createHash('sha256').update(shipped).digest('hex')).toBe(
    'e68e857286c1bf6484d80bafae1b5a4a48025ec87e6dd4e8a1919158221a4b7a',
  );
});

test.each([
  ['x64', 'arm64'],
  ['arm64', 'x64'],
])('the lock file gives for %s the native packages of that CPU, and none of %s', (cpu, other) => {
  const folders = lockedNatives(lock, cpu).map(({ folder }) => folder);
  expect(folders.filter((folder) => folder.includes(cpu))).toEqual([
    `node_modules/@libsql/linux-${cpu}-gnu`,
    `node_modules/@lydell/node-pty-linux-${cpu}`,
  ]);
  // Its own version, not the one beside it that a build tool uses.
  expect(folders).toContain('node_modules/libsql/node_modules/detect-libc');
  expect(
    folders.filter(
      (folder) => /darwin|win32|musl|addon-api/.test(folder) || folder.includes(other),
    ),
  ).toEqual([]);
});

test.each([
  ['has no such package', { 'node_modules/ms': undefined }],
  ['has it without a checksum', { 'node_modules/ms': { version: '2.1.3' } }],
])('a lock file that %s is refused', (_, change) => {
  const packages = { ...lock.packages, ...change } as LockFile['packages'];
  expect(() => lockedNatives({ packages }, 'x64')).toThrow(
    'no ms with a checksum, which node_modules/debug needs',
  );
});

test('a download is known by its checksum, and one with another is not unpacked', () => {
  const [downloads, root, content] = ['downloads', 'root', 'content'].map((name) =>
    join(temporary, name),
  ) as [string, string, string];
  for (const folder of [downloads, root, join(content, 'any-name')])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(content, 'any-name/package.json'), '{}');
  const tarball = join(downloads, 'whatever-npm-calls-it.tgz');
  execFileSync('tar', [
    '--create',
    '--gzip',
    '--file',
    tarball,
    '--directory',
    content,
    'any-name',
  ]);
  const sha512 = createHash('sha512').update(readFileSync(tarball)).digest('base64');
  const locked = {
    folder: 'node_modules/@a/b',
    name: '@a/b',
    version: '1.0.0',
    integrity: `sha512-${sha512}`,
  };

  const swapped = { ...locked, integrity: lock.packages['node_modules/ms']?.integrity ?? '' };
  expect(() => unpackLocked([swapped], downloads, root)).toThrow('@a/b@1.0.0');
  expect(existsSync(join(root, 'node_modules'))).toBe(false);
  unpackLocked([locked], downloads, root);
  expect(readdirSync(join(root, 'node_modules/@a/b'))).toEqual(['package.json']);

  // No registry has it: what is there already is not got again. Another build's half is no tarball.
  mkdirSync(join(downloads, 'partly-of-another'));
  const part = join(temporary, 'part');
  const members = ['package.json'];
  fetchLocked([locked], part, { downloads, members });
  expect(readdirSync(join(part, 'node_modules/@a/b'))).toEqual(members);
  const none = { downloads, members: ['bin/node'] };
  expect(() => fetchLocked([locked], join(temporary, 'none'), none)).toThrow('bin/node');
});

const binaries = [
  '@libsql/linux-arm64-gnu/index.node',
  '@lydell/node-pty-linux-arm64/pty.node',
  '@serialport/bindings-cpp/prebuilds/linux-arm64/any.glibc.node',
];
const elf = (machine: number): Buffer => {
  const header = Buffer.alloc(64);
  header.write('\x7fELF', 'latin1');
  header.writeUInt16LE(machine, 18);
  return header;
};
function modulesWith(contents: Record<string, Buffer>): string {
  const modules = mkdtempSync(join(temporary, 'modules-'));
  for (const [name, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    writeFileSync(join(modules, name), content);
  }
  return modules;
}
const arm = Object.fromEntries(binaries.map((name) => [name, elf(183)]));
const [libsql = '', ...withoutLibsql] = binaries;

test('a package with one binary of its machine for each native package is taken', () => {
  expect(() => checkBinaries(modulesWith(arm), 'arm64')).not.toThrow();
});

test.each([
  [
    'another machine’s binary under the right name',
    { ...arm, [libsql]: elf(62) },
    `${libsql} is no library`,
  ],
  ['what is no library', { ...arm, [libsql]: Buffer.from('<html>') }, `${libsql} is no library`],
  [
    'one too few',
    Object.fromEntries(withoutLibsql.map((name) => [name, elf(183)])),
    'and has @lydell',
  ],
  [
    'one too many',
    { ...arm, '@libsql/linux-x64-gnu/index.node': elf(62) },
    'must have one binary in each of',
  ],
  ['none', {}, 'and has none'],
])('a package for arm64 with %s is refused', (_, contents, message) => {
  expect(() => checkBinaries(modulesWith(contents), 'arm64')).toThrow(message);
});

test('a changelog becomes Debian’s, with the date of each release and lines that fit', () => {
  const text = `# Changelog\n\n## 0.2.0, unreleased\n\n- One thing, ${'which is told at length, '.repeat(6)}\n  over two lines.\n- Another.\n\n## 0.1.0, 2026-11-01\n\n- First.\n`;
  const made = debianChangelog(
    releasesOf(text, Date.UTC(2026, 11, 24)),
    '0.2.0~1',
    'A <a@example.org>',
  );
  expect(made).toContain('simgate (0.2.0~1) unstable; urgency=medium\n\n  * One thing, which');
  expect(made).toContain(
    '\n  * Another.\n\n -- A <a@example.org>  Thu, 24 Dec 2026 00:00:00 +0000\n',
  );
  expect(made).toContain('simgate (0.1.0) unstable');
  expect(made).toContain('  Sun, 01 Nov 2026 00:00:00 +0000\n');
  expect(Math.max(...made.split('\n').map((line) => line.length))).toBeLessThan(80);
});

test.each(['', '# Changelog\n', '## 1.0, unreleased\n', '## 1.0.0, soon\n'])(
  'a changelog as %j is refused',
  (text) => {
    expect(() => releasesOf(text, 0)).toThrow('CHANGELOG.md');
  },
);

test('a licence that is given only by its name must be one whose text is there', () => {
  const notice = { name: 'x', version: '1', copyright: ['Copyright (c) 2020 X'], texts: [] };
  const own = 'MIT License\n\nCopyright (c) 2026 us\n\nPermission is granted.';
  const made = debianCopyright(own, [{ ...notice, license: 'MIT' }], []);
  expect(made).toContain('Files: *\nCopyright: 2026 us\nLicense: Expat\n');
  expect(made).toContain('License: Expat\n Permission is granted.\n');
  expect(() => debianCopyright(own, [{ ...notice, license: 'ISC' }], [])).toThrow('ISC');
});

/** What `man` makes of it, in wide lines; throws when roff complains. */
function rendered(roff: string): string {
  const { stdout, stderr, error } = spawnSync('man', ['--warnings', '--local-file', '-'], {
    input: roff,
    encoding: 'utf8',
    env: {
      ...process.env,
      MANWIDTH: '1000',
      LC_ALL: 'C.UTF-8',
      MANROFFOPT: '-c',
      MAN_KEEP_FORMATTING: '',
    },
  });
  if (error) throw error;
  expect(stderr).toBe('');
  return stdout;
}

test('simgate(1) has every command that the program has, and each of its options', async () => {
  const page = rendered(commandManual(await wholeProgram(), version, '2026-11-01'));
  const main = parseHelp(spawnSync(process.execPath, [cli, '--help'], { encoding: 'utf8' }).stdout);
  const commands =
    main.lists
      .find(({ name }) => name === 'Commands')
      ?.entries.map(([name]) => name.split(' ')[0]) ?? [];
  expect(commands).toContain('serve');
  for (const name of commands.filter((command) => command !== 'help'))
    expect(page).toContain(`simgate ${name}`);
  for (const option of ['-f, --follow', '--submit-latency <ms>', '-c, --config <file>'])
    expect(page).toContain(option);
});

test('simgate.toml(5) has every key of the example with its value, under its section', () => {
  const page = rendered(configurationManual(example, version, '2026-11-01'));
  const lines = example.match(/^#?[a-z]\w* = .*$/gm) ?? [];
  expect(lines.length).toBeGreaterThan(30);
  expect(entriesOf(example).filter(({ kind }) => kind === 'key')).toHaveLength(lines.length);
  for (const line of lines) expect(page).toContain(line.replace('#', '').trim());
  for (const section of example.match(/^\[.*\]$/gm) ?? []) expect(page).toContain(section);
});
