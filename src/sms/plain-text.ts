/** Texts that are cut to fit, where a cut one is worth more than none: alerts. */

import { countSeptets, isGsm7 } from './gsm7.js';
import { segmentText } from './segments.js';

/** What stands for characters that the GSM alphabet lacks and that alerts often have. */
const plain: ReadonlyMap<string, string> = new Map([
  ['–', '-'],
  ['—', '-'],
  ['‘', "'"],
  ['’', "'"],
  ['“', '"'],
  ['”', '"'],
  ['„', '"'],
  ['…', '...'],
  ['•', '*'],
  ['→', '->'],
  ['≥', '>='],
  ['≤', '<='],
  ['≠', '!='],
  ['×', 'x'],
  ['°', 'deg '],
  ['µ', 'u'],
  ['\t', ' '],
  ['\u00a0', ' '],
]);

/** Septets of one segment, and of each of several (3GPP TS 23.040 9.2.3.24.1). */
const septetsOfOne = 160;
const septetsOfEach = 153;

/**
 * The text in the GSM 7-bit alphabet (3GPP TS 23.038 6.2.1), cut to so many segments: what the
 * alphabet lacks is written without its accents, or as `?`; a cut text ends with `...`.
 */
export function cutToGsm7(text: string, maxSegments: number): string {
  const whole = Array.from(text.normalize('NFC'), inGsm7).join('');
  const room = maxSegments === 1 ? septetsOfOne : maxSegments * septetsOfEach;
  if (countSeptets(whole)! <= room && segmentText(whole).segments.length <= maxSegments)
    return whole;
  let cut = '';
  let septets = 0;
  for (const character of whole) {
    // A character of the extension table may not be split over two segments, and then leaves one
    // septet of the first one empty: at most one for each segment but the last.
    septets += countSeptets(character)!;
    if (septets > room - '...'.length - (maxSegments - 1)) break;
    cut += character;
  }
  return `${cut.trimEnd()}...`;
}

function inGsm7(character: string): string {
  if (isGsm7(character)) return character;
  const known = plain.get(character);
  if (known !== undefined) return known;
  const bare = character.normalize('NFKD').replace(/\p{M}/gu, '');
  return bare !== '' && isGsm7(bare) ? bare : '?';
}
