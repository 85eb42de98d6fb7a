/**
 * `npm run release [-- --out FOLDER] [--architecture amd64] [--node package] [--quick] [--downloads
 * FOLDER]`: makes all files of a release from dist/, in a folder that must be new: Debian packages,
 * npm's tarball, what is in them (CycloneDX), SHA256SUMS, and an index by which the folder is a
 * flat repository for apt. SIMGATE_SIGNING_KEY (a key of gpg's keyring, by its fingerprint) signs
 * them. But for the signatures, a second run makes the same octets. Needs dpkg-deb, apt-ftparchive
 * and gpg.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { releasedAtMs, version } from '../src/version.js';
import { makeAptRepository } from './apt-repository.js';
import { epochOf, releasesOf } from './debian-changelog.js';
import { sbomOf } from './sbom.js';

const root = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'dist-release' },
    architecture: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    downloads: { type: 'string' },
  },
});
const out = resolve(options.out);
const key = process.env.SIMGATE_SIGNING_KEY;
const epochS = epochOf(releasesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), releasedAtMs));

// What an older release left there would be signed, too.
mkdirSync(out, { recursive: true });
if (readdirSync(out).length > 0) throw new Error(`${out} is not empty: remove it, or name another`);
makeFiles(join(root, 'packaging/deb.ts'));
writeFileSync(join(out, `simgate-${version}.cdx.json`), await sbomOf(root, epochS));
writeSums();
makeAptRepository(out, epochS);
if (key !== undefined) sign(key);
console.log(readdirSync(out).sort().join('\n'));
console.log(
  key === undefined
    ? 'NOT SIGNED: SIMGATE_SIGNING_KEY names no key. Nobody can tell these files from others, and apt refuses the folder.'
    : `signed with the key ${key}`,
);

function makeFiles(debScript: string): void {
  const given = [
    ...options.architecture.flatMap((name) => ['--architecture', name]),
    ...options.node.flatMap((name) => ['--node', name]),
    ...(options.quick ? ['--quick'] : []),
    ...(options.downloads === undefined ? [] : ['--downloads', resolve(options.downloads)]),
  ];
  quietly(process.execPath, '--import', 'tsx', debScript, '--out', out, ...given);
  // dist/ is there: prepack would build it anew.
  quietly('npm', 'pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', out);
}

function quietly(program: string, ...args: string[]): void {
  execFileSync(program, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Of what people download; the index of apt has sums of its own. */
function writeSums(): void {
  const lines = readdirSync(out)
    .sort()
    .map((name) => {
      const sum = createHash('sha256').update(readFileSync(join(out, name)));
      return `${sum.digest('hex')}  ${name}\n`;
    });
  writeFileSync(join(out, 'SHA256SUMS'), lines.join(''));
}

/** By gpg(1). The public half of the key lies beside what it signed, in the form that apt reads. */
function sign(signingKey: string): void {
  const gpg = (...args: string[]): void => {
    execFileSync('gpg', ['--batch', '--quiet', '--local-user', signingKey, ...args], {
      cwd: out,
      stdio: ['inherit', 'ignore', 'inherit'],
    });
  };
  gpg('--armor', '--output', 'SHA256SUMS.asc', '--detach-sign', 'SHA256SUMS');
  gpg('--armor', '--output', 'Release.gpg', '--detach-sign', 'Release');
  gpg('--output', 'InRelease', '--clear-sign', 'Release');
  gpg('--output', 'simgate-archive-keyring.gpg', '--export', signingKey);
}
