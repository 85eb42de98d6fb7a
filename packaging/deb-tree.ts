/** Lays out what is in the Debian package. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Architecture, architectures, type NodeFrom } from './architecture.js';
import { debianChangelog, type Release } from './debian-changelog.js';
import { debianCopyright } from './debian-copyright.js';
import { fetchLocked } from './fetch-natives.js';
import { checkBinaries, isForMachine } from './native-binaries.js';
import { type LockedPackage, lockedNatives, lockedNode, lockFileOf } from './native-packages.js';
import { bundledFiles, noticesOf, packagesIn } from './notices.js';

/** What one package is made from. */
export interface Source {
  /** The repository, with dist/ built. */
  root: string;
  version: string;
  architecture: Architecture;
  nodeFrom: NodeFrom;
  maintainer: string;
  releases: readonly Release[];
  /** By its name, as simgate.1, in roff. */
  manuals: ReadonlyMap<string, string>;
  /** Not there yet: where the native packages of the architecture are put first. */
  npmFolder: string;
  /** Where their tarballs are kept, and Node's. */
  downloads: string;
}

/**
 * Fills the empty folder `tree`. Rejects when a part is missing, or a binary is for another
 * machine.
 */
export async function layOut(source: Source, tree: string): Promise<void> {
  const { root, architecture, npmFolder, downloads } = source;
  const place = placerOf(tree);
  const natives = lockedNatives(lockFileOf(root), architectures[architecture].npmCpu);
  fetchLocked(natives, npmFolder, { downloads });
  placeProgram(source, natives, tree, place);
  if (source.nodeFrom === 'package') placeNode(source, tree, place);
  checkBinaries(join(tree, home, 'node_modules'), architecture);
  for (const unit of readdirSync(join(root, 'systemd')))
    if (/\.(service|path)$/.test(unit))
      place(`usr/lib/systemd/system/${unit}`, read(root, 'systemd', unit));
  place('usr/lib/modules-load.d/simgate.conf', read(root, 'systemd/simgate-modules.conf'));
  place('usr/lib/sysusers.d/simgate.conf', read(root, 'packaging/files/simgate.sysusers.conf'));
  place('usr/lib/tmpfiles.d/simgate.conf', read(root, 'packaging/files/simgate.tmpfiles.conf'));
  for (const rules of readdirSync(join(root, 'udev')))
    if (rules.endsWith('.rules')) place(`usr/lib/udev/rules.d/${rules}`, read(root, 'udev', rules));
  // The same in every version: dpkg asks about a conffile that both setup and an upgrade have
  // changed, and nobody answers at night.
  place('etc/simgate/simgate.toml', read(root, 'packaging/debian/simgate.toml'));
  const overrides = ['lintian-overrides'];
  if (source.nodeFrom === 'package') overrides.push('lintian-overrides-node');
  place(
    'usr/share/lintian/overrides/simgate',
    overrides.map((name) => read(root, 'packaging/debian', name)).join(''),
  );
  await placeDocuments(source, natives, tree, place);
}

/** Node's version, where the package brings it. */
export function bundledNodeVersion({ root, architecture, nodeFrom }: Source): string | undefined {
  if (nodeFrom === 'debian') return undefined;
  return lockedNode(lockFileOf(join(root, 'packaging/node')), architectures[architecture].npmCpu)
    .version;
}

type Place = (path: string, content: string | Buffer) => void;

