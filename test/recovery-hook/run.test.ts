import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { leaveNote, whyNoNotes } from '../../src/recovery-hook/note.js';
import { type HookPlace, runHooks } from '../../src/recovery-hook/run.js';

const uid = process.geteuid!();
let folder: string;
let place: HookPlace;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-recover-'));
  const [dropDir, takenDir] = ['drop', 'taken'].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  mkdirSync(dropDir, { mode: 0o730 });
  mkdirSync(takenDir, { mode: 0o700 });
  place = { dropDir, takenDir, hook: join(folder, 'hook'), ownerUid: uid, limitS: 20 };
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(changes: Partial<HookPlace> = {}, whoElseMayChange?: string): void {
  runHooks(
    { ...place, ...changes },
    {
      run([file = '', ...args]) {
        const { status, error } = spawnSync(file, args, { stdio: 'ignore', timeout: 15_000 });
        if (error) throw error;
        return status ?? undefined;
      },
      whoElseMayChange: () => whoElseMayChange,
      say: (line) => said.push(line),
    },
  );
}

/** A hook that writes down its arguments and the note's text, and goes on with `more`. */
function putHook(more = '', mode = 0o755): void {
  writeFileSync(place.hook, `#!/bin/sh\necho "$1: $(cat "$2")" >> ${folder}/called\n${more}\n`);
  chmodSync(place.hook, mode);
}

const note = (name: string, reason = 'silent\n'): void =>
  writeFileSync(join(place.dropDir, name), reason);
const called = (): string[] =>
  existsSync(join(folder, 'called'))
    ? readFileSync(join(folder, 'called'), 'utf8').trimEnd().split('\n')
    : [];
/** What simgate-recover.path would start the unit for again. */
const visible = (): string[] => readdirSync(place.dropDir).filter((name) => !name.startsWith('.'));

test('the hook is given each modem and its reason, and nothing is left', async () => {
  putHook();
  await leaveNote(place.dropDir, 'main', 'no answer to AT');
  await leaveNote(place.dropDir, 'spare-2.b', 'silent');
  expect(readdirSync(place.dropDir)).toEqual(['main', 'spare-2.b']);
  run();
  expect(called()).toEqual(['main: no answer to AT', 'spare-2.b: silent']);
  expect([readdirSync(place.dropDir), readdirSync(place.takenDir)]).toEqual([[], []]);
  expect(said).toEqual([
    '<5>modem main: the recovery hook has run',
    '<5>modem spare-2.b: the recovery hook has run',
  ]);
});

test('a note replaces an older one of the same modem, and what a crash left half written', async () => {
  putHook();
  note('.main.new', 'half');
  await leaveNote(place.dropDir, 'main', 'once');
  await leaveNote(place.dropDir, 'main', 'twice');
  run();
  expect(called()).toEqual(['main: twice']);
});

test('without a directory, or the right to write into it, no note can be left, and why is told', async () => {
  expect(await whyNoNotes(place.dropDir)).toBeUndefined();
  expect(await whyNoNotes(join(folder, 'nowhere'))).toContain('ENOENT');
  await expect(leaveNote(join(folder, 'nowhere'), 'main', 'silent')).rejects.toThrow('ENOENT');
});

test('without a note it does nothing', () => {
  putHook();
  run();
  expect([called(), said]).toEqual([[], []]);
});

test.each([
  ['not executable', () => putHook('', 0o644), 'cannot be run: chmod 755'],
  ['missing', () => undefined, 'is not there, or leads nowhere'],
])('a hook that is %s is told of, and the notes are taken all the same', (_, put, words) => {
  put();
  note('main');
  run();
  expect(said).toEqual([`<4>modem main asks for help, but ${place.hook} ${words}`]);
  expect([called(), visible()]).toEqual([[], []]);
});

test('a hook that another could change is not run as root', () => {
  putHook();
  note('main');
  run({}, '/home/pi does not belong to root');
  expect(said).toEqual([
    `<4>modem main asks for help, but ${place.hook} is not run as root: /home/pi does not belong to root`,
  ]);
  expect([called(), visible()]).toEqual([[], []]);
});

test('a hook that hangs is ended, and the next modem gets its turn', () => {
  putHook('[ "$1" = main ] && sleep 60');
  note('main');
  note('other');
  run({ limitS: 1 });
  expect(said[0]).toContain('<4>modem main: the recovery hook ended with 124');
  expect(called()).toEqual(['main: silent', 'other: silent']);
  expect(visible()).toEqual([]);
});

test('a note that comes while the hook runs is kept for the next time', () => {
  putHook(`[ -e ${folder}/again ] || echo worse > ${place.dropDir}/main; : > ${folder}/again`);
  note('main');
  run();
  expect(visible()).toEqual(['main']);
  run();
  expect(called()).toEqual(['main: silent', 'main: worse']);
  expect(visible()).toEqual([]);
});

