import { expect, test } from 'vitest';
import { LeakSearch } from './leaks.js';
import { planRun } from './plan.js';

const [phase] = planRun(1, 60);
const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1cm46QXV0aDAifQ.c2lnbmF0dXJl';
const search = new LeakSearch(phase!, ['the-shared-secret', token]);
const { text, recipient } = phase!.messages[0]!;

test('finds a text, also as hexadecimal', () => {
  expect(search.find(`sending ${text}`)).toBe('a text, a token or the secret');
  const hex = Buffer.from(text, 'utf16le').swap16().toString('hex').toUpperCase();
  expect(search.find(`> ${hex}`)).toBe('a text, a token or the secret');
});

test('finds a whole number, also within a longer run of digits and as a PDU writes it', () => {
  expect(search.find(`to ${recipient}`)).toBe('a whole number');
  expect(search.find(`7${recipient.slice(1)}0`)).toBe('a whole number');
  const semiOctets = recipient.slice(1).replace(/(.)(.)/g, '$2$1');
  expect(search.find(`0C91${semiOctets}0000`)).toBe('a whole number');
});

test('finds the secret, a token, and the signature of one', () => {
  expect(search.find('key the-shared-secret')).toBe('a text, a token or the secret');
  expect(search.find(`Bearer ${token}`)).toBe('a text, a token or the secret');
  expect(search.find('signed c2lnbmF0dXJl')).toBe('a text, a token or the secret');
});

test('finds nothing in a masked line', () => {
  expect(
    search.find('{"recipient":"+49…67","id":"caa5f090-c58c-4c24-aaed-1b2946b1ae6f"}'),
  ).toBeUndefined();
  expect(search.find('3249134798614 modem1 > AT+CMGS=154')).toBeUndefined();
});
