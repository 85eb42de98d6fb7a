import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A place in JavaScript as V8 writes it into a stack: URL, line and column, counted from one. */
const place = /(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g;

/**
 * Gives a stack with the places in the sources for those in the bundle of `folder` (a URL that ends
 * with a slash). Node would do it by itself, but keeps every map in memory from the start, some
 * 2.5 MB, for errors that mostly never come. Here a map is read with the first error that needs it.
 */
export function sourcePlaces(folder: string): (stack: string) => string {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (url: string): SourceMap | undefined => {
    if (!maps.has(url)) maps.set(url, readMap(url));
    return maps.get(url);
  };
  return (stack) =>
    stack.replace(place, (whole, url: string, line: string, column: string) => {
      if (!url.startsWith(folder)) return whole;
      const entry = mapOf(url)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (entry === undefined || !('originalSource' in entry)) return whole;
      const source = fileURLToPath(new URL(entry.originalSource, url));
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
}

/** Undefined where there is none that can be read: the stack then names the bundle. */
function readMap(url: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(fileURLToPath(`${url}.map`), 'utf8')));
  } catch {
    return undefined;
  }
}
