import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { slow } from './slow.js';

const src = resolve(import.meta.dirname, '../src');

/** From top to bottom; a file may import from its own layer and from those below (DESIGN §7). */
const ranks: readonly (readonly string[])[] = [
  ['cli'],
  ['planner'],
  ['operator', 'simulator'],
  ['daemon'],
  ['page'],
  ['doctor'],
  ['recovery-hook'],
  ['http', 'metrics', 'alerts', 'credit'],
  ['delivery', 'inbound'],
  ['shared'],
  ['dispatch'],
  ['journal', 'policy'],
  ['control'],
  ['modem'],
  ['at', 'sms', 'usb'],
  ['serial', 'outgoing'],
  ['config', 'clock'],
  ['log'],
  ['secret'],
  ['words'],
  ['errors', 'number', 'version'],
];
/** Beside the ranks: what a layer may not know although it is below. */
const forbidden: readonly (readonly [from: string, to: string])[] = [
  ['http', 'modem'],
  ['http', 'at'],
  ['http', 'serial'],
  ['at', 'sms'],
  ['sms', 'at'],
  ['sms', 'serial'],
  ['simulator', 'sms'],
  ['simulator', 'at'],
  ['simulator', 'modem'],
];

const layerOf = (file: string): string => relative(src, file).split('/')[0]!.replace(/\.ts$/, '');
const rankOf = (layer: string): number => ranks.findIndex((rank) => rank.includes(layer));

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) =>
    resolve(dirname(file), match[1]!.replace(/\.js$/, '.ts')),
  );
}

/** A file without its comments, roughly: enough to find what it spells. */
const codeOf = (file: string): string =>
  readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\/\/ .*$/gm, '');

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(src, name));

test('every file belongs to a layer', () => {
  expect(files.length).toBeGreaterThan(50);
  expect(files.map(layerOf).filter((layer) => rankOf(layer) < 0)).toEqual([]);
});

test('imports go downward only', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => {
        const [from, to] = [layerOf(file), layerOf(target)];
        const upward = from !== to && rankOf(to) <= rankOf(from);
        return upward || forbidden.some(([a, b]) => a === from && b === to);
      })
      .map((target) => `${relative(src, file)} imports ${relative(src, target)}`),
  );
  expect(wrong).toEqual([]);
});

test('no file is loose: at the root stand only what every room may say', () => {
  const loose = files.map((file) => relative(src, file)).filter((file) => !file.includes('/'));
  expect(loose.sort()).toEqual(['errors.ts', 'log.ts', 'version.ts']);
});

