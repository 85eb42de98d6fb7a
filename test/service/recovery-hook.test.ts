import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const unit = readFileSync(join(import.meta.dirname, '../../systemd/simgate-recover.service'), 'utf8');

let folder: string;
let notes: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-recover-'));
  notes = join(folder, 'notes');
  for (const name of ['notes', 'run']) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The unit's command as systemd passes it on, in a tree of its own, with `limitS` seconds for each hook. */
function command(limitS = 20): string {
  const joined = unit.replace(/\\\n/g, ' ');
  const script = /^ExecStart=\/bin\/sh -c '([^']*)'$/m.exec(joined)?.[1] ?? '';
  // Then systemd has nothing to put in place of anything (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers").
  expect(script).not.toMatch(/\$\{|\$\$|%|\\/);
  const places = {
    '/var/lib/simgate/recover': notes,
    '/run/simgate-recover': join(folder, 'run'),
    '/etc/simgate/recover': join(folder, 'hook'),
    'kill-after=5 120': `kill-after=1 ${limitS}`,
  };
  return Object.entries(places).reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replaceAll(from, to);
  }, script);
}

function run(limitS?: number): { status: number | null; said: string } {
  const { status, stdout, stderr, error } = spawnSync('/bin/sh', ['-c', command(limitS)], {
    encoding: 'utf8',
    timeout: 15_000,
  });
  if (error) throw error;
  return { status, said: stdout + stderr };
}

/** A hook that writes down its arguments and the note's text, and goes on with `more`. */
function putHook(more = '', mode = 0o755): void {
  const file = join(folder, 'hook');
  writeFileSync(file, `#!/bin/sh\necho "$1: $(cat "$2")" >> ${folder}/called\n${more}\n`);
  chmodSync(file, mode);
}

const note = (name: string, reason = 'silent\n'): void => writeFileSync(join(notes, name), reason);
const called = (): string[] =>
  existsSync(join(folder, 'called'))
    ? readFileSync(join(folder, 'called'), 'utf8').trimEnd().split('\n')
    : [];

test('the hook is given each modem and its reason, and no note is left', () => {
  putHook();
  note('main', 'no answer to AT\n');
  note('spare 2');
  expect(run()).toMatchObject({ status: 0 });
  expect(called()).toEqual(['main: no answer to AT', 'spare 2: silent']);
  expect(readdirSync(notes)).toEqual([]);
});

test('without a note it does nothing', () => {
  putHook();
  expect(run()).toEqual({ status: 0, said: '' });
  expect(called()).toEqual([]);
});

test.each([
  ['not executable', () => putHook('', 0o644)],
  ['missing', () => undefined],
])('a hook that is %s is told of, and the notes are taken all the same', (_, put) => {
  put();
  note('main');
  const { status, said } = run();
  expect(said).toContain(
    `<4>modem main asks for help, but ${join(folder, 'hook')} cannot be run: chmod 755\n`,
  );
  expect(status).toBe(0);
  expect(called()).toEqual([]);
  expect(readdirSync(notes)).toEqual([]);
});

test('a hook that hangs is ended, and the next modem gets its turn', () => {
  putHook('[ "$1" = main ] && sleep 60');
  note('main');
  note('other');
  expect(run(1)).toMatchObject({
    status: 0,
    said: expect.stringContaining('<4>modem main: the recovery hook ended with 124'),
  });
  expect(called()).toEqual(['main: silent', 'other: silent']);
  expect(readdirSync(notes)).toEqual([]);
});

test('a note that comes while the hook runs is kept for the next time', () => {
  putHook(`[ -e ${folder}/again ] || echo worse > ${folder}/notes/main; : > ${folder}/again`);
  note('main');
  run();
  expect(readdirSync(notes)).toEqual(['main']);
  run();
  expect(called()).toEqual(['main: silent', 'main: worse']);
  expect(readdirSync(notes)).toEqual([]);
});

test('what is no plain file is removed, and shown to no hook', () => {
  putHook();
  writeFileSync(join(folder, 'foreign'), 'secret');
  symlinkSync(join(folder, 'foreign'), join(notes, 'link'));
  symlinkSync(join(folder, 'nowhere'), join(notes, 'dangling'));
  mkdirSync(join(notes, 'folder'));
  note('main');
  const { status, said } = run();
  expect(status).toBe(0);
  for (const name of ['link', 'dangling', 'folder'])
    expect(said).toContain(`<4>modem ${name}: its note is no plain file: removed\n`);
  expect(called()).toEqual(['main: silent']);
  expect(readdirSync(notes)).toEqual([]);
  expect(readFileSync(join(folder, 'foreign'), 'utf8')).toBe('secret');
});

test('a note that cannot be taken calls no hook and fails, so that systemd waits before the next try', () => {
  putHook();
  note('main');
  rmSync(join(folder, 'run'), { recursive: true });
  const { status, said } = run();
  expect(status).toBe(1);
  expect(said).toContain('mv: ');
  expect(called()).toEqual([]);
  expect(unit).toMatch(/^Restart=on-failure\nRestartSec=60$/m);
});

test('neither a condition nor a start limit of the service ends the watching', () => {
  expect(unit).not.toMatch(/^(Condition|Assert)/m);
  expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
});
