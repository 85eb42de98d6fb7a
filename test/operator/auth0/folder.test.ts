import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Auth0Folder, type SetupRecord } from '../../../src/operator/auth0/folder.js';
import { Desk, gatewayUrl } from './support/desk.js';

let stateDir: string;
let folder: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'simgate-auth0-folder-'));
  folder = join(stateDir, 'auth0');
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const record = (domain: string): SetupRecord => ({
  version: 1,
  domain,
  experience: 'unified',
  gateway_url: 'https://sms.example.com/sms',
});
const planted = `${JSON.stringify(record('evil.example.com'))}\n`;

it('keeps what it wrote for its user only, and reads it again', async () => {
  const own = new Auth0Folder(stateDir);
  expect(await own.readSetups()).toEqual([]);
  await own.writeSetup(record('a.eu.auth0.com'));
  expect(await own.readSetup('a.eu.auth0.com')).toEqual(record('a.eu.auth0.com'));
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'setup.json')).mode & 0o777).toBe(0o600);
});

it('does not overwrite the first tenant by a second one', async () => {
  const own = new Auth0Folder(stateDir);
  await own.writeSetup(record('a.eu.auth0.com'));
  const first = readFileSync(join(folder, 'setup.json'), 'utf8');
  await own.writeSetup(record('b.eu.auth0.com'));
  await own.writeSetup({ ...record('b.eu.auth0.com'), gateway_url: 'https://b.example.com/sms' });
  expect(readFileSync(join(folder, 'setup.json'), 'utf8')).toBe(first);
  expect((await own.readSetups()).map(({ domain }) => domain)).toEqual([
    'a.eu.auth0.com',
    'b.eu.auth0.com',
  ]);
  expect((await own.readSetup('b.eu.auth0.com'))?.gateway_url).toBe('https://b.example.com/sms');
});

it.each([
  ['a folder of another user', () => mkdirSync(folder, { mode: 0o700 }), 1],
  [
    'a folder that others may write to',
    () => {
      mkdirSync(folder);
      chmodSync(folder, 0o770);
    },
    0,
  ],
  [
    'a file that others may write to',
    () => {
      mkdirSync(folder, { mode: 0o700 });
      writeFileSync(join(folder, 'setup.json'), planted);
      chmodSync(join(folder, 'setup.json'), 0o666);
    },
    0,
  ],
  [
    'a link in the place of the file',
    () => {
      mkdirSync(folder, { mode: 0o700 });
      writeFileSync(join(stateDir, 'elsewhere'), planted, { mode: 0o600 });
      symlinkSync(join(stateDir, 'elsewhere'), join(folder, 'setup.json'));
    },
    0,
  ],
  [
    'a link in the place of the folder',
    () => {
      mkdirSync(join(stateDir, 'elsewhere'), { mode: 0o700 });
      writeFileSync(join(stateDir, 'elsewhere', 'setup.json'), planted, { mode: 0o600 });
      symlinkSync(join(stateDir, 'elsewhere'), folder);
    },
    0,
  ],
  [
    'a folder in the place of the file',
    () => mkdirSync(join(folder, 'setup.json'), { recursive: true, mode: 0o700 }),
    0,
  ],
  [
    'a file without an end',
    () => {
      mkdirSync(folder, { mode: 0o700 });
      writeFileSync(join(folder, 'setup.json'), ' '.repeat(2 ** 20 + 1), { mode: 0o600 });
    },
    0,
  ],
])('believes nothing of %s', async (_what, plant, otherUser) => {
  plant();
  const own = new Auth0Folder(stateDir, process.getuid!() + otherUser);
  await expect(own.readSetups()).rejects.toThrow(
    /not believed|is a link|is no folder|is not what simgate wrote/,
  );
});

it('writes into no folder but the one that it looked at', async () => {
  mkdirSync(join(stateDir, 'elsewhere'), { mode: 0o700 });
  symlinkSync(join(stateDir, 'elsewhere'), folder);
  const own = new Auth0Folder(stateDir);
  await expect(own.writeSetup(record('a.eu.auth0.com'))).rejects.toThrow('is no folder: remove it');
  expect(existsSync(join(stateDir, 'elsewhere', 'setup.json'))).toBe(false);
  const other = new Auth0Folder(stateDir, process.getuid!() + 1);
  rmSync(folder);
  mkdirSync(folder, { mode: 0o700 });
  await expect(other.writeRotation({} as never)).rejects.toThrow('not believed');
  expect(existsSync(join(folder, 'rotation.json'))).toBe(false);
});

it('is not led elsewhere by a folder that is swapped while it writes', async () => {
  const own = new Auth0Folder(stateDir);
  await own.writeSetup(record('a.eu.auth0.com'));
  mkdirSync(join(stateDir, 'elsewhere'), { mode: 0o700 });
  // The swaps meet the writes at any step; each leaves a link for a moment, or the folder that the
  // writer has just made.
  const unlessThere = (swap: () => void) => {
    try {
      swap();
    } catch (error) {
      if (!/EEXIST|ENOTEMPTY/.test(String((error as NodeJS.ErrnoException).code))) throw error;
    }
  };
  const moved = join(stateDir, 'moved');
  let isOver = false;
  const swaps = (async () => {
    while (!isOver) {
      if (!existsSync(moved)) renameSync(folder, moved);
      unlessThere(() => symlinkSync(join(stateDir, 'elsewhere'), folder));
      await new Promise((resolve) => setImmediate(resolve));
      rmSync(folder, { recursive: true, force: true });
      unlessThere(() => renameSync(moved, folder));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let round = 0; round < 200; round += 1)
    await own.writeSetup(record('a.eu.auth0.com')).catch((error: Error) => {
      if (!/is no folder|cannot be|removed meanwhile/.test(error.message)) throw error;
    });
  isOver = true;
  await swaps;
  expect(lstatSync(folder).isDirectory()).toBe(true);
  expect(existsSync(join(stateDir, 'elsewhere', 'setup.json'))).toBe(false);
});

it('sends no credentials to a tenant that another user wrote down', async () => {
  const desk = await Desk.open();
  try {
    mkdirSync(join(desk.stateDir, 'auth0'), { recursive: true, mode: 0o700 });
    writeFileSync(
      join(desk.stateDir, 'auth0', 'setup.json'),
      JSON.stringify(record(desk.auth0.origin)),
      {
        mode: 0o600,
      },
    );
    desk.env = { AUTH0_CLIENT_ID: 'app', AUTH0_CLIENT_SECRET: 'app-secret' };
    const environment = desk.environment();
    environment.place.uid += 1;
    for (const command of [
      ['check'],
      ['rotate'],
      ['restore', '--yes'],
      ['setup', '--gateway-url', gatewayUrl],
    ])
      await expect(desk.runWith(environment, ...command)).rejects.toThrow(
        'so what stands there is not believed',
      );
    expect(desk.auth0.requests).toEqual([]);
  } finally {
    await desk.close();
  }
});
