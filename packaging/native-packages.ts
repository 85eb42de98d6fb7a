/** The packages with native parts and those that only they need: what is not in the bundle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * They find their binaries beside themselves, so they must stay as npm lays them out. They are the
 * `dependencies` of package.json, and the `optionalDependencies`.
 */
export const nativePackages = ['@serialport/bindings-cpp', 'libsql', '@lydell/node-pty'] as const;

/** What packaging reads in a package's own package.json. */
export interface Manifest {
  name: string;
  version: string;
  license?: string;
  author?: string | { name: string };
}

/** Reads the package.json of the package in `folder`; throws when there is none. */
export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** What packaging reads in package-lock.json (lockfileVersion 3), by the folder of each package. */
export interface LockFile {
  packages: Readonly<Record<string, LockEntry>>;
}
interface LockEntry {
  version?: string;
  integrity?: string;
  os?: readonly string[];
  cpu?: readonly string[];
  dependencies?: Readonly<Record<string, string>>;
  optionalDependencies?: Readonly<Record<string, string>>;
}

/** Reads the package-lock.json of a folder; throws when there is none. */
export const lockFileOf = (folder: string): LockFile =>
  JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as LockFile;

/** One package as the lock file has it. */
export interface LockedPackage {
  /** Relative to the root, as node_modules/libsql. */
  folder: string;
  name: string;
  version: string;
  /** Of its tarball, as Subresource Integrity writes it: sha512-… */
  integrity: string;
}

/**
 * The native packages and all that they need on Linux with glibc and this CPU (by npm's name), in
 * the order of their folders. Read from the lock file, for npm before version 10 lays out the
 * machine's own CPU whatever it is told. Throws when a needed one is not there.
 */
export function lockedNatives({ packages }: LockFile, cpu: string): LockedPackage[] {
  const found = new Map<string, LockedPackage>();
  const visit = (name: string, from: string): void => {
    const folder = resolvePackage(packages, name, from);
    const { version, integrity, os, cpu: cpus, ...needs } = packages[folder ?? ''] ?? {};
    if (folder === undefined || version === undefined || integrity === undefined)
      throw new Error(
        `package-lock.json has no ${name} with a checksum, which ${from || 'simgate'} needs`,
      );
    if (found.has(folder) || !admits(os, 'linux') || !admits(cpus, cpu) || isLeftOut(name)) return;
    found.set(folder, { folder, name, version, integrity });
    for (const needed of Object.keys({ ...needs.dependencies, ...needs.optionalDependencies }))
      visit(needed, folder);
  };
  for (const name of nativePackages) visit(name, '');
  return [...found.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/**
 * The package with Node for this CPU, by packaging/node's lock file. Throws when it has none with a
 * checksum.
 */
export function lockedNode({ packages }: LockFile, cpu: string): LockedPackage {
  const name = `node-linux-${cpu}`;
  const folder = `node_modules/${name}`;
  const { version, integrity } = packages[folder] ?? {};
  if (version === undefined || integrity === undefined)
    throw new Error(`packaging/node/package-lock.json has no ${name} with a checksum`);
  return { folder, name, version, integrity };
}

const admits = (listed: readonly string[] | undefined, value: string): boolean =>
  listed === undefined || listed.includes(value);

/**
 * C++ headers, which only a compiler reads, and what is for another C library, which the lock file
 * does not tell apart.
 */
const isLeftOut = (name: string): boolean =>
  name === 'node-addon-api' || /-musl(eabihf)?$/.test(name);

/** Node's own search: node_modules of the folder that asks, then of those above it. */
function resolvePackage(
  packages: LockFile['packages'],
  name: string,
  from: string,
): string | undefined {
  const parts = from === '' ? [] : from.split('/');
  for (let depth = parts.length; depth >= 0; depth -= 1) {
    if (parts[depth - 1] === 'node_modules') continue;
    const folder = [...parts.slice(0, depth), 'node_modules', name].join('/');
    if (folder in packages) return folder;
  }
  return undefined;
}
