/** Whose code goes out with ours, and under which terms. */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { type Manifest, manifestOf } from './native-packages.js';

/** A package as it is told to who gets it. */
export interface Notice {
  name: string;
  version: string;
  /** SPDX expression of its package.json. */
  license: string;
  /** Lines that name the holders, as "Copyright (c) 2016 …"; at least one. */
  copyright: string[];
  /** Its licence files, whole; none when the package ships none. */
  texts: string[];
}

const packageFolder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/**
 * The packages that the files (paths relative to `root`) belong to, by name. Throws when one names
 * no licence.
 */
export async function packagesIn(root: string, files: readonly string[]): Promise<Notice[]> {
  const folders = new Set(files.flatMap((file) => packageFolder.exec(file)?.[1] ?? []));
  return noticesOf(root, [...folders]);
}

/** The files whose code is in dist/, relative to the repository, by its source maps. */
export function bundledFiles(root: string): string[] {
  const dist = join(root, 'dist');
  return readdirSync(dist)
    .filter((name) => name.endsWith('.map'))
    .map((name) => readFileSync(join(dist, name), 'utf8'))
    .flatMap((map) => (JSON.parse(map) as { sources: string[] }).sources)
    .map((file) => relative(root, resolve(dist, file)));
}

/** The same for the packages in these folders, relative to `root`. */
export async function noticesOf(root: string, folders: readonly string[]): Promise<Notice[]> {
  const notices = await Promise.all(folders.map((folder) => noticeOf(join(root, folder))));
  const byId = new Map(notices.map((notice) => [`${notice.name} ${notice.version}`, notice]));
  return [...byId].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, notice]) => notice);
}

async function noticeOf(folder: string): Promise<Notice> {
  const manifest = manifestOf(folder);
  const { name, version, license } = manifest;
  if (license === undefined) throw new Error(`${name} ${version} names no licence`);
  const texts: string[] = [];
  for (const file of (await readdir(folder)).sort()) {
    if (!/^(licen[cs]e|copying|notice)/i.test(file)) continue;
    texts.push((await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n').trim());
  }
  return { name, version, license, copyright: holdersOf(manifest, texts), texts };
}

function holdersOf({ name, author }: Manifest, texts: readonly string[]): string[] {
  const lines = texts
    .flatMap((text) => text.split('\n'))
    .map((line) => line.replace(/^[-\s]+/, '').trim());
  const named = lines.filter((line) => /^(copyright (\(c\)|©|\d{4})|\(c\) \d{4})/i.test(line));
  if (named.length > 0) return [...new Set(named)];
  const person = typeof author === 'string' ? author : author?.name;
  return [`the authors of ${name}${person === undefined ? '' : `, ${person}`}`];
}

/** One text file with all of them. */
export function noticesText(notices: readonly Notice[]): string {
  const head = 'simgate contains code of these packages, under the terms given with each.\n';
  const parts = notices.map(({ name, version, license, copyright, texts }) => {
    const terms = texts.length > 0 ? texts : copyright;
    return `${name} ${version} (${license})\n\n${terms.join('\n\n')}\n`;
  });
  return [head, ...parts].join(`\n${'-'.repeat(72)}\n\n`);
}
