import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HmacKeyError, openHmacKey } from '../../src/journal/hmac-key.js';
import { folder } from './support/rig.js';

test('the first start makes a key of 32 octets that only its owner may read, and leaves nothing else', async () => {
  const state = folder();
  await openHmacKey(join(state, 'hmac.key'));
  expect(readdirSync(state)).toEqual(['hmac.key']);
  expect(statSync(join(state, 'hmac.key'))).toMatchObject({ size: 32 });
  expect(statSync(join(state, 'hmac.key')).mode & 0o777).toBe(0o600);
});

test('the next start gives the same HMACs, another key others', async () => {
  const file = join(folder(), 'hmac.key');
  const first = await openHmacKey(file);
  const again = await openHmacKey(file);
  const other = await openHmacKey(join(folder(), 'hmac.key'));
  const number = '+4915112345667';
  expect(again('recipient', number)).toBe(first('recipient', number));
  expect(other('recipient', number)).not.toBe(first('recipient', number));
});

test('it is HMAC-SHA-256 over domain, NUL and text, cut to 128 bits', async () => {
  const file = join(folder(), 'hmac.key');
  writeFileSync(file, Buffer.alloc(32, 0x0b), { mode: 0o600 });
  const hmac = await openHmacKey(file);
  // printf 'recipient\0+4915112345667' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b…0b
  expect(hmac('recipient', '+4915112345667')).toBe('26aac6356d54b480805af7e55ce16715');
  expect(hmac('block', '+4915112345667')).not.toBe(hmac('recipient', '+4915112345667'));
});

test('two that start at once have one key', async () => {
  const file = join(folder(), 'hmac.key');
  const hmacs = await Promise.all([openHmacKey(file), openHmacKey(file), openHmacKey(file)]);
  expect(new Set(hmacs.map((hmac) => hmac('block', '+491511234'))).size).toBe(1);
  expect(readFileSync(file)).toHaveLength(32);
});

test('a key of the wrong size is refused, and kept', async () => {
  const file = join(folder(), 'hmac.key');
  writeFileSync(file, Buffer.alloc(31), { mode: 0o600 });
  await expect(openHmacKey(file)).rejects.toThrow(HmacKeyError);
  await expect(openHmacKey(file)).rejects.toThrow(/must have 32 octets, it has 31/);
  expect(readFileSync(file)).toHaveLength(31);
});

test('a key that others may read is refused', async () => {
  const file = join(folder(), 'hmac.key');
  await openHmacKey(file);
  chmodSync(file, 0o640);
  await expect(openHmacKey(file)).rejects.toThrow(/chmod 600/);
});

test('a folder that is not there is named', async () => {
  const file = join(folder(), 'missing', 'hmac.key');
  await expect(openHmacKey(file)).rejects.toThrow(HmacKeyError);
  await expect(openHmacKey(file)).rejects.toThrow(/missing\/hmac\.key cannot be made: ENOENT/);
});
