import { expect, test } from 'vitest';
import { hashPassword, isPassword, parsePasswordHash } from '../../src/secret/password.js';

test('a password is known again by its hash, and no other is', async () => {
  const line = await hashPassword('correct horse battery');
  expect(line).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$/);
  expect(line).not.toContain('horse');
  const known = parsePasswordHash(line)!;
  expect(await isPassword('correct horse battery', known)).toBe(true);
  expect(await isPassword('correct horse batterz', known)).toBe(false);
  expect(await isPassword('', known)).toBe(false);
  expect(await isPassword('x'.repeat(100_000), known)).toBe(false);
  expect(await hashPassword('correct horse battery')).not.toBe(line);
});

test('it is the same from another keyboard: composed and decomposed letters', async () => {
  const known = parsePasswordHash(await hashPassword('Übergröße für alle'))!;
  expect(await isPassword('Übergröße für alle'.normalize('NFD'), known)).toBe(true);
});

/** RFC 7914 12, the third vector: N 16384, r 8, p 1, with 32 of its 64 octets. */
test('the hash is that of RFC 7914', async () => {
  const salt = Buffer.from('SodiumChloride').toString('base64').replace(/=+$/, '');
  const hash = Buffer.from(
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2',
    'hex',
  );
  // That salt is shorter than ours may be.
  expect(parsePasswordHash(`$scrypt$ln=14,r=8,p=1$${salt}$${hash.toString('base64')}`)).toBe(
    undefined,
  );
  const known = { ln: 14, r: 8, p: 1, salt: Buffer.from('SodiumChloride'), hash };
  expect(await isPassword('pleaseletmein', known)).toBe(true);
});

test.each(['', 'a password', '$scrypt$ln=10,r=8,p=1$AAAA$AAAA', '$2b$12$abcdefghijklmnopqrstuv'])(
  '%j is no hash of ours',
  (line) => {
    expect(parsePasswordHash(line)).toBeUndefined();
  },
);
