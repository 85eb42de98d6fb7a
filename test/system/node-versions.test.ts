import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const repository = join(import.meta.dirname, '../..');
const cli = join(repository, 'dist/cli.js');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-node-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Another Node. Throws when what npm brings is not of that version. */
function nodeOf(wanted: string): string {
  const name = `node-linux-${process.arch}@${wanted}`;
  execFileSync('npm', ['pack', '--loglevel=error', '--pack-destination', folder, name], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [tarball = ''] = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  // The program alone: with its headers and npm, a Node is thousands of files.
  const whole = ['--extract', '--gzip', '--file', tarball, '--strip-components=1'];
  execFileSync('tar', [...whole, '--wildcards', '*/bin/node'], { cwd: folder });
  const node = join(folder, 'bin/node');
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  expect(`${version}.`.startsWith(`v${wanted}.`), version).toBe(true);
  return node;
}

test.each(['20.19', '22', '24'])(
  'the built program runs on Node %s: its demo sends, is refused, and ends; its daemon knows all settings of its V8',
  (wanted) => {
    const node = nodeOf(wanted);
    const { status, stdout, stderr } = spawnSync(node, [cli, 'demo', '--once'], {
      encoding: 'utf8',
      timeout: 90_000,
    });
    expect(status, stdout + stderr).toBe(0);
    // A deprecation of a newer Node's would be said here first.
    expect(stderr).toBe('');
    expect(stdout.match(/answer: \d+/g)).toEqual([
      'answer: 200',
      'answer: 502',
      'answer: 401',
      'answer: 504',
    ]);
    // V8 would complain on stderr before the daemon looks for its configuration.
    const file = join(folder, 'none.toml');
    const daemon = spawnSync(node, [cli, 'serve', '--config', file], { encoding: 'utf8' });
    expect(daemon.stderr).toMatch(/^[^\n]*none\.toml/);
    expect(daemon.stderr).not.toContain('flag');
    expect(daemon.status).toBe(78); // EX_CONFIG (sysexits.h)
  },
);

// 12.0.0 knows neither `import()` nor packages of modules.
test.each(['12.0.0', '18'])(
  'on Node %s the program says in one sentence what to do, and ends as with a wrong configuration',
  (wanted) => {
    const node = nodeOf(wanted);
    const { status, stdout, stderr } = spawnSync(node, [cli, 'serve'], { encoding: 'utf8' });
    expect(stderr).toMatch(
      /^simgate: this is Node \d+\.\d+\.\d+ \(.*\/node\), and it takes 20\.19 or later: install .*\n$/,
    );
    expect(stdout).toBe('');
    expect(status).toBe(78); // EX_CONFIG (sysexits.h)
  },
);

test('the oldest Node is the one of package.json', () => {
  const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  const oldest = /oldest = \[(\d+), (\d+)\]/.exec(
    readFileSync(join(repository, 'src/cli/entry.ts'), 'utf8'),
  );
  expect(manifest.engines.node).toBe(`>=${oldest?.[1]}.${oldest?.[2]}`);
});

test.each([
  ['waits for what cannot come any more', 'await new Promise(() => {});', 13],
  ['throws', "throw new Error('no such thing');", 1],
  ['ends well', '', 0],
  ['set a code of its own', 'process.exitCode = 3;', 3],
])('a program that %s gives the exit code of Node’s own start', (_, program, code) => {
  cpSync(cli, join(folder, 'cli.js'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'program.js'), program);
  expect(spawnSync(process.execPath, [join(folder, 'cli.js')]).status).toBe(code);
});
