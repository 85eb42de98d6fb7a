/** Gets packages as the lock file has them, for whichever CPU, with any npm since 7.18. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LockedPackage } from './native-packages.js';

/** Where tarballs are got to, and what of them is unpacked. */
export interface Fetching {
  /**
   * A folder for the tarballs. What is there already is not got again: each is known by its
   * checksum, whoever put it there.
   */
  downloads: string;
  /** Files within each package, as `bin/node`; by default all. */
  members?: readonly string[];
}

/**
 * Puts each into its folder below `root`, an empty folder of its own. Nothing of them is run.
 * Throws as npm does, and {@link unpackLocked}.
 */
export function fetchLocked(
  packages: readonly LockedPackage[],
  root: string,
  { downloads, members }: Fetching,
): void {
  mkdirSync(downloads, { recursive: true });
  mkdirSync(root, { recursive: true });
  const found = tarballsIn(downloads);
  const missing = packages.filter(({ integrity }) => !found.has(integrity));
  if (missing.length > 0) download(missing, downloads);
  unpack(packages, missing.length > 0 ? tarballsIn(downloads) : found, root, members);
}

/** Another build may use the same folder: there is a tarball when it is whole. */
function download(packages: readonly LockedPackage[], downloads: string): void {
  const partly = mkdtempSync(join(downloads, 'partly-'));
  const names = packages.map(({ name, version }) => `${name}@${version}`);
  execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', partly, ...names],
    { cwd: partly, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  for (const name of readdirSync(partly)) renameSync(join(partly, name), join(downloads, name));
  rmdirSync(partly);
}

/** The path of each tarball in a folder, by its checksum as Subresource Integrity writes it. */
function tarballsIn(downloads: string): Map<string, string> {
  return new Map(
    readdirSync(downloads, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => {
        const file = join(downloads, name);
        return [`sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`, file];
      }),
  );
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
  unpack(packages, tarballsIn(downloads), root);
}

/** The same of tarballs by their checksums, and of each only `members`, when they are given. */
function unpack(
  packages: readonly LockedPackage[],
  tarballs: ReadonlyMap<string, string>,
  root: string,
  members: readonly string[] = [],
): void {
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
    const wanted = members.map((member) => `*/${member}`);
    execFileSync('tar', [
      '--extract',
      '--gzip',
      ...asNobodys,
      '--directory',
      target,
      '--file',
      tarball,
      ...(wanted.length > 0 ? ['--wildcards', '--no-wildcards-match-slash', ...wanted] : []),
    ]);
  }
}