function placerOf(tree: string): Place {
  return (path, content) => {
    const file = join(tree, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
}

const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

const home = 'usr/lib/simgate';

function placeProgram(
  { root, version, architecture, nodeFrom, npmFolder }: Source,
  natives: readonly LockedPackage[],
  tree: string,
  place: Place,
): void {
  for (const name of readdirSync(join(root, 'dist')))
    if (/\.js(\.map)?$/.test(name))
      place(`${home}/dist/${name}`, readFileSync(join(root, 'dist', name)));
  place(`${home}/dist/cli.js`, withNode(interpreters[nodeFrom], read(root, 'dist/cli.js')));
  chmodSync(join(tree, home, 'dist/cli.js'), 0o755);
  const manifest = { name: 'simgate', version, type: 'module', private: true };
  place(`${home}/package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`);
  for (const { folder } of natives)
    for (const file of runtimeFiles(join(npmFolder, folder), architectures[architecture].npmCpu))
      place(`${home}/${folder}/${file}`, readFileSync(join(npmFolder, folder, file)));
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  symlinkSync('../lib/simgate/dist/cli.js', join(tree, 'usr/bin/simgate'));
}

/** Its own, or the one of Depends, but not what is first in PATH (Policy 10.4). */
const interpreters: Readonly<Record<NodeFrom, string>> = {
  package: `/${home}/bin/node`,
  debian: '/usr/bin/node',
};

function withNode(interpreter: string, program: string): string {
  const anyNode = '#!/usr/bin/env node\n';
  if (!program.startsWith(anyNode))
    throw new Error('dist/cli.js does not begin as it did: which node runs it?');
  return `#!${interpreter}\n${program.slice(anyNode.length)}`;
}

/** The program alone, and its terms. Throws when it is for another machine. */
function placeNode(
  { root, architecture, npmFolder, downloads }: Source,
  tree: string,
  place: Place,
): void {
  const { npmCpu, elfMachine } = architectures[architecture];
  const node = lockedNode(lockFileOf(join(root, 'packaging/node')), npmCpu);
  const unpacked = join(npmFolder, 'node');
  // Its headers and manuals are half of it.
  fetchLocked([node], unpacked, { downloads, members: ['bin/node', 'LICENSE'] });
  const program = join(unpacked, node.folder, 'bin/node');
  if (!isForMachine(program, elfMachine))
    throw new Error(`${node.name} has no program for ${architecture}`);
  place(`${home}/bin/node`, readFileSync(program));
  chmodSync(join(tree, home, 'bin/node'), 0o755);
  place(`${documents}/nodejs-terms.txt.gz`, packed(read(unpacked, node.folder, 'LICENSE')));
}

/**
 * What the program reads of a package: code and its binary, no sources, types, maps, programs of
 * its own, nor other systems' binaries. Debian's armhf is ARMv7.
 */
function runtimeFiles(folder: string, cpu: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => {
      if (/^node_modules\/|\/node_modules\//.test(file)) return false;
      if (basename(file) === 'package.json') return true;
      if (file.startsWith('prebuilds/'))
        return (
          file.startsWith(`prebuilds/linux-${cpu}/`) && /(?<!\.armv6)\.glibc\.node$/.test(file)
        );
      if (file.endsWith('.node')) return true;
      return /\.c?js$/.test(file) && !readFileSync(join(folder, file), 'utf8').startsWith('#!');
    })
    .sort();
}

const documents = 'usr/share/doc/simgate';

async function placeDocuments(
  source: Source,
  natives: readonly LockedPackage[],
  tree: string,
  place: Place,
): Promise<void> {
  const { root, npmFolder, version, maintainer, releases, manuals } = source;
  // As in the repository, so that the links from one to another hold.
  for (const folder of ['docs', 'config'])
    cpSync(join(root, folder), join(tree, documents, folder), { recursive: true });
  mkdirSync(join(tree, documents, 'examples'));
  symlinkSync('../config/simgate.example.toml', join(tree, documents, 'examples/simgate.toml'));
  place(`${documents}/README.md`, read(root, 'README.md'));
  place(`${documents}/changelog.gz`, packed(debianChangelog(releases, version, maintainer)));
  place(
    `${documents}/copyright`,
    debianCopyright(
      read(root, 'LICENSE'),
      await packagesIn(root, bundledFiles(root)),
      await noticesOf(
        npmFolder,
        natives.map(({ folder }) => folder),
      ),
      bundledNodeVersion(source),
    ),
  );
  for (const [name, text] of manuals)
    place(`usr/share/man/man${name.slice(-1)}/${name}.gz`, packed(text));
}

/** zlib writes no time and no name into it. */
const packed = (text: string): Buffer => gzipSync(text, { level: 9 });
