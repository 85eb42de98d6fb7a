/**
 * A flat repository for apt (sources.list(5): a suite that ends with "/"), by apt-ftparchive(1).
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/**
 * Writes Packages, Packages.gz and Release for the packages in `folder`, dated `epochS` (seconds).
 * The packages without Node stay out: they have the same name and version as those with one.
 * Throws as apt-ftparchive does.
 */
export function makeAptRepository(folder: string, epochS: number): void {
  const debs = readdirSync(folder)
    .filter((name) => /^simgate_.*\.deb$/.test(name))
    .sort();
  // One by one: of a folder it tells in whichever order the file system has them.
  const packages = debs.map((deb) => aptFtparchive(folder, 'packages', deb)).join('');
  writeFileSync(join(folder, 'Packages'), packages);
  writeFileSync(join(folder, 'Packages.gz'), gzipSync(packages, { level: 9 }));
  const architectures = debs.map((deb) => /_([^_]+)\.deb$/.exec(deb)?.[1]).join(' ');
  const fields = { Origin: 'simgate', Label: 'simgate', Architectures: architectures };
  const options = Object.entries(fields).map(
    ([field, value]) => `--option=APT::FTPArchive::Release::${field}=${value}`,
  );
  const release = aptFtparchive(folder, ...options, 'release', '.');
  const date = new Date(epochS * 1000).toUTCString();
  writeFileSync(join(folder, 'Release'), release.replace(/^Date: .*$/m, `Date: ${date}`));
}

const aptFtparchive = (folder: string, ...args: string[]): string =>
  execFileSync('apt-ftparchive', args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
