import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const cli = join(import.meta.dirname, '../../dist/cli.js');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-node-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

// Outside of the project's node_modules: its own `node` there would go before every other in
// scripts of npm.
test.each(['20.19', '22', '24'])(
  'the built program runs on Node %s: its demo sends, is refused, and ends',
  (wanted) => {
    const quiet = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
    execFileSync('npm', ['install', '--prefix', folder, ...quiet, `node@${wanted}`], {
      cwd: folder,
    });
    const node = join(folder, 'node_modules/node/bin/node');
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' });
    expect(version.startsWith(`v${wanted}.`), version).toBe(true);

    const { status, stdout, stderr } = spawnSync(node, [cli, 'demo', '--once'], {
      encoding: 'utf8',
      timeout: 90_000,
    });
    expect(status, stdout + stderr).toBe(0);
    // A deprecation of a newer Node's would be said here first.
    expect(stderr).toBe('');
    expect(stdout.match(/answer: \d+/g)).toEqual(['answer: 200', 'answer: 502', 'answer: 401']);
  },
);