test('what is no plain file of the service is taken away, followed by nobody, and shown to no hook', async () => {
  putHook();
  const foreign = join(folder, 'foreign');
  writeFileSync(foreign, 'secret', { mode: 0o644 });
  symlinkSync(foreign, join(place.dropDir, 'link'));
  symlinkSync(folder, join(place.dropDir, 'link-to-folder'));
  symlinkSync(join(folder, 'nowhere'), join(place.dropDir, 'dangling'));
  linkSync(foreign, join(place.dropDir, 'hard-link'));
  spawnSync('mkfifo', [join(place.dropDir, 'pipe')]);
  mkdirSync(join(place.dropDir, 'folder'));
  mkdirSync(join(place.dropDir, 'full', 'of', 'things'), { recursive: true });
  const server = createServer().listen(join(place.dropDir, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  note('big', 'x'.repeat(4097));
  note('main');
  run();
  server.close();
  expect(said.filter((line) => line.startsWith('<4>'))).toHaveLength(9);
  for (const name of [
    'link',
    'link-to-folder',
    'dangling',
    'hard-link',
    'pipe',
    'folder',
    'full',
    'socket',
    'big',
  ])
    expect(said.join('\n')).toContain(`<4>"${name}" in the drop directory `);
  expect([called(), visible()]).toEqual([['main: silent'], []]);
  expect(readFileSync(foreign, 'utf8')).toBe('secret');
  expect(lstatSync(folder).isDirectory()).toBe(true);
});

test.each([
  'of\ntwo-lines',
  '-rf',
  'a b',
  'x;reboot',
  '$(reboot)',
  'ä',
  '*',
  `${'n'.repeat(65)}`,
  '\u001b]0;title\u0007',
])(
  'no modem is called %j: such a note reaches no hook, no shell and no line of the journal',
  (name) => {
    putHook();
    note(name);
    note('main');
    run();
    expect(called()).toEqual(['main: silent']);
    expect(visible()).toEqual([]);
    expect(said).toHaveLength(2);
    expect(said.join('')).not.toMatch(/[\u0000-\u001f]/);
    expect(said[0]?.length).toBeLessThan(200);
  },
);

test('a note of another user is not the service’s', () => {
  putHook();
  note('main');
  run({ ownerUid: uid + 1 });
  expect(called()).toEqual([]);
  expect(said[0]).toContain(`belongs to uid ${uid}, not to the service's user`);
  expect(visible()).toEqual([]);
});

test('the reason is one line of printable characters', () => {
  putHook();
  note('main', 'silent\n\u001b[2Jfor\u0000 ever\u2028now\r\n');
  run();
  expect(called()).toEqual(['main: silent [2Jfor ever now']);
});

test('a drop directory that another could have put there is refused as a whole', () => {
  putHook();
  note('main');
  renameSync(place.dropDir, join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'elsewhere'), place.dropDir);
  expect(() => run()).toThrow(/ELOOP|ENOTDIR/);
  rmSync(place.dropDir);
  renameSync(join(folder, 'elsewhere'), place.dropDir);
  chmodSync(place.dropDir, 0o777);
  expect(() => run()).toThrow(`${place.dropDir} belongs to uid ${uid}, mode 777`);
  expect([called(), visible()]).toEqual([[], ['main']]);
});

test('a flood of notes is taken in portions, so that each run ends', () => {
  for (let number = 0; number < 100; number += 1) note(`n${number}`);
  run();
  expect(visible()).toHaveLength(36);
  run();
  expect(visible()).toEqual([]);
});

const unit = readFileSync(
  join(import.meta.dirname, '../../systemd/simgate-recover.service'),
  'utf8',
);

test('neither a condition nor a start limit of the service ends the watching, and a failure waits before the next try', () => {
  expect(unit).not.toMatch(/^(Condition|Assert)/m);
  expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
  expect(unit).toMatch(/^Restart=on-failure\nRestartSec=60$/m);
});

test('units, package and program mean the same drop directory', () => {
  const read = (file: string): string =>
    readFileSync(join(import.meta.dirname, '../..', file), 'utf8');
  const dropDir = /--drop-dir (\S+)/.exec(unit)?.[1];
  expect(dropDir).toBe('/run/simgate-drop');
  expect(read('systemd/simgate-recover.path')).toContain(`DirectoryNotEmpty=${dropDir}\n`);
  expect(read('systemd/simgate.service')).toContain(`ReadWritePaths=-${dropDir}\n`);
  expect(read('packaging/files/simgate.tmpfiles.conf')).toContain(
    `d ${dropDir} 1730 root simgate -\n`,
  );
  expect(read('config/simgate.example.toml')).toContain(`#recovery_drop_dir = "${dropDir}"\n`);
});
