import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sourcePlaces } from '../../src/words/source-places.js';

let folder: string;
let stack: string;

/** Columns of the bundle are none of the source: white space is gone. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-places-'));
  writeFileSync(
    join(folder, 'thrower.ts'),
    'const why: string = "x";\n\n\nexport const error =\n    new Error(why);\n',
  );
  const outfile = join(folder, 'bundle.js');
  await build({
    entryPoints: [join(folder, 'thrower.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    minifyWhitespace: true,
    sourcemap: 'linked',
  });
  const [before = ''] = readFileSync(outfile, 'utf8').split('new Error');
  const lines = before.split('\n');
  const at = `${pathToFileURL(outfile).href}:${lines.length}:${lines.at(-1)!.length + 1}`;
  stack = `Error: x\n    at ${at}\n    at run (file:///elsewhere/a.js:1:2)`;
});

afterAll(() => rmSync(folder, { recursive: true }));

test('a place in the bundle is told as that in its source, others are left', () => {
  const told = sourcePlaces(`${pathToFileURL(folder).href}/`)(stack).split('\n');
  expect(told).toEqual([
    'Error: x',
    `    at ${join(folder, 'thrower.ts')}:5:5`,
    '    at run (file:///elsewhere/a.js:1:2)',
  ]);
});

test('without a map the stack is left as it is', () => {
  rmSync(join(folder, 'bundle.js.map'));
  expect(sourcePlaces(`${pathToFileURL(folder).href}/`)(stack)).toBe(stack);
});
