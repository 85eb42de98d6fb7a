import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse, stringify, type TomlTable } from 'smol-toml';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkConfig } from '../../src/config/config.js';
import { fileSchema } from '../../src/config/schema.js';
import { keysByTable } from '../../src/config/table.js';
import { problems } from '../../src/http/problem.js';
import { parseDialogue } from '../dialogues/dialogue.js';
import { evening, listed } from './docs-commands.js';
import { commandsOf, type Page, readPages, tableUnder } from './docs-markdown.js';
import { type Outcome, runSteps } from './docs-rig.js';

const root = resolve(import.meta.dirname, '../..');
const pages = readPages(root);
const commands = commandsOf(pages);
const page = (path: string): Page => {
  const found = pages.find((one) => one.path === path);
  if (found === undefined) throw new Error(`${path} is not there`);
  return found;
};
const fencesOf = (language: string) =>
  pages.flatMap(({ path, fences }) =>
    fences
      .filter((fence) => fence.language === language)
      .map(({ text, line }) => ({ at: `${path}:${line}`, text })),
  );
const listedCommands = Object.values(listed).flat();
const sourceText = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');

describe('each command in the documentation', () => {
  test('is run here, or is listed with the reason why not', () => {
    const known = new Set([...evening.map(({ command }) => command), ...listedCommands]);
    const unknown = commands
      .filter(({ text }) => !known.has(text))
      .map(({ at, text }) => `${at}: ${text}`);
    expect(unknown).toEqual([]);
  });

  test('is still in the documentation if it is run or listed here', () => {
    const documented = new Set(commands.map(({ text }) => text));
    const all = [...evening.map(({ command }) => command), ...listedCommands];
    expect(all.filter((text) => !documented.has(text))).toEqual([]);
  });

  test('is not hidden in a block of another language', () => {
    const hidden = pages.flatMap(({ path, fences }) =>
      fences
        .filter(({ language }) => language !== 'sh')
        .flatMap(({ text, line }) =>
          text
            .split('\n')
            .filter((one) => /^\s*(sudo|npm|npx|node|simgate|curl|systemctl|journalctl) /.test(one))
            .map((one) => `${path}:${line}: ${one}`),
        ),
    );
    expect(hidden).toEqual([]);
  });

  test('of simgate names commands and options that it has', () => {
    const unknown = [...commands.map(({ text }) => text), ...pages.flatMap(({ spans }) => spans)]
      .flatMap(ownCommandsIn)
      .flatMap(unknownWordsOf);
    expect([...new Set(unknown)]).toEqual([]);
  });

  test('that looks for an event in the log looks for one that is logged', () => {
    const events = pages.flatMap(({ fences }) =>
      fences.flatMap(({ text }) => [...text.matchAll(/"event":"(\w+)"/g)].map(([, name]) => name)),
    );
    expect(events.length).toBeGreaterThan(0);
    expect(events.filter((name) => !sourceText.includes(`event: '${name}'`))).toEqual([]);
  });
});

/**
 * The words behind `simgate`, of each part of a command line that begins with it; the alias of
 * docs/auth0.md is the same.
 */
function ownCommandsIn(text: string): string[][] {
  return text.split(/&&|[|;]|\$\(/).flatMap((part) => {
    const [, name, rest = ''] =
      /^(?:sudo (?:-u simgate |-E )?)?(simgate|auth0) ([^)]*)/.exec(part.trim()) ?? [];
    if (name === undefined) return [];
    return [[...(name === 'auth0' ? [name] : []), ...rest.trim().split(/\s+/)]];
  });
}

const helps = new Map<string, string>();
function helpOf(path: readonly string[]): string {
  const key = path.join(' ');
  const known = helps.get(key);
  if (known !== undefined) return known;
  const help = execFileSync(process.execPath, [join(root, 'dist/cli.js'), ...path, '--help'], {
    encoding: 'utf8',
  });
  helps.set(key, help);
  return help;
}

const subcommandsIn = (help: string): string[] =>
  [...(help.split(/^Commands:$/m)[1] ?? '').matchAll(/^ {2}([a-z][a-z0-9-]*)/gm)].map(
    ([, name = '']) => name,
  );

