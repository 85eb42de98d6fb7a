import { expect, test } from 'vitest';
import { readIccid } from '../../src/modem/sim.js';

test.each([
  ['+CCID: 89490200001234567890', '89490200001234567890'],
  ['+CCID: "89490200001234567890"', '89490200001234567890'],
  ['89490200001234567890', '89490200001234567890'],
  ['ICCID:8949020000123456789', '8949020000123456789'],
  // Filled up to 20 half-octets, in either case, within the quotes or behind them.
  ['+ICCID: 8949020000123456789F', '8949020000123456789'],
  ['+ICCID: 8949020000123456789f', '8949020000123456789'],
  ['#CCID: "8949020000123456789f"', '8949020000123456789'],
  ['+CCID: "8949020000123456789"F', '8949020000123456789'],
  // Numbered in hexadecimal digits (China), which may hold an F that is no filling.
  ['+QCCID: 898600D6F21184A7B9C0', '898600D6F21184A7B9C0'],
  ['+QCCID: 898600d6f21184a7b9c0', '898600D6F21184A7B9C0'],
  ['+ICCID: 8986032A44020103610F', '8986032A44020103610'],
  // As the octets lie in EF_ICCID (Huawei): half-octets swapped.
  ['^ICCID: 98942000002143658709', '89490200001234567890'],
  ['^ICCID: 984902000021436587F9', '8994200000123456789'],
])('%s', (line, iccid) => {
  expect(readIccid(line)).toBe(iccid);
});

test.each([
  undefined,
  '',
  '+CCID: ',
  'OK',
  '+CCID: 8949',
  '+CMTI: "SM",3',
  `+CCID: ${'8'.repeat(30)}`,
  'x'.repeat(20),
])('is not in %j', (line) => {
  expect(readIccid(line)).toBeUndefined();
});
