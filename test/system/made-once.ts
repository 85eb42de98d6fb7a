import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { type Architecture, architectures } from '../../packaging/architecture.js';
import { version } from '../../src/version.js';
import { soonGone } from './fresh-root.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of this run for {@link madeOnce}. */
    madeOnce: string;
  }
}

/** For vitest, around a run: where its files share what takes long to make. */
export function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-made-once-'));
  project.provide('madeOnce', folder);
  return () => rmSync(folder, { recursive: true });
}

/**
 * What `command` makes at the path that it is given, made by the first file of this run that asks;
 * another waits for it. Nobody may change it. Throws when the command fails, and is run again for
 * the next that asks.
 */
export function madeOnce(name: string, command: (path: string) => readonly string[]): string {
  const folder = inject('madeOnce');
  const made = join(folder, name);
  // The name keeps its end: some programs go by it.
  const partly = join(folder, `partly-${name}`);
  const script = `[ -e "$0" ] || { rm -rf "$1"; "\${@:2}"; mv "$1" "$0"; }`;
  const args = ['bash', '-ec', script, made, partly, ...command(partly)];
  execFileSync('flock', [`${made}.lock`, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  return made;
}

const repository = join(import.meta.dirname, '../..');

/** The folder in which packaging keeps what npm brings, for the whole run. */
export const downloads = (): string => join(inject('madeOnce'), 'downloads');

/** The package for a machine, with its own Node where there is one, packed as is quick. */
export function quickPackage(architecture: Architecture): string {
  const nodeFrom = architectures[architecture].hasNode ? 'package' : 'debian';
  const folder = madeOnce(`package-${architecture}`, (out) => [
    process.execPath,
    '--import',
    import.meta.resolve('tsx'),
    join(repository, 'packaging/deb.ts'),
    `--out=${out}`,
    `--architecture=${architecture}`,
    `--node=${nodeFrom}`,
    '--quick',
    `--downloads=${downloads()}`,
  ]);
  return join(folder, `simgate_${version}_${architecture}.deb`);
}

/** A tar archive of Debian 13 for this machine, with the least that has apt. */
export function trixieArchive(): string {
  return madeOnce('trixie.tar', (path) => [
    'mmdebstrap',
    '--quiet',
    '--variant=apt',
    soonGone,
    'trixie',
    path,
  ]);
}
