/** What the daemon would hold in memory for nothing is left out of the bundle: 2 MB. */
import { readFile } from 'node:fs/promises';
import type { OutputFile, PluginBuild } from 'esbuild';

/**
 * Of the 2,500 media types of mime-db, which Koa brings twice, those that a listener of ours asks
 * Koa for, or may.
 */
const mediaTypes: ReadonlySet<string> = new Set([
  'application/json',
  'application/octet-stream',
  'text/css',
  'text/csv',
  'text/html',
  'text/javascript',
  'text/plain',
]);

/** Beyond Latin-1: one of them has V8 keep a whole source in two octets a character. */
const wide = /[^\0-\xff]/g;

/** Characters of a chunk that may have some: what single commands read, and soon end. */
const mostWide = 128 * 1024;

/** A plugin of esbuild. */
export function spareMemory(pluginBuild: PluginBuild): void {
  pluginBuild.onLoad({ filter: /mime-db\/db\.json$/ }, async ({ path }) => {
    const all = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const few = Object.entries(all).filter(([type]) => mediaTypes.has(type));
    return { contents: JSON.stringify(Object.fromEntries(few)), loader: 'json' };
  });
  // esbuild escapes strings, and leaves tagged templates as they are. `html` reads them without
  // their escapes, so that they may be written with some.
  pluginBuild.onLoad({ filter: /\/src\/page\/[\w-]+\.ts$/ }, async ({ path }) => {
    const contents = (await readFile(path, 'utf8')).replace(wide, escaped);
    return { contents, loader: 'ts' };
  });
}

/** @throws Error naming the chunk and the characters */
export function refuseWideChunks(files: readonly OutputFile[]): void {
  for (const { path, text } of files) {
    const found = path.endsWith('.js') && text.length > mostWide ? text.match(wide) : null;
    if (found !== null)
      throw new Error(
        `${path}: ${[...new Set(found)].join(' ')} would double what its ${text.length} characters take in memory; ` +
          'write them as escapes, or have packaging/spare-memory.ts do it',
      );
  }
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