function unknownWordsOf(words: readonly string[]): string[] {
  const path: string[] = [];
  const rest = [...words];
  for (let names = subcommandsIn(helpOf([])); names.length > 0 && rest[0] !== undefined; ) {
    if (!/^[a-z]/.test(rest[0])) break;
    if (!names.includes(rest[0])) return [`simgate ${words.join(' ')}`];
    path.push(rest.shift() ?? '');
    names = subcommandsIn(helpOf(path)).filter((name) => name !== 'help');
  }
  const options = rest
    .filter((word) => /^--[a-z]/.test(word))
    .map((word) => word.replace(/[=,`].*$/, ''));
  return options
    .filter((option) => !new RegExp(`${option}\\b(?!-)`).test(helpOf(path)))
    .map((option) => `simgate ${path.join(' ')} ${option}`);
}

describe('what the documentation names', () => {
  test('has links to files and chapters that are there', () => {
    const dead = pages.flatMap(({ path, links }) =>
      links.filter((link) => !isThere(path, link)).map((link) => `${path}: ${link}`),
    );
    expect(dead).toEqual([]);
  });

  test('is in the repository, where it is a path of it', () => {
    const paths = pages.flatMap(({ path, spans, fences }) =>
      [...spans, ...fences.flatMap(({ text }) => text.split(/\s+/))]
        .filter((word) => /^(src|test|config|systemd|udev|docs)\/[\w./-]+\.\w+$/.test(word))
        .filter((word) => !existsSync(join(root, word)))
        .map((word) => `${path}: ${word}`),
    );
    expect(paths).toEqual([]);
  });

  test('is a key of the configuration, where it looks like one', () => {
    const sections = keysByTable(fileSchema(root, {}));
    const unknown = pages.flatMap(({ path, spans }) =>
      spans
        .filter((span) => {
          const [, section, key = ''] = /^([a-z0-9]+)\.([a-z_0-9]+)$/.exec(span) ?? [];
          return (
            section !== undefined &&
            sections.has(section) &&
            !['db', 'json', 'key'].includes(key) &&
            !sections.get(section)?.includes(key)
          );
        })
        .map((span) => `${path}: ${span}`),
    );
    expect(unknown).toEqual([]);
  });

  test('is told by check-config to be right, where it is TOML', () => {
    const fragments = fencesOf('toml');
    expect(fragments.length).toBeGreaterThan(0);
    for (const { at, text } of fragments) expect(problemsOf(parse(text)), at).toEqual([]);
  });

  test('is understood by the player, where it is a dialogue', () => {
    const sample = page('docs/modems.md').fences.find(({ text }) => text.includes('[submit]'));
    const { device, scenarios } = parseDialogue('sample', sample?.text ?? '');
    expect(device).toBe('Huawei E3131');
    expect([...scenarios.keys()]).toEqual(['submit']);
  });

  test('parses, where it is JSON', () => {
    const documents = fencesOf('json');
    expect(documents.length).toBeGreaterThan(0);
    for (const { at, text } of documents) expect(() => JSON.parse(text), at).not.toThrow();
  });

  test('is said by the program, where it is a symptom', () => {
    const said = sourceText.replace(/' \+\s*[`']|` \+\s*[`']/g, '');
    const phrases = tableUnder(page('docs/operations.md'), 'By symptom').flatMap(([symptom = '']) =>
      [...symptom.matchAll(/`([^`]+)`/g)].map(([, phrase = '']) => phrase),
    );
    expect(phrases.length).toBeGreaterThan(10);
    expect(
      phrases.filter((phrase) => !said.includes(phrase) && !/^(took|waited)$/.test(phrase)),
    ).toEqual([]);
  });

  test('has every code of the API, with its status', () => {
    for (const [path, chapter] of [
      ['README.md', 'The API'],
      ['docs/operations.md', 'By HTTP status'],
    ] as const) {
      const rows = tableUnder(page(path), chapter);
      for (const [code, { status }] of Object.entries(problems)) {
        const row = rows.find(([, codes = '']) => codes.includes(`\`${code}\``));
        expect(row?.[0]?.split(/, /), `${path}: ${code}`).toContain(String(status));
      }
    }
  });

  test('walks by the files of the README’s map, in their order', () => {
    const sources = ({ spans }: Page) => spans.filter((span) => /^src\/.*\.ts$/.test(span));
    const [, map = ''] = page('README.md').prose.split('\n### The map\n');
    const [table = ''] = map.split('\nAnd back up:');
    const onTheMap = [...table.matchAll(/`(src\/[^`]+\.ts)`/g)].map(([, file = '']) => file);
    expect(onTheMap.length).toBeGreaterThan(10);
    const walked = [...new Set(sources(page('docs/way-of-a-message.md')))];
    expect(walked.filter((file) => onTheMap.includes(file))).toEqual(onTheMap);
  });

  test('has every profile and every dialogue of a modem', () => {
    const rows = tableUnder(page('docs/modems.md'), 'Profiles');
    const profiles = [
      ...readFileSync(join(root, 'src/modem/profiles.ts'), 'utf8').matchAll(/name: '([\w-]+)'/g),
    ];
    const described = rows.map(([name = '']) => name.replaceAll('`', ''));
    expect(described.sort()).toEqual(profiles.map(([, name = '']) => name).sort());
    const files = readdirSync(join(root, 'test/dialogues')).filter((name) => name.endsWith('.txt'));
    const dialogues = rows.flatMap(([, , names = '']) => [...names.matchAll(/`([\w-]+)`/g)]);
    expect(dialogues.map(([, name]) => `${name}.txt`).sort()).toEqual(files.sort());
  });
});

