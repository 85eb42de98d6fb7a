import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { debianChangelog, releasesOf } from '../../packaging/debian-changelog.js';
import { debianCopyright } from '../../packaging/debian-copyright.js';
import { commandManual, parseHelp } from '../../packaging/man-command.js';
import { configurationManual, entriesOf } from '../../packaging/man-configuration.js';
import { shippedConfig } from '../../packaging/shipped-config.js';
import { version } from '../../src/version.js';

const repository = join(import.meta.dirname, '../..');
const cli = join(repository, 'dist/cli.js');
const example = readFileSync(join(repository, 'config/simgate.example.toml'), 'utf8');

test('the configuration as shipped is the example without a modem’s device and without countries', () => {
  const [shipped, whole] = [parse(shippedConfig(example)), parse(example)] as Record<
    string,
    Record<string, unknown>
  >[];
  expect(shipped?.modem).toEqual([{ name: 'main' }]);
  expect(shipped?.policy).not.toHaveProperty('countries');
  expect({ ...shipped, modem: undefined, policy: undefined }).toEqual({
    ...whole,
    modem: undefined,
    policy: undefined,
  });
  expect(shippedConfig(example).split('\n')[0]).toContain('does not start until');
});

test.each([
  ['decides nothing', example.replace(/^device = /m, '#device = ')],
  ['has a second modem', `${example}\n[[modem]]\nname = "b"\ndevice = "/dev/ttyUSB1"\n`],
  ['begins otherwise', example.replace('#\n# A line', '# A line')],
])('an example that %s is refused: what would be shipped is not known', (_, text) => {
  expect(() => shippedConfig(text)).toThrow();
});

test('a changelog becomes Debian’s, with the date of each release and lines that fit', () => {
  const text = `# Changelog\n\n## 0.2.0, unreleased\n\n- One thing, ${'which is told at length, '.repeat(6)}\n  over two lines.\n- Another.\n\n## 0.1.0, 2026-11-01\n\n- First.\n`;
  const made = debianChangelog(releasesOf(text, Date.UTC(2026, 11, 24)), '0.2.0~1', 'A <a@example.org>');
  expect(made).toContain('simgate (0.2.0~1) unstable; urgency=medium\n\n  * One thing, which');
  expect(made).toContain('\n  * Another.\n\n -- A <a@example.org>  Thu, 24 Dec 2026 00:00:00 +0000\n');
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
    env: { ...process.env, MANWIDTH: '1000', LC_ALL: 'C.UTF-8', MANROFFOPT: '-c', MAN_KEEP_FORMATTING: '' },
  });
  if (error) throw error;
  expect(stderr).toBe('');
  return stdout;
}

test('simgate(1) has every command that the program has, and each of its options', () => {
  const page = rendered(commandManual(cli, version, '2026-11-01'));
  const main = parseHelp(spawnSync(process.execPath, [cli, '--help'], { encoding: 'utf8' }).stdout);
  const commands =
    main.lists.find(({ name }) => name === 'Commands')?.entries.map(([name]) => name.split(' ')[0]) ?? [];
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
