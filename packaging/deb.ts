/**
 * `npm run package:deb [-- --architecture amd64] [--node package|debian] [--out FOLDER]
 * [--deb-version V] [--quick] [--downloads FOLDER]`: builds simgate_V_{amd64,arm64}.deb with a Node
 * of their own, simgate_V_armhf.deb and simgate-without-node_V_{amd64,arm64}.deb without, from
 * dist/ as it is, without root. What npm brings is kept in the folder of --downloads. Built twice
 * they have the same bytes: owner, order, modes and times do not depend on the machine. Needs
 * dpkg-deb, and npm for the native packages and Node. Packing a Node takes xz a minute and more.
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
import { wholeProgram } from '../src/cli/commands.js';
import { releasedAtMs, version } from '../src/version.js';
import { type Architecture, architectures, type NodeFrom } from './architecture.js';
import { addControl } from './deb-control.js';
import { layOut } from './deb-tree.js';
import { epochOf, releasesOf } from './debian-changelog.js';
import { commandManual } from './man-command.js';
import { configurationManual } from './man-configuration.js';
import { manifestOf } from './native-packages.js';

const root = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    architecture: { type: 'string', multiple: true, default: Object.keys(architectures) },
    node: { type: 'string', multiple: true, default: ['package', 'debian'] },
    quick: { type: 'boolean', default: false },
    out: { type: 'string', default: 'dist-deb' },
    'deb-version': { type: 'string', default: version },
    downloads: { type: 'string' },
  },
});

const releases = releasesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), releasedAtMs);
const epochS = epochOf(releases);
/** What a box on a slow line can still get in a few minutes. */
const largestBytes = 45e6;
const manuals = await writeManuals();
const out = resolve(options.out);
mkdirSync(out, { recursive: true });
/** Two packages of a machine, with a Node and without, have the same parts of npm's. */
const ownDownloads = mkdtempSync(join(tmpdir(), 'simgate-downloads-'));
const downloads = options.downloads === undefined ? ownDownloads : resolve(options.downloads);
try {
  await buildAll();
} finally {
  rmSync(ownDownloads, { recursive: true });
}

async function buildAll(): Promise<void> {
  for (const architecture of options.architecture.map(known))
    for (const nodeFrom of ['package', 'debian'] as const)
      if (
        options.node.includes(nodeFrom) &&
        (nodeFrom === 'debian' || architectures[architecture].hasNode)
      )
        console.log(await buildPackage(architecture, nodeFrom));
}

function known(name: string): Architecture {
  if (name in architectures) return name as Architecture;
  throw new Error(
    `no such architecture: ${name} (there are ${Object.keys(architectures).join(', ')})`,
  );
}

async function writeManuals(): Promise<Map<string, string>> {
  const date = new Date(releases[0]?.dateMs ?? 0).toISOString().slice(0, 10);
  const example = readFileSync(join(root, 'config/simgate.example.toml'), 'utf8');
  return new Map([
    ['simgate.1', commandManual(await wholeProgram(), version, date)],
    ['simgate.toml.5', configurationManual(example, version, date)],
  ]);
}

async function buildPackage(architecture: Architecture, nodeFrom: NodeFrom): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'simgate-deb-'));
  try {
    const source = {
      root,
      version: options['deb-version'],
      architecture,
      nodeFrom,
      maintainer: maintainer(),
      releases,
      manuals,
      npmFolder: join(work, 'npm'),
      downloads,
    };
    const tree = join(work, 'tree');
    mkdirSync(tree);
    await layOut(source, tree);
    addControl(source, tree);
    makeUniform(tree);
    const isSecondKind = nodeFrom === 'debian' && architectures[architecture].hasNode;
    const name = isSecondKind ? 'simgate-without-node' : 'simgate';
    const file = join(out, `${name}_${source.version}_${architecture}.deb`);
    const packing = options.quick ? ['-Zgzip', '-z1'] : ['-Zxz'];
    execFileSync('dpkg-deb', ['--root-owner-group', ...packing, '--build', tree, file], {
      // Several threads of xz cut the data in as many blocks.
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epochS), DPKG_DEB_THREADS_MAX: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (!options.quick && statSync(file).size > largestBytes)
      throw new Error(`${file} has ${statSync(file).size} octets: find out what came in`);
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

/**
 * Debian wants an address (Policy 5.6.2): that of package.json's `author`, "Name <mail>"; where
 * none stands there, one that cannot be real.
 */
function maintainer(): string {
  const { author } = manifestOf(root);
  return typeof author === 'string' && author.includes('<')
    ? author
    : 'The simgate authors <simgate@packages.invalid>';
}
