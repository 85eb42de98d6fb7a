/**
 * `npm run build`: bundles the program into dist/. The packages with native parts stay packages,
 * found in node_modules; all else is inside. Types are checked by another step (`npm run types`):
 * esbuild only takes them away.
 */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { parse } from 'yaml';
import { nativePackages } from './native-packages.js';
import { noticesText, packagesIn } from './notices.js';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

/**
 * CommonJS packages within an ES module have no `require`, which they need for what Node itself
 * brings.
 */
const requireForCommonJs =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

const { metafile, outputFiles } = await build({
  absWorkingDir: root,
  // Whichever chunk starts the journal's thread looks for worker.js beside itself: all lie in one
  // folder.
  entryPoints: { cli: 'src/cli/cli.ts', worker: 'src/journal/worker.ts' },
  outdir: dist,
  chunkNames: '[name]-[hash]',
  bundle: true,
  // What single commands import stays in files of their own, which the daemon never reads.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: [...nativePackages],
  banner: { js: requireForCommonJs },
  // 3 MB less in memory than with white space. Names stay, for traces.
  minifyWhitespace: true,
  minifySyntax: true,
  // Positions and names of files in the repository, not their text.
  sourcemap: 'linked',
  sourcesContent: false,
  // The licences are in LICENSES.txt, whole.
  legalComments: 'none',
  metafile: true,
  write: false,
  logLevel: 'warning',
});

await writeDist(new Map(outputFiles.map(({ path, contents }) => [path, contents])));

/**
 * The folder itself stays, and each file but those that are gone: a build may run while another
 * program has the last one open.
 */
async function writeDist(files: Map<string, Uint8Array>): Promise<void> {
  const notices = noticesText(await packagesIn(root, Object.keys(metafile.inputs)));
  files.set(join(dist, 'LICENSES.txt'), Buffer.from(notices));
  // As the admin listener serves it; beside whichever chunk asks for it.
  const openapi: unknown = parse(await readFile(join(root, 'docs/openapi.yaml'), 'utf8'));
  files.set(join(dist, 'openapi.json'), Buffer.from(`${JSON.stringify(openapi)}\n`));
  await mkdir(dist, { recursive: true });
  for (const [path, contents] of files) await writeFile(path, contents);
  for (const name of await readdir(dist)) {
    if (!files.has(join(dist, name))) await rm(join(dist, name), { recursive: true });
  }
  await chmod(join(dist, 'cli.js'), 0o755);
}