function isThere(from: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? from : join(dirname(from), file);
  if (!existsSync(join(root, target))) return false;
  if (anchor === undefined) return true;
  return pages.find(({ path }) => path === target)?.anchors.has(anchor) ?? false;
}

/** The same, with each file that it names, however deep, in the place of which this one stands. */
function withFile(value: unknown, file: string): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => withFile(item, file));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => [
      key,
      key.endsWith('_file') ? file : withFile(item, file),
    ]),
  );
}

/** A fragment counts as what is added to the least that a configuration needs. */
function problemsOf(fragment: TomlTable): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-docs-toml-'));
  try {
    const secret = join(folder, 'secret');
    writeFileSync(secret, 'x'.repeat(40), { mode: 0o600 });
    const least = { auth0: { subject: 's', audience: 'a' }, policy: { countries: ['DE'] } };
    const table: TomlTable = { ...least, ...fragment };
    table.auth0 = {
      ...least.auth0,
      ...(fragment.auth0 as TomlTable | undefined),
      secret_file: secret,
    };
    table.policy = { ...least.policy, ...(fragment.policy as TomlTable | undefined) };
    // Each its own, of the form that its kind asks for.
    table.caller = ((fragment.caller ?? []) as TomlTable[]).map((caller, index) => {
      const file = join(folder, `secret-${index}`);
      const prefix = caller.kind === 'supabase' ? 'v1,whsec_' : '';
      writeFileSync(file, `${prefix}${String(index).repeat(40)}`, { mode: 0o600 });
      return { ...caller, secret_file: file };
    });
    if (fragment.alerts !== undefined)
      table.alerts = withFile(fragment.alerts as TomlTable, secret) as TomlTable;
    if (fragment.inbound !== undefined) {
      // A key of Standard Webhooks: 32 octets as base64.
      const key = join(folder, 'inbound-secret');
      writeFileSync(key, `whsec_${Buffer.alloc(32, 7).toString('base64')}`, { mode: 0o600 });
      table.inbound = withFile(fragment.inbound as TomlTable, key) as TomlTable;
    }
    const modems = (fragment.modem ?? [{}]) as TomlTable[];
    table.modem = modems.map((modem) => ({ name: 'main', device: 'auto', ...modem }));
    const file = join(folder, 'simgate.toml');
    writeFileSync(file, stringify(table));
    return checkConfig(file, {}).problems.map(({ path, message }) => `${path}: ${message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('an operator’s evening with these commands, in a root of its own', () => {
  let outcomes: Outcome[] = [];
  beforeAll(async () => {
    outcomes = await runSteps(root, evening, 150_000);
  }, 160_000);

  test.each(evening.map((step, index) => ({ ...step, index })))(
    '$index: $command',
    ({ index, shows, stopAfterS }) => {
      const { output, exit } = outcomes[index] ?? { output: 'never run', exit: undefined };
      // 124 is timeout(1)'s own, for what it had to interrupt.
      expect({ exit, output }).toEqual({ exit: stopAfterS === undefined ? 0 : 124, output });
      expect(output).toMatch(shows);
    },
  );

  test('shows every metric that the documentation names', () => {
    const index = evening.findIndex(({ command }) => command.endsWith('/metrics'));
    const exposed = new Set(
      [...(outcomes[index]?.output ?? '').matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name),
    );
    const named = pages.flatMap(({ prose, fences }) =>
      [prose, ...fences.map(({ text }) => text)].flatMap((text) => [
        ...text.matchAll(/\bsimgate_[a-z_]+\b/g),
      ]),
    );
    const unknown = named
      .map(([name]) => name.replace(/_bucket$/, ''))
      .filter((name) => !exposed.has(name));
    expect([...new Set(unknown)]).toEqual([]);
    const rows = tableUnder(page('docs/metrics.md'), 'The metrics').map(
      ([name = '']) => /\w+/.exec(name)?.[0],
    );
    expect([...exposed].filter((name) => !rows.includes(name))).toEqual([]);
  });
});
