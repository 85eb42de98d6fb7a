/**
 * What is in a release, as CycloneDX 1.5 (JSON): npm's own account of the lock files, cut down to
 * what goes out. That is what esbuild bundles, also where package.json calls it a development
 * dependency, the native packages of each architecture, and Node. What a native package is made of
 * inside, npm does not know.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { architectures } from './architecture.js';
import { lockedNatives, lockFileOf } from './native-packages.js';
import { bundledFiles, packagesIn } from './notices.js';

interface Component {
  'bom-ref': string;
  name: string;
  version: string;
  type: string;
  scope?: string;
  properties?: { name: string; value: string }[];
  externalReferences?: unknown;
}
interface Bom {
  serialNumber: string;
  metadata: { timestamp: string; component: Component; lifecycles?: unknown };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

/**
 * The document for the repository `root`, with dist/ built and node_modules laid out. With the same
 * npm it has the same octets whenever and wherever it is made: no path, no registry, and the time
 * `epochS` (seconds). Takes npm 10 or later. Throws when a package that goes out is in no lock
 * file.
 */
export async function sbomOf(root: string, epochS: number): Promise<string> {
  const own = npmSbom(root);
  const node = npmSbom(join(root, 'packaging/node'));
  const ids = await shippedIds(root);
  const shipped = own.components.filter(({ 'bom-ref': ref }) => ids.delete(ref));
  if (ids.size > 0) throw new Error(`in no lock file: ${[...ids].join(', ')}`);
  const components = [...shipped, ...node.components].map(asShipped).sort(byRef);
  const component = { ...asShipped(own.metadata.component), type: 'application' };
  const refs = new Set([component, ...components].map((one) => one['bom-ref']));
  const bom: Bom = {
    ...own,
    serialNumber: '',
    metadata: {
      ...own.metadata,
      timestamp: new Date(epochS * 1000).toISOString(),
      lifecycles: [{ phase: 'build' }],
      component,
    },
    components,
    dependencies: own.dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn = [] }) => ({
        ref,
        dependsOn: dependsOn.filter((one) => refs.has(one)),
      })),
  };
  bom.serialNumber = `urn:uuid:${uuidOf(JSON.stringify(bom))}`;
  return `${JSON.stringify(bom, undefined, 2)}\n`;
}

const npmSbom = (folder: string): Bom =>
  JSON.parse(
    execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  ) as Bom;

/** The `bom-ref` (name@version) of all that goes out, but Node. */
async function shippedIds(root: string): Promise<Set<string>> {
  const lock = lockFileOf(root);
  const natives = Object.values(architectures).flatMap(({ npmCpu }) => lockedNatives(lock, npmCpu));
  const packages = [...(await packagesIn(root, bundledFiles(root))), ...natives];
  return new Set(packages.map(({ name, version }) => `${name}@${version}`));
}

/**
 * It goes out, whatever package.json calls it, under its own name; from where npm had it is
 * nobody's business.
 */
function asShipped(component: Component): Component {
  const ref = component['bom-ref'];
  return {
    ...component,
    externalReferences: undefined,
    name: ref.slice(0, ref.lastIndexOf('@')),
    scope: 'required',
    properties: (component.properties ?? []).filter(
      ({ name }) => !/^cdx:npm:package:(development|path|extraneous)$/.test(name),
    ),
  };
}

const byRef = (one: Component, other: Component): number =>
  one['bom-ref'] < other['bom-ref'] ? -1 : 1;

/** A UUID of version 8 (RFC 9562 5.8): the same for the same text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return [...parts, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}
