import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { generateSecret, keyOf } from '../../../src/operator/auth0/secret.js';
import { secretRights } from '../../../src/operator/rights.js';
import { createPrivateFile, writePrivateFile } from '../../../src/secret/private-file.js';
import { keyId } from '../../../src/secret/token.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-secret-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const mine = { uid: process.getuid!(), gid: process.getgid!(), mode: 0o600 };

it('makes a secret for the service to read and root to write, when root makes it', () => {
  const groupFile = join(folder, 'group');
  writeFileSync(groupFile, 'root:x:0:\nsimgate-dev:x:7:\nsimgate:x:998:\n');
  expect(secretRights({ uid: 0, gid: 0, groupFile })).toEqual({ uid: 0, gid: 998, mode: 0o640 });
  expect(secretRights({ uid: 1000, gid: 100, groupFile })).toEqual({
    uid: 1000,
    gid: 100,
    mode: 0o600,
  });
  writeFileSync(groupFile, 'root:x:0:\nsimgate-dev:x:7:\n');
  expect(secretRights({ uid: 0, gid: 0, groupFile })).toEqual({ uid: 0, gid: 0, mode: 0o600 });
});

it('never makes the same secret twice', () => {
  const made = new Set(Array.from({ length: 100 }, generateSecret));
  expect(made.size).toBe(100);
  for (const text of made) expect(text).toMatch(/^[A-Za-z0-9_-]{43}$/);
});

it('names a key the same in whatever form it is written, and two keys differently', () => {
  const key = Buffer.from('fbff'.repeat(16), 'hex');
  expect(keyId(keyOf(key.toString('base64'), true))).toBe(
    keyId(keyOf(key.toString('base64url'), true)),
  );
  expect(keyId(keyOf('a', false))).not.toBe(keyId(keyOf('b', false)));
  expect(keyId(key)).toMatch(/^[0-9a-f]{16}$/);
});

it('writes a file whole, with its mode from the start, and leaves no draft', async () => {
  const file = join(folder, 'secret');
  await writePrivateFile(file, 'first', { ...mine, mode: 0o640 });
  expect(statSync(file).mode & 0o777).toBe(0o640);
  await writePrivateFile(file, 'second', mine);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toBe('second');
  expect(readdirSync(folder)).toEqual(['secret']);
});

it('leaves a file that is there as it is, when it should be new', async () => {
  const file = join(folder, 'secret');
  expect(await createPrivateFile(file, 'first', mine)).toBe(true);
  expect(await createPrivateFile(file, 'second', mine)).toBe(false);
  expect(readFileSync(file, 'utf8')).toBe('first');
  expect(readdirSync(folder)).toEqual(['secret']);
});

it('says in words where it cannot write', async () => {
  const file = join(folder, 'missing', 'secret');
  await expect(writePrivateFile(file, 'x', mine)).rejects.toThrow(
    `there is no folder ${join(folder, 'missing')}`,
  );
  expect(existsSync(file)).toBe(false);
});
