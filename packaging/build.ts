/**
 * `npm run build`: bundles the program into dist/. The packages with native parts stay packages,
 * found in node_modules; all else is inside. Types are checked by another step (`npm run types`):
 * esbuild only takes them away.
 */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BuildOptions, build, type PluginBuild } from 'esbuild';
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

const common = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  format: 'esm',
  platform: 'node',
  // 3 MB less in memory than with white space. Names stay, for traces.
  minifyWhitespace: true,
  minifySyntax: true,
  // Positions and names of files in the repository, not their text.
  sourcemap: 'linked',
  sourcesContent: false,
  // The licences are in LICENSES.txt, whole.
  legalComments: 'none',
  write: false,
  logLevel: 'warning',
} satisfies BuildOptions;

const { metafile, outputFiles } = await build({
  ...common,
  // Whichever chunk starts the journal's thread looks for worker.js beside itself: all lie in one
  // folder.
  entryPoints: { program: 'src/cli/cli.ts', worker: 'src/journal/worker.ts' },
  chunkNames: '[name]-[hash]',
  // What single commands import stays in files of their own, which the daemon never reads.
  splitting: true,
  target: 'node20.19',
  external: [...nativePackages],
  banner: { js: requireForCommonJs },
  metafile: true,
});

/** Of it a Node that is too old must understand every word. */
const entry = await build({
  ...common,
  entryPoints: { cli: 'src/cli/entry.ts' },
  target: 'es2018',
  // Newer than that, and reached by none that is too old.
  supported: { 'dynamic-import': true },
  plugins: [{ name: 'program', setup: leaveProgramOutside }],
});

await writeDist(
  new Map([...outputFiles, ...entry.outputFiles].map(({ path, contents }) => [path, contents])),
);

/** The one import of the entry is the file that the other build makes of cli.ts. */
function leaveProgramOutside(pluginBuild: PluginBuild): void {
  pluginBuild.onResolve({ filter: /^\.\/cli\.js$/ }, () => ({
    path: './program.js',
    external: true,
  }));
}

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
