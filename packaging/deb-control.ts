/** The control part of the Debian package (deb-control(5)). */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { bundledNodeVersion, type Source } from './deb-tree.js';

const maintainerScripts = ['postinst', 'prerm', 'postrm'];

/**
 * Adds DEBIAN/ to the laid out `tree`. Throws when a binary needs more than the C++ library that
 * the dependencies name.
 */
export function addControl(source: Source, tree: string): void {
  const { root, version, architecture, maintainer } = source;
  const files = filesBelow(tree);
  const nodeVersion = bundledNodeVersion(source);
  const folder = join(tree, 'DEBIAN');
  mkdirSync(folder);
  const values: Record<string, string> = {
    version,
    architecture,
    maintainer,
    libraries: libraryDependencies(
      files.filter((file) => /\.node$|\/bin\/node$/.test(file)).map((file) => join(tree, file)),
    ),
    nodejs: nodeVersion === undefined ? 'nodejs (>= 20.19), ' : '',
    node_sentence:
      nodeVersion === undefined
        ? 'It runs on the Node.js of the package nodejs.'
        : `It brings Node.js ${nodeVersion}, and needs none besides.`,
    // By deb-substvars(5): each file in whole KiB, and 1 for each folder and link; here files only,
    // and a block for each.
    installed_kib: String(
      files.reduce((sum, file) => sum + Math.ceil(statSync(join(tree, file)).size / 1024), 0),
    ),
  };
  const template = readFileSync(join(root, 'packaging/debian/control.in'), 'utf8');
  const control = template.replace(/@(\w+)@/g, (whole, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`control.in: nothing is known of ${whole}`);
    return value;
  });
  writeFileSync(join(folder, 'control'), control);
  const conffiles = files.filter((file) => file.startsWith('etc/'));
  writeFileSync(join(folder, 'conffiles'), conffiles.map((file) => `/${file}\n`).join(''));
  const sums = files
    .filter((file) => !conffiles.includes(file))
    .map(
      (file) =>
        `${createHash('md5')
          .update(readFileSync(join(tree, file)))
          .digest('hex')}  ${file}\n`,
    );
  writeFileSync(join(folder, 'md5sums'), sums.join(''));
  for (const script of maintainerScripts) {
    cpSync(join(root, 'packaging/debian', script), join(folder, script));
    chmodSync(join(folder, script), 0o755);
  }
}

/** Regular files, relative, in the order of their names. */
function filesBelow(tree: string): string[] {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(tree, join(entry.parentPath, entry.name)))
    .sort();
}

/** Of libc6, libgcc-s1 and libstdc++6. */
const libraries = [
  ...['libc', 'libm'].map((name) => `${name}.so.6`),
  'libdl.so.2',
  'libutil.so.1',
  'libpthread.so.0',
  'librt.so.1',
  'libgcc_s.so.1',
  'libstdc++.so.6',
];

/** What every Debian since 10 has. */
const cxxLibrary = { symbols: '3.4.22', dependency: 'libstdc++6 (>= 6)' };

/**
 * From the versions of symbols that the binaries name, as dpkg-shlibdeps would, which needs the
 * libraries of the other architecture.
 */
function libraryDependencies(binaries: readonly string[]): string {
  const texts = binaries.map((file) => readFileSync(file, 'latin1'));
  const newest = (prefix: string): string => {
    const found = texts.flatMap((text) => [
      ...text.matchAll(new RegExp(`\\0${prefix}_([\\d.]+)(?=\\0)`, 'g')),
    ]);
    const versions = found.map((match) => match[1] ?? '');
    return versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '';
  };
  const cxx = newest('GLIBCXX');
  // A look behind at each place would take a second for a Node.
  const named = texts.flatMap((text) => [...text.matchAll(/\0(lib[\w+]+\.so\.\d+)(?=\0)/g)]);
  for (const library of named.map((match) => match[1] ?? ''))
    if (!libraries.includes(library))
      throw new Error(`a binary names ${library}: find out the package that has it`);
  if (cxx.localeCompare(cxxLibrary.symbols, 'en', { numeric: true }) > 0)
    throw new Error(`a binary needs GLIBCXX_${cxx}: find out the libstdc++6 that has it`);
  return `libc6 (>= ${newest('GLIBC')}), libgcc-s1, ${cxxLibrary.dependency}`;
}
