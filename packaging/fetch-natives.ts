/** Gets packages as the lock file has them, for whichever CPU, with any npm since 7.18. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LockedPackage } from './native-packages.js';

/**
 * Puts each into its folder below `root`, an empty folder of its own. Nothing of them is run.
 * Throws as npm does, and {@link unpackLocked}.
 */
export function fetchLocked(packages: readonly LockedPackage[], root: string): void {
  const downloads = join(root, 'downloads');
  mkdirSync(downloads, { recursive: true });
  const names = packages.map(({ name, version }) => `${name}@${version}`);
  execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', downloads, ...names],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  unpackLocked(packages, downloads, root);
}

/**
 * Unpacks the tarballs in `downloads`, which are known by their checksums alone. Throws when none
 * has that of a package, before that one is unpacked.
 */
export function unpackLocked(
  packages: readonly LockedPackage[],
  downloads: string,
  root: string,
): void {
  const tarballs = new Map(
    readdirSync(downloads).map((name) => {
      const file = join(downloads, name);
      return [`sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`, file];
    }),
  );
  for (const { folder, name, version, integrity } of packages) {
    const tarball = tarballs.get(integrity);
    if (tarball === undefined)
      throw new Error(
        `${name}@${version}: what npm brought has not the checksum of package-lock.json`,
      );
    const target = join(root, folder);
    mkdirSync(target, { recursive: true });
    // The top folder of a tarball may have any name.
    const asNobodys = ['--no-same-owner', '--no-same-permissions', '--strip-components=1'];
    execFileSync('tar', [
      '--extract',
      '--gzip',
      ...asNobodys,
      '--directory',
      target,
      '--file',
      tarball,
    ]);
  }
}
