import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Person } from './support/person.js';

const nobody = 65_534;
/** The service's user and group in these tests. */
const service = { uid: 64_242, gid: 64_243 };
const isRoot = process.getuid!() === 0;

let person: Person;
beforeEach(() => {
  person = new Person();
  person.groups += `simgate:x:${service.gid}:\n`;
  person.users += `simgate:x:${service.uid}:${service.gid}::/:/usr/sbin/nologin\n`;
  chmodSync(person.folder, 0o755);
});
afterEach(() => person.leave());

const words = ['--device', 'auto', '--countries', 'DE', '--yes'];

/** What the kernel lets another user do; only root can ask it so. */
function mayRead(uid: number, gid: number, name: string): boolean {
  const who = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const { status, error } = spawnSync('setpriv', [...who, 'cat', join(person.folder, name)]);
  if (error) throw error;
  return status === 0;
}

function expectServed(name: string): void {
  const { uid, gid, mode } = statSync(join(person.folder, name));
  if (!isRoot) {
    expect({ uid, mode: mode & 0o777 }, name).toEqual({ uid: process.getuid!(), mode: 0o600 });
    return;
  }
  expect({ uid, gid, mode: mode & 0o777 }, name).toEqual({ uid: 0, gid: service.gid, mode: 0o640 });
  expect(mayRead(service.uid, service.gid, name), name).toBe(true);
  expect(mayRead(nobody, nobody, name), name).toBe(false);
}

it('configuration, secret, PIN and the old configuration are for the service to read, and for no stranger', async () => {
  await person.plug(
    'ec25',
    { at: '1-1.2', name: 'ttyUSB2' },
    { 'AT+CPIN?': ['+CPIN: SIM PIN', 'OK'] },
  );
  person.env.SIMGATE_PIN = '4711';
  await person.runsAsScript('--yes', '--countries', 'DE');
  await person.runsAsScript('--countries', 'FR');
  const names = ['auth0-secret', 'pin-main', 'simgate.toml', 'simgate.toml.bak'];
  expect(person.files()).toEqual(names);
  for (const name of names) expectServed(name);
});

it.each([
  ['all could read', 0o644, service.gid],
  ['the service could not', 0o640, 0],
  ['its group could not', 0o600, service.gid],
])('a file that %s is put right; nothing else of it changes', async (_title, mode, gid) => {
  const path = join(person.folder, 'auth0-secret');
  writeFileSync(path, `${'s'.repeat(40)}\n`);
  if (isRoot) chownSync(path, 0, gid);
  // Who is not root owns it, and needs no group.
  chmodSync(path, isRoot ? mode : 0o644);
  const said = await person.runsAsScript(...words);
  expect(said).toContain('auth0-secret can now be read by the service, and by no stranger');
  expectServed('auth0-secret');
  expect(person.read('auth0-secret')).toBe(`${'s'.repeat(40)}\n`);
});

it('files that are right in another way stay so', async () => {
  await person.runsAsScript(...words);
  const path = join(person.folder, 'auth0-secret');
  if (isRoot) chownSync(path, service.uid, service.gid);
  chmodSync(path, 0o400);
  await person.runsAsScript('--countries', 'FR');
  const { uid, mode } = statSync(path);
  expect({ uid, mode: mode & 0o777 }).toEqual({
    uid: isRoot ? service.uid : process.getuid!(),
    mode: 0o400,
  });
});

it('who may not write is told before anything is asked, and what to do', async () => {
  const folder = join(person.folder, 'etc');
  mkdirSync(folder, { mode: 0o555 });
  person.place();
  if (isRoot) process.seteuid!(nobody);
  try {
    await expect(person.runs([], '--config', join(folder, 'simgate.toml'))).rejects.toThrow(
      `${join(folder, 'simgate.toml')} cannot be written by this user: run it with sudo`,
    );
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});

it('who may not read the configuration is told so', async () => {
  person.write('# whole\n');
  chmodSync(person.file, 0o000);
  person.place();
  if (isRoot) process.seteuid!(nobody);
  try {
    await expect(person.runs([])).rejects.toThrow('cannot be read by this user: run it with sudo');
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});

it('a configuration behind a link is changed where it is', async () => {
  await person.runsAsScript(...words);
  const link = join(person.folder, 'link.toml');
  symlinkSync(person.file, link);
  await person.runsAsScript('--config', link, '--countries', 'FR');
  expect(person.read('simgate.toml')).toContain('countries = ["FR"]');
  expect(statSync(link).ino).toBe(statSync(person.file).ino);
});

it('a folder that is not there is made', async () => {
  await person.runsAsScript('--config', join(person.folder, 'etc/simgate/simgate.toml'), ...words);
  expect(statSync(join(person.folder, 'etc/simgate')).mode & 0o777).toBe(0o755);
});
