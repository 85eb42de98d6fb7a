/**
 * The packages in fresh Debians, with nothing else than what apt brings for them; trixie's amd64 is
 * tried by release.test.ts, from an apt repository, and arm64 in short by package-arm64.test.ts.
 * ROOTS=all takes the other machines' whole Debians, under qemu-user: minutes for each, by hand.
 * That takes qemu-user-static and arch-test, and both known to the kernel: mount binfmt_misc, and
 * run systemd-binfmt.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Architecture } from '../../packaging/architecture.js';
import { version } from '../../src/version.js';
import { inFreshRoot, makeFreshRoot, noFreshRoot } from './fresh-root.js';
import { quickPackage } from './made-once.js';

const folder = mkdtempSync(join(tmpdir(), 'simgate-roots-'));
const tenMinutes = 600_000;

interface Case {
  suite: string;
  architecture: Architecture;
  /** The kernel's name for who runs its programs here; undefined: this machine does. */
  binfmt?: string;
  /** Armhf has no pseudo terminal, and so no virtual modem. */
  hasDemo: boolean;
}
const ownMachine: Case[] = [{ suite: 'bookworm', architecture: 'amd64', hasDemo: true }];
const otherMachines: Case[] = [
  { suite: 'bookworm', architecture: 'arm64', binfmt: 'qemu-aarch64', hasDemo: true },
  { suite: 'trixie', architecture: 'arm64', binfmt: 'qemu-aarch64', hasDemo: true },
  // Bookworm's nodejs is too old.
  { suite: 'trixie', architecture: 'armhf', binfmt: 'qemu-arm', hasDemo: false },
];
const cases = process.env.ROOTS === 'all' ? [...ownMachine, ...otherMachines] : ownMachine;

afterAll(() => rmSync(folder, { recursive: true }));

for (const { suite, architecture, binfmt, hasDemo } of cases) {
  const why = noFreshRoot(binfmt);
  describe(`a fresh ${suite}, ${architecture}${why === undefined ? '' : ` (not tried: ${why})`}`, () => {
    const root = join(folder, `${suite}-${architecture}`);
    test.skipIf(why !== undefined)(
      'takes the package by apt, runs the program, and its demo sends',
      { timeout: 3 * tenMinutes },
      () => {
        makeFreshRoot(suite, root, [
          `--architectures=${architecture}`,
          `--include=${quickPackage(architecture)}`,
          '--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount',
        ]);
        const packages = inFreshRoot(root, 'dpkg', '--get-selections').output;
        expect(packages).toMatch(/^simgate\s/m);
        expect(/^nodejs\s/m.test(packages)).toBe(architecture === 'armhf');

        expect(inFreshRoot(root, 'simgate', '--version')).toEqual({
          status: 0,
          output: `${version}\n`,
        });
        const checked = inFreshRoot(root, 'simgate', 'check-config');
        expect(checked.output).toContain('sudo simgate setup');
        expect(checked.status).toBe(78); // EX_CONFIG (sysexits.h)
        if (hasDemo) {
          const { output } = inFreshRoot(root, 'simgate', 'demo', '--once');
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
