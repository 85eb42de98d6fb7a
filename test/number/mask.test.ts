import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { redactAtLine } from '../../src/at/redact.js';
import { maskNumber } from '../../src/number/mask.js';
import { version } from '../../src/version.js';

test.each([
  ['+4915112345667', '+49…67'],
  ['+12025550123', '+1…23'],
  ['+79161234567', '+7…67'],
  ['+3531234567', '+353…67'],
  ['491511234567', '…67'],
  ['+4911', '…'],
  ['110', '…'],
])('%s is shown as %s', (number, shown) => {
  expect(maskNumber(number)).toBe(shown);
});

test.each([
  ['AT+CPIN="4711"', 'AT+CPIN=…'],
  ['AT+CPIN="12345678","4711"', 'AT+CPIN=…'],
  ['0011000D91945111325476F8000000', '<15 octets>'],
  ['+CSCA: "+491710760000",145', '+CSCA: "+49…00",145'],
  ['+CUSD: 0,"Guthaben 7,42 EUR",15', '+CUSD: 0,…'],
  ['8949020000012345678', '…78'],
  ['+CIMI: 262011234567890', '+CIMI: …90'],
  ['\x1b[31mevil\r\n', '\\u001b[31mevil'],
  ['+CREG: 0,1', '+CREG: 0,1'],
])('the AT line %j is logged as %j', (line, logged) => {
  expect(redactAtLine(line)).toBe(logged);
});

test('the version is that of package.json', () => {
  const { version: packaged } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    version: string;
  };
  expect(version).toBe(packaged);
});
