/**
 * The package of arm64 by qemu-user, against the libraries of Debian 12, which are unpacked and not
 * installed: a quarter of a minute instead of the minutes that a whole foreign Debian takes
 * (package-roots.test.ts with ROOTS=all). Its demo starts programs of its own, which the kernel has
 * to know (binfmt_misc); where it does not, the demo is left out, and said so. For armhf there is
 * no Node of ours to be tried.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../src/version.js';
import { quickPackage } from './made-once.js';

const folder = mkdtempSync(join(tmpdir(), 'simgate-arm64-'));
const root = join(folder, 'root');
const tenMinutes = 600_000;
const emulator = 'qemu-aarch64-static';

const lacking = ['mmdebstrap', emulator].find(
  (program) => spawnSync(program, ['--version']).error !== undefined,
);
const knowsPrograms = existsSync('/proc/sys/fs/binfmt_misc/qemu-aarch64');

beforeAll(() => {
  if (lacking !== undefined) return;
  const libraries = '--include=libc6,libstdc++6,libgcc-s1';
  const unpacked = ['--quiet', '--variant=extract', '--architectures=arm64', libraries];
  execFileSync('mmdebstrap', [...unpacked, 'bookworm', root], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // Else the emulator looks for the ttys there.
  rmSync(join(root, 'dev'), { recursive: true });
  execFileSync('dpkg-deb', ['--extract', quickPackage('arm64'), root]);
}, tenMinutes);
afterAll(() => rmSync(folder, { recursive: true }), tenMinutes);

function simgate(...args: string[]): { status: number | null; output: string } {
  const home = join(root, 'usr/lib/simgate');
  const { status, stdout, stderr } = spawnSync(
    emulator,
    [join(home, 'bin/node'), join(home, 'dist/cli.js'), ...args],
    { encoding: 'utf8', env: { ...process.env, QEMU_LD_PREFIX: root }, timeout: tenMinutes },
  );
  return { status, output: stdout + stderr };
}

describe.skipIf(lacking !== undefined)(
  `the package of arm64${lacking === undefined ? '' : ` (not tried: there is no ${lacking})`}`,
  () => {
    test('runs with the libraries of Debian 12, and knows what a configuration lacks', {
      timeout: tenMinutes,
    }, () => {
      expect(simgate('--version')).toEqual({ status: 0, output: `${version}\n` });
      const example = join(root, 'usr/share/doc/simgate/config/simgate.example.toml');
      const checked = simgate('check-config', example);
      expect(checked.output).toContain('auth0.secret_file');
      expect(checked.status).not.toBe(0);
    });

    const why = knowsPrograms ? '' : ' (not tried: the kernel knows no programs of arm64)';
    test.skipIf(!knowsPrograms)(
      `sends in its demo: its Node, its journal and its serial port are of that machine${why}`,
      { timeout: tenMinutes },
      () => {
        const { status, output } = simgate('demo', '--once');
        expect(output.match(/answer: \d+/g), output).toEqual([
          'answer: 200',
          'answer: 502',
          'answer: 401',
          'answer: 504',
        ]);
        expect(status).toBe(0);
      },
    );
  },
);
