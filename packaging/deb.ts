/**
 * `npm run package:deb [-- --architecture amd64] [--out FOLDER] [--deb-version V]`: builds
 * simgate_V_{amd64,arm64}.deb from dist/ as it is, without root. Built twice it has the same bytes:
 * owner, order, modes and times do not depend on the machine. Needs dpkg-deb, and npm for the
 * native packages.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { releasedAtMs, version } from '../src/version.js';
import { type Architecture, architectures } from './architecture.js';
import { addControl } from './deb-control.js';
import { layOut } from './deb-tree.js';
import { releasesOf } from './debian-changelog.js';
import { maintainerOf } from './maintainer.js';
import { commandManual } from './man-command.js';
import { configurationManual } from './man-configuration.js';

const root = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    architecture: { type: 'string', multiple: true, default: Object.keys(architectures) },
    out: { type: 'string', default: 'dist-deb' },
    'deb-version': { type: 'string', default: version },
  },
});

const releases = releasesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), releasedAtMs);
/** Seconds (reproducible-builds.org): a builder's own, else the newest release of the changelog. */
const epochS = Number(
  process.env.SOURCE_DATE_EPOCH ?? Math.floor((releases[0]?.dateMs ?? 0) / 1000),
);
const manuals = writeManuals();
const out = resolve(options.out);
mkdirSync(out, { recursive: true });
for (const architecture of options.architecture.map(known))
  console.log(await buildPackage(architecture));

function known(name: string): Architecture {
  if (name in architectures) return name as Architecture;
  throw new Error(
    `no such architecture: ${name} (there are ${Object.keys(architectures).join(', ')})`,
  );
}

function writeManuals(): Map<string, string> {
  const date = new Date(releases[0]?.dateMs ?? 0).toISOString().slice(0, 10);
  const example = readFileSync(join(root, 'config/simgate.example.toml'), 'utf8');
  return new Map([
    ['simgate.1', commandManual(join(root, 'dist/cli.js'), version, date)],
    ['simgate.toml.5', configurationManual(example, version, date)],
  ]);
}

async function buildPackage(architecture: Architecture): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'simgate-deb-'));
  try {
    const source = {
      root,
      version: options['deb-version'],
      architecture,
      maintainer: maintainerOf(root),
      releases,
      manuals,
      npmFolder: join(work, 'npm'),
    };
    const tree = join(work, 'tree');
    mkdirSync(tree);
    await layOut(source, tree);
    addControl(source, tree);
    makeUniform(tree);
    const file = join(out, `simgate_${source.version}_${architecture}.deb`);
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, file], {
      // Several threads of xz cut the data in as many blocks.
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epochS), DPKG_DEB_THREADS_MAX: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Modes without the umask's or npm's part, and one time. */
function makeUniform(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeUniform(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755);
    lutimesSync(path, epochS, epochS);
  }
  chmodSync(folder, 0o755);
  lutimesSync(folder, epochS, epochS);
}
