/** The packages with native parts and those that only they need: what is not in the bundle. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** They find their binaries beside themselves, so they must stay as npm lays them out. They are the `dependencies` of package.json. */
export const nativePackages = ['@serialport/bindings-cpp', 'libsql', '@lydell/node-pty'] as const;

/** What packaging reads in a package's own package.json. */
export interface Manifest {
  name: string;
  version: string;
  license?: string;
  author?: string | { name: string };
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** Reads the package.json of the package in `folder`; throws when there is none. */
export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/**
 * The folders, relative to `root`, of the native packages and of all that they need, as `root`'s node_modules has them. What is optional
 * and not there was made for another system. Throws when a needed one is missing.
 */
export function nativeClosure(root: string): string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string, isOptional: boolean): void => {
    const folder = resolvePackage(root, name, from);
    if (folder === undefined) {
      if (isOptional) return;
      throw new Error(`${name}, which ${from || 'simgate'} needs, is not in node_modules`);
    }
    if (found.has(folder)) return;
    found.add(folder);
    const { dependencies = {}, optionalDependencies = {} } = manifestOf(join(root, folder));
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies }))
      visit(needed, folder, needed in optionalDependencies);
  };
  for (const name of nativePackages) visit(name, '', false);
  return [...found].sort();
}

/** Node's own search: node_modules of the folder that asks, then of those above it. */
function resolvePackage(root: string, name: string, from: string): string | undefined {
  const parts = from === '' ? [] : from.split('/');
  for (let depth = parts.length; depth >= 0; depth -= 1) {
    if (parts[depth - 1] === 'node_modules') continue;
    const folder = [...parts.slice(0, depth), 'node_modules', name].join('/');
    if (existsSync(join(root, folder, 'package.json'))) return folder;
  }
  return undefined;
}
