/**
 * The packages in fresh Debians, with nothing else than what apt brings for them. ROOTS=all takes
 * the other machines' too, under qemu-user: minutes for each, by hand. That takes qemu-user-static
 * and arch-test, and both known to the kernel: mount binfmt_misc, and run systemd-binfmt.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../src/version.js';
import { buildPackages } from './package-build.js';

const repository = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'simgate-roots-'));
const tenMinutes = 600_000;

interface Case {
  suite: string;
  architecture: 'amd64' | 'arm64' | 'armhf';
  /** The kernel's name for who runs its programs here; undefined: this machine does. */
  binfmt?: string;
  /** Armhf has no pseudo terminal, and so no virtual modem. */
  hasDemo: boolean;
}
const ownMachine: Case[] = [
  { suite: 'bookworm', architecture: 'amd64', hasDemo: true },
  { suite: 'trixie', architecture: 'amd64', hasDemo: true },
];
const otherMachines: Case[] = [
  { suite: 'bookworm', architecture: 'arm64', binfmt: 'qemu-aarch64', hasDemo: true },
  // Bookworm's nodejs is too old.
  { suite: 'trixie', architecture: 'armhf', binfmt: 'qemu-arm', hasDemo: false },
];
const cases = process.env.ROOTS === 'all' ? [...ownMachine, ...otherMachines] : ownMachine;

/** Why it cannot be tried here. */
function obstacle({ binfmt }: Case): string | undefined {
  if (spawnSync('mmdebstrap', ['--version']).status !== 0) return 'there is no mmdebstrap';
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'no namespaces may be had';
  if (binfmt !== undefined && !existsSync(`/proc/sys/fs/binfmt_misc/${binfmt}`))
    return `the kernel knows no ${binfmt} (qemu-user-static, and systemd-binfmt)`;
  return undefined;
}

/** Runs it in the root, with /proc and pseudo terminals, and no variable of this machine's. */
function inside(root: string, ...command: string[]): { status: number | null; output: string } {
  const script = `set -e
mount -t proc proc "$0/proc"
mount -t devpts devpts "$0/dev/pts"
exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"`;
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child'];
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [...namespaces, 'sh', '-c', script, root, ...command],
    { encoding: 'utf8', timeout: tenMinutes },
  );
  return { status, output: stdout + stderr };
}

beforeAll(() => {
  const architectures = [...new Set(cases.map(({ architecture }) => architecture))];
  buildPackages(repository, folder, [
    ...architectures.flatMap((architecture) => ['--architecture', architecture]),
    ...(architectures.includes('armhf') ? [] : ['--node', 'package']),
    '--quick',
  ]);
}, tenMinutes);
afterAll(() => rmSync(folder, { recursive: true }));

for (const tried of cases) {
  const { suite, architecture, hasDemo } = tried;
  const why = obstacle(tried);
  describe(`a fresh ${suite}, ${architecture}${why === undefined ? '' : ` (not tried: ${why})`}`, () => {
    const root = join(folder, `${suite}-${architecture}`);
    test.skipIf(why !== undefined)(
      'takes the package by apt, runs the program, and its demo sends',
      { timeout: 3 * tenMinutes },
      () => {
        const deb = join(folder, `simgate_${version}_${architecture}.deb`);
        const hooks = '/usr/share/mmdebstrap/hooks/file-mirror-automount';
        execFileSync(
          'mmdebstrap',
          [
            '--quiet',
            '--variant=apt',
            `--architectures=${architecture}`,
            `--include=${deb}`,
            `--hook-dir=${hooks}`,
            suite,
            root,
          ],
          { stdio: ['ignore', 'ignore', 'inherit'] },
        );
        const packages = inside(root, 'dpkg', '--get-selections').output;
        expect(packages).toMatch(/^simgate\s/m);
        expect(/^nodejs\s/m.test(packages)).toBe(architecture === 'armhf');

        expect(inside(root, 'simgate', '--version')).toEqual({
          status: 0,
          output: `${version}\n`,
        });
        const checked = inside(root, 'simgate', 'check-config');
        expect(checked.output).toContain('sudo simgate setup');
        expect(checked.status).toBe(78); // EX_CONFIG (sysexits.h)
        if (hasDemo) {
          const { output } = inside(root, 'simgate', 'demo', '--once');
          expect(output.match(/answer: \d+/g), output).toEqual([
            'answer: 200',
            'answer: 502',
            'answer: 401',
            'answer: 504',
          ]);
        }
        rmSync(root, { recursive: true });
      },
    );
  });
}