test('no file imports itself by way of others', () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0)
      circles.push([...way.slice(at), file].map((each) => relative(src, each)).join(' → '));
    if (at >= 0 || done.has(file)) return;
    for (const target of importsOf(file)) visit(target, [...way, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test('only daemon.ts and its modem-maker.ts build the daemon, and the plan its queue', () => {
  const builders = files.filter((file) =>
    /new Supervisor\(|createDispatch\(\{/.test(readFileSync(file, 'utf8')),
  );
  expect(builders.map((file) => relative(src, file))).toEqual([
    'daemon/daemon.ts',
    'daemon/modem-maker.ts',
    'planner/planner.ts', // the queue, in simulated time
  ]);
});

test('AT commands are spelled by the modem layer’s own rooms, and where the operator’s are checked', () => {
  const spellers = files.filter(
    (file) => /['"`]AT[+^]/.test(codeOf(file)) && !/simulator/.test(file),
  );
  expect(spellers.map((file) => relative(src, file)).sort()).toEqual([
    'config/init-lines.ts',
    'config/values.ts',
    'modem/diagnostics.ts',
    'modem/indications.ts',
    'modem/modem.ts',
    'modem/profiles.ts',
    'modem/radio.ts',
    'modem/registration.ts',
    'modem/service-centre.ts',
    'modem/sim.ts',
    'modem/sms-path.ts',
    'modem/storage.ts',
    'modem/ussd.ts',
    'usb/usb-ports.ts', // what a person writes to a modem elsewhere
  ]);
});

test('the slow tests that are named are there', () => {
  const named = slow.map((glob) => resolve(src, '..', glob.replace(/\*\*.*/, '')));
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

/** The main file of each room; a stranger opens it first. */
const mainFiles: Readonly<Record<string, string>> = {
  alerts: 'watch.ts',
  at: 'session.ts',
  cli: 'cli.ts',
  clock: 'clock.ts',
  config: 'config.ts',
  credit: 'credit.ts',
  control: 'server.ts',
  daemon: 'daemon.ts',
  delivery: 'reports.ts',
  dispatch: 'dispatch.ts',
  doctor: 'doctor.ts',
  http: 'app.ts',
  inbound: 'inbound.ts',
  journal: 'journal.ts',
  metrics: 'metrics.ts',
  modem: 'modem.ts',
  number: 'recipient.ts',
  operator: 'auth0/setup.ts',
  outgoing: 'call.ts',
  page: 'page.ts',
  planner: 'planner.ts',
  policy: 'policy.ts',
  'recovery-hook': 'run.ts',
  secret: 'token.ts',
  serial: 'port.ts',
  shared: 'truth.ts',
  simulator: 'simulator.ts',
  sms: 'tpdu.ts',
  usb: 'select.ts',
  words: 'foreign.ts',
};

const rooms = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());

test.each(rooms.map(({ name }) => name))(
  "the main file of %s opens with what the room is for, what it may not know, and a message's way",
  (room) => {
    const main = mainFiles[room];
    expect(main, `which file of ${room} does a stranger open first?`).toBeDefined();
    const head = readFileSync(join(src, room, main!), 'utf8').replace(/^#!.*\n/, '');
    const comment = /^\/\*\*\n(.*?)\n \*\/\n/s.exec(head)?.[1];
    expect(comment).toMatch(
      /^ \* \S.*\n(?: \* .*\n)* \* Knows nothing of: .*\n(?: \* .*\n)* \* Way: \S/,
    );
  },
);

/** The simulator shares no code with the daemon, so that its names are its own. */
const houses: readonly (readonly [name: string, files: readonly string[]])[] = [
  ['the daemon', files.filter((file) => layerOf(file) !== 'simulator')],
  ['the simulator', files.filter((file) => layerOf(file) === 'simulator')],
];

test.each(houses)('no exported type name is declared twice in %s', (_, own) => {
  const places = new Map<string, string[]>();
  for (const file of own)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(
      /^export (?:declare )?(?:abstract )?(?:class|interface|type|enum) (\w+)/gm,
    ))
      places.set(name!, [...(places.get(name!) ?? []), relative(src, file)]);
  expect(places.size).toBeGreaterThan(20);
  expect([...places].filter(([, where]) => where.length > 1)).toEqual([]);
});

test('what a file exports, another one uses', () => {
  const root = resolve(src, '..');
  const all = ['src', 'test', 'packaging'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(root, folder, name)),
  );
  const words = new Map(all.map((file) => [file, new Set(codeOf(file).match(/\w+/g))]));
  const unused = files.flatMap((file) => {
    const exported = codeOf(file).matchAll(
      /^export (?:async )?(?:const|let|function\*?|class) (\w+)/gm,
    );
    return [...exported].flatMap(([, name = '']) =>
      all.some((other) => other !== file && words.get(other)!.has(name))
        ? []
        : [`${relative(src, file)} exports ${name}`],
    );
  });
  expect(unused).toEqual([]);
});

/** What a file name means that stands in several rooms, beside `cli/NAME.ts`: the command NAME. */
const sharedFileNames: Readonly<Record<string, string>> = {
  'control-commands.ts': 'commands that the room answers at the control socket',
  'credit.ts': 'the credit of a SIM: as it is configured, and as it is kept',
  'environment.ts': 'what the commands of the room touch beside files, so that a test can be it',
  'errors.ts': 'what the room throws',
  'init-lines.ts': 'the AT lines of `init` of a modem: as they are written, and as they are sent',
  'plan.ts': 'what a command is about to change',
  'policy.ts': 'the rules of `[policy]`: as they are written, and as they are kept',
  'schema.ts': 'the form of what is in a file',
  'server.ts': 'a listener',
  'ussd.ts': 'asking the carrier: what is asked, and the commands that do it',
};

test('a file name that stands in several rooms means the same in each', () => {
  const rooms = new Map<string, number>();
  for (const file of files) {
    const name = file.split('/').at(-1)!;
    if (layerOf(file) !== 'cli') rooms.set(name, (rooms.get(name) ?? 0) + 1);
  }
  const shared = [...rooms].filter(([, count]) => count > 1).map(([name]) => name);
  expect(shared.sort()).toEqual(Object.keys(sharedFileNames).sort());
});

const widest = 100;

test(`comments are at most ${widest} columns wide, as code is`, () => {
  const biome = JSON.parse(readFileSync(resolve(src, '../biome.json'), 'utf8')) as {
    formatter: { lineWidth: number };
  };
  expect(biome.formatter.lineWidth).toBe(widest);
  const tooWide = [src, resolve(src, '../test'), resolve(src, '../packaging')].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) =>
        readFileSync(join(root, name), 'utf8')
          .split('\n')
          .flatMap((line, index) =>
            line.length > widest && isComment(line) ? [`${name}:${index + 1}`] : [],
          ),
      ),
  );
  expect(tooWide).toEqual([]);
});

/** A line of a comment, or code with one behind it; an address in a literal is none. */
function isComment(line: string): boolean {
  const code = line.replace(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/g, "''");
  return (
    /^\s*(?:\/\/|\/?\*)|\s\/\/ /.test(code) && !code.includes('@param {CustomPhoneProviderAPI}')
  );
}
