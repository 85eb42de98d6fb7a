import type { Random } from '../../src/simulator/random.js';

/** What a message is made of: its text, and the marker by which each part of it is known again. */
export interface MarkedText {
  marker: string;
  text: string;
  /** How many TPDUs it needs, by its length alone (3GPP TS 23.040 9.2.3.24.1): 1–3. */
  segments: number;
}

/** No UUID, word or number of a log looks like it. */
export const markerPrefix = 'zqx';
const markerPattern = /#(zqx[0-9a-z]{4})#/;

/** One character each; those of the extension table (23.038 6.2.1.1) cost two septets. */
const gsm7Filler = [
  'a',
  'e',
  'n',
  'o',
  'r',
  's',
  't',
  ' ',
  ' ',
  '.',
  '@',
  'ä',
  'Δ',
  '0',
  '7',
  '\n',
];
const gsm7Extension = ['€', '[', ']', '{', '}', '~', '^', '|', '\\'];
/** Cyrillic, Chinese, an emoji of two UTF-16 units, and one that is a cluster of several. */
const ucs2Filler = ['ж', 'я', 'и', ' ', '码', '验', 'e\u0301', '😀', '👩‍💻'];

/**
 * Lengths in septets or UTF-16 units that need this many segments wherever a cut must step aside
 * (the text may get up to 15 longer), and leave at least 34 characters, hence a whole marker, in
 * the last.
 */
const lengths = {
  gsm7: [undefined, [30, 145], [205, 290], [360, 430]],
  ucs2: [undefined, [30, 55], [105, 118], [170, 180]],
} as const;

const fillerUnits = 12;

/** A text of 1–3 segments with the marker of message `number` after every 12 to 16 other units. */
export function markedText(random: Random, number: number): MarkedText {
  const marker = `${markerPrefix}${number.toString(36).padStart(4, '0')}`;
  const alphabet = random.below(3) === 0 ? 'ucs2' : 'gsm7';
  const segments = ([1, 1, 1, 1, 2, 3] as const)[random.below(6)]!;
  const [least, most] = lengths[alphabet][segments];
  const wanted = least + random.below(most - least + 1);
  let text = '';
  let used = 0;
  while (used < wanted) {
    text += `#${marker}#`;
    used += marker.length + 2;
    for (let unit = 0; unit < fillerUnits && used < wanted; ) {
      const piece = filler(random, alphabet);
      const cost = alphabet === 'gsm7' && gsm7Extension.includes(piece) ? 2 : piece.length;
      text += piece;
      unit += cost;
      used += cost;
    }
  }
  // At least one character that only UCS-2 has, whatever the dice said.
  return { marker, text: alphabet === 'ucs2' ? `${text}я` : text, segments };
}

function filler(random: Random, alphabet: 'gsm7' | 'ucs2'): string {
  const pool =
    alphabet === 'ucs2' ? ucs2Filler : random.below(12) === 0 ? gsm7Extension : gsm7Filler;
  return pool[random.below(pool.length)]!;
}

/** The marker that stands in a text or a part of one. */
export function findMarker(text: string): string | undefined {
  return markerPattern.exec(text)?.[1];
}
