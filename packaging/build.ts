/**
 * `npm run build`: bundles the program into dist/. The packages with native parts stay packages,
 * found in node_modules; all else is inside. Types are checked by another step (`npm run types`):
 * esbuild only takes them away.
 */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BuildOptions, build, type OutputFile, type PluginBuild } from 'esbuild';
import { parse } from 'yaml';
import { nativePackages } from './native-packages.js';
import { noticesText, packagesIn } from './notices.js';
import { refuseWideChunks, spareMemory } from './spare-memory.js';

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
  plugins: [{ name: 'memory', setup: spareMemory }],
});
refuseWideChunks(outputFiles);

/** Of it a Node that is too old must understand every word. */
const entry = await build({
  ...common,
  entryPoints: { cli: 'src/cli/entry.ts' },
  target: 'es2018',
  // Newer than that, and reached by none that is too old.
  supported: { 'dynamic-import': true },
  plugins: [{ name: 'program', setup: leaveProgramOutside }],
});

/** What a browser is sent; each is fetched by its name, and the plot only where one is shown. */
const sent = await build({
  ...common,
  entryPoints: {
    page: 'src/page/browser/main.ts',
    plot: 'src/page/browser/plot.ts',
  },
  platform: 'browser',
  target: 'es2022',
  minifyIdentifiers: true,
  sourcemap: false,
  metafile: true,
  plugins: [{ name: 'plot', setup: leavePlotOutside }],
});

/** Style sheets, in the order in which they are to be read. */
const styles = await build({
  ...common,
  entryPoints: {
    page: 'src/page/browser/page.css',
    plot: 'uplot/dist/uPlot.min.css',
  },
  sourcemap: false,
});

/** Octets of the page without the plot, as they are sent. */
const pageBudget = 40 * 1024;

refuseLargePage([...sent.outputFiles, ...styles.outputFiles]);
await writeDist(
  new Map(
    [...outputFiles, ...entry.outputFiles, ...sent.outputFiles, ...styles.outputFiles].map(
      ({ path, contents }) => [path, contents],
    ),
  ),
);

/** The one import of the entry is the file that the other build makes of cli.ts. */
function leaveProgramOutside(pluginBuild: PluginBuild): void {
  pluginBuild.onResolve({ filter: /^\.\/cli\.js$/ }, () => ({
    path: './program.js',
    external: true,
  }));
}

/** The page asks for it when it is wanted. */
function leavePlotOutside(pluginBuild: PluginBuild): void {
  pluginBuild.onResolve({ filter: /^\.\/plot\.js$/ }, ({ path }) => ({ path, external: true }));
}

function refuseLargePage(files: readonly OutputFile[]): void {
  const own = files.filter(({ path }) => /\/page\.(?:js|css)$/.test(path));
  const octets = own.reduce((sum, { contents }) => sum + contents.length, 0);
  if (own.length === 2 && octets <= pageBudget) return;
  throw new Error(
    `the page has ${octets} octets in ${own.length} files: ${pageBudget} in 2 are allowed (script and style sheet, without the plot)`,
  );
}

/**
 * The folder itself stays, and each file but those that are gone: a build may run while another
 * program has the last one open.
 */
async function writeDist(files: Map<string, Uint8Array>): Promise<void> {
  const notices = noticesText(
    await packagesIn(root, [...Object.keys(metafile.inputs), ...Object.keys(sent.metafile.inputs)]),
  );
  files.set(join(dist, 'LICENSES.txt'), Buffer.from(notices));
  // As the admin listener serves it; beside whichever chunk asks for it.
  const openapi: unknown = parse(await readFile(join(root, 'docs/openapi.yaml'), 'utf8'));
  files.set(join(dist, 'openapi.json'), Buffer.from(`${JSON.stringify(openapi)}\n`));
  files.set(join(dist, 'icon.svg'), await readFile(join(root, 'src/page/browser/icon.svg')));
  await mkdir(dist, { recursive: true });
  for (const [path, contents] of files) await writeFile(path, contents);
  for (const name of await readdir(dist)) {
    if (!files.has(join(dist, name))) await rm(join(dist, name), { recursive: true });
  }
  await chmod(join(dist, 'cli.js'), 0o755);
}
