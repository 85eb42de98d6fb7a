/**
 * The one door for foreign words (I6): whatever a modem, the air or a stranger's token said passes
 * here before anybody is shown it, in a log, the journal, an answer, a page, a terminal or the
 * service manager's status.
 * Knows nothing of: who says the words, and who reads them.
 * Way: raw words → masked, printable, bounded words.
 */

import { maskNumber } from '../number/mask.js';

/**
 * Controls, unassigned and private characters, half characters, and what has no width or turns the
 * direction of text.
 */
const unprintable = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * What people, and firmwares, write between the digits of a number. Dots are apart: they are what
 * versions are written with.
 */
const between = String.raw`[\s\p{Z}\p{Pd}\p{C}\p{Default_Ignorable_Code_Point}\u2212/()~·]{0,3}`;

/**
 * Seven digits or more, in any script: a telephone number, IMSI, IMEI, ICCID or PIN. Fewer are a
 * version or a code. With dots between them only where they are written as numbers are: with a `+`,
 * as `202.555.0123`, or as `06.12.34.56.78`.
 */
const numbers = new RegExp(
  [
    String.raw`\+(?:[.]?${between}\p{Nd}){7,}`,
    String.raw`(?<![\d.])\d{3}\.\d{3}\.\d{4}(?![\d.])`,
    String.raw`(?<![\d.])0\d(?:\.\d\d){4}(?![\d.])`,
    String.raw`\+?\p{Nd}(?:${between}\p{Nd}){6,}`,
  ].join('|'),
  'gu',
);

/**
 * Octets in hexadecimal: a PDU, an address in semi-octets (23.040 9.1.2.5), or UCS-2, that is,
 * perhaps a number in another dress.
 */
const octets = /[0-9A-Fa-f]{14,}/g;
/** Digits of the longest number that anybody has (an ICCID); more are octets. */
const longestNumber = 22;

/**
 * Digits and plus signs of full width, raised, or in a circle, which people read as what they stand
 * for.
 */
const dressedUp = /[\p{Nd}\p{No}\u207a\u208a\ufe62\uff0b]/gu;

/** How much of what was said is looked at. */
const longestHeard = 4096;

/**
 * Foreign words as they may be shown: without the numbers that may be somebody's, printable, and at
 * most `longest` characters, the last of which is then `…`. What cannot be printed is escaped as
 * JSON does (`\u001b`).
 */
export function foreignWords(words: string, longest = 64): string {
  const heard = words
    .slice(0, longestHeard)
    .trim()
    .replace(dressedUp, (character) => character.normalize('NFKC'));
  const masked = heard
    .replace(octets, (hex) =>
      /[A-Fa-f]/.test(hex) || hex.length > longestNumber ? `<${hex.length >> 1} octets>` : hex,
    )
    .replace(numbers, maskNumber);
  const shown = Array.from(escapeControls(masked));
  return shown.length <= longest ? shown.join('') : `${shown.slice(0, longest - 1).join('')}…`;
}

/**
 * Nothing in it needs an escape; nearly all that is shown is so, `…` of masked numbers included,
 * and this is quick to see.
 */
const plain = /^[ -~\u2026]*$/;

/** Characters that cannot be printed, or would steer who prints them, as escapes of JSON. */
export function escapeControls(text: string): string {
  if (plain.test(text)) return text;
  return text.replace(unprintable, (character) =>
    Array.from({ length: character.length }, (_, index) =>
      escaped(character.charCodeAt(index)),
    ).join(''),
  );
}

const escaped = (unit: number) => `\\u${unit.toString(16).padStart(4, '0')}`;

/**
 * Device nodes keep the serial numbers in their names; everything else that is as long as a number
 * is taken for one.
 */
const nodeOrNumber = /\/dev\/[\w./:@+,=-]+|\+\d(?:[ ()/-]{0,2}\d){6,}|\+?\p{Nd}{7,}/gu;

/** Without it there is no such number; nearly every sentence is so, and this is quick to see. */
const mayHaveNumber = /\+|\d{7}|[^ -~\u2026]/;

/**
 * A sentence of our own at the point where it leaves: should foreign words have found another way
 * into it, no number goes out with them. Times, counts and the names of device nodes stay.
 */
export function withoutNumbers(sentence: string): string {
  if (!mayHaveNumber.test(sentence)) return sentence;
  return sentence.replace(nodeOrNumber, (found) =>
    found.startsWith('/dev/') ? found : maskNumber(found),
  );
}

/**
 * A text of ours as it may leave, {@link withoutNumbers} and printable; any other value as it is.
 */
export function asItMayLeave(value: unknown): unknown {
  return typeof value === 'string' ? escapeControls(withoutNumbers(value)) : value;
}
