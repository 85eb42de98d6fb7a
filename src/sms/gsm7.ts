/**
 * The GSM 7-bit default alphabet and its packing into octets (3GPP TS 23.038 6.1.2.1, 6.2.1 and
 * 6.2.1.1).
 */

import { Unencodable } from './errors.js';

const escapeSeptet = 0x1b;

/**
 * 6.2.1: the character of each septet, in order; 0x1B is the escape to the extension table and no
 * character.
 */
const defaultAlphabet =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ' +
  ' !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§' +
  '¿abcdefghijklmnopqrstuvwxyzäöñüà';

/** 6.2.1.1: the characters that follow an escape. 0x0A is the page break. */
const extensionTable: ReadonlyMap<number, string> = new Map([
  [0x0a, '\f'],
  [0x14, '^'],
  [0x28, '{'],
  [0x29, '}'],
  [0x2f, '\\'],
  [0x3c, '['],
  [0x3d, '~'],
  [0x3e, ']'],
  [0x40, '|'],
  [0x65, '€'],
]);

/** Marks a code of {@link codeByUnit} that lives in the extension table. */
const extensionFlag = 0x80;
const noCode = -1;

/**
 * By UTF-16 code unit: the septet, with {@link extensionFlag} when it needs an escape, or {@link
 * noCode}.
 */
const codeByUnit = new Int16Array('€'.charCodeAt(0) + 1).fill(noCode);
for (let septet = 0; septet < defaultAlphabet.length; septet++) {
  if (septet !== escapeSeptet) codeByUnit[defaultAlphabet.charCodeAt(septet)] = septet;
}
for (const [septet, character] of extensionTable) {
  codeByUnit[character.charCodeAt(0)] = septet | extensionFlag;
}

/**
 * Septets that one UTF-16 code unit takes: 1, 2 (an escape and a character of the extension table),
 * or 0 when the alphabet does not have it.
 */
export function septetCost(codeUnit: number): 0 | 1 | 2 {
  const code = codeByUnit[codeUnit] ?? noCode;
  if (code === noCode) return 0;
  return code < extensionFlag ? 1 : 2;
}

/** Characters of the default table alone, which nearly all texts are made of: one septet each. */
const oneSeptetEach = new RegExp(
  `^[${defaultAlphabet.replace('\x1b', '').replace(/[\]\\^-]/g, '\\$&')}]*$`,
);

/**
 * Septets that the whole text takes, or `undefined` when it has a character that the alphabet
 * lacks.
 */
export function countSeptets(text: string): number | undefined {
  if (oneSeptetEach.test(text)) return text.length;
  let septets = 0;
  for (let i = 0; i < text.length; i++) {
    const cost = septetCost(text.charCodeAt(i));
    if (cost === 0) return undefined;
    septets += cost;
  }
  return septets;
}

/**
 * Whether every character is in the default alphabet or its extension table, exactly as it is (no
 * look-alikes).
 */
export function isGsm7(text: string): boolean {
  return countSeptets(text) !== undefined;
}

/**
 * The text as septets, one to an element (0–127), not yet packed.
 * @throws Unencodable at the first character that the alphabet lacks.
 */
export function encodeSeptets(text: string): Uint8Array {
  const septets = new Uint8Array(text.length * 2);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = codeByUnit[text.charCodeAt(i)] ?? noCode;
    if (code === noCode)
      throw new Unencodable(i, 'the GSM 7-bit default alphabet lacks this character');
    if (code >= extensionFlag) septets[length++] = escapeSeptet;
    septets[length++] = code & 0x7f;
  }
  return septets.subarray(0, length);
}

/**
 * The text of septets (0–127). Never fails: an escape before a septet that has no place in the
 * extension table yields the character of the default table (6.2.1.1); an escape before another
 * escape, or at the very end, a space.
 */
export function decodeSeptets(septets: Uint8Array): string {
  let text = '';
  for (let i = 0; i < septets.length; i++) {
    const septet = septets[i]!;
    if (septet !== escapeSeptet) {
      text += defaultAlphabet[septet]!;
      continue;
    }
    const escaped = septets[++i] ?? escapeSeptet;
    text +=
      escaped === escapeSeptet ? ' ' : (extensionTable.get(escaped) ?? defaultAlphabet[escaped]!);
  }
  return text;
}

/**
 * Packs septets into octets, least significant bit first (6.1.2.1.1), after `fillBits` (0–6) zero
 * bits that bring the first septet to a septet boundary behind a user data header (23.040
 * 9.2.3.24). Spare bits at the end stay zero. The carriage return of 6.1.2.3.1 is for USSD, which
 * has no length; TP-UDL counts septets, so that nothing may be added here and a last `@` (septet 0)
 * is never mistaken for padding.
 */
export function packSeptets(septets: Uint8Array, fillBits = 0): Uint8Array {
  const octets = new Uint8Array(Math.ceil((fillBits + septets.length * 7) / 8));
  for (let i = 0; i < septets.length; i++) {
    const bit = fillBits + i * 7;
    const index = bit >> 3;
    const shifted = septets[i]! << (bit & 7);
    octets[index] = octets[index]! | (shifted & 0xff);
    if (shifted > 0xff) octets[index + 1] = shifted >> 8;
  }
  return octets;
}

/**
 * The first `count` septets of packed octets, after `fillBits`; `octets` must hold that many. Spare
 * bits are ignored.
 */
export function unpackSeptets(octets: Uint8Array, count: number, fillBits = 0): Uint8Array {
  const septets = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const bit = fillBits + i * 7;
    const index = bit >> 3;
    const pair = octets[index]! | ((octets[index + 1] ?? 0) << 8);
    septets[i] = (pair >> (bit & 7)) & 0x7f;
  }
  return septets;
}
