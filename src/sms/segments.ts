/**
 * Cuts a text into the segments of one concatenated message (3GPP TS 23.040 9.2.3.24.1 and
 * 9.2.3.24.8).
 */

import { TooManySegments } from './errors.js';
import { countSeptets, septetCost } from './gsm7.js';
import { refuseLoneSurrogate } from './ucs2.js';

/**
 * The alphabets simgate sends in (23.038 4): GSM 7-bit default with its extension table, or UCS-2
 * (in practice UTF-16).
 */
export type Alphabet = 'gsm7' | 'ucs2';

/** A text laid out for the air. */
export interface SegmentedText {
  alphabet: Alphabet;
  /** 1–255 strings whose join is the text; an empty text is one empty segment. */
  segments: string[];
}

export interface SegmentOptions {
  /**
   * Bits of the concatenation reference; 16 costs one septet or UCS-2 unit in each segment. Default
   * 8.
   */
  concatenationReferenceBits?: 8 | 16;
}

/** The total of a concatenated message is one octet (23.040 9.2.3.24.1). */
const maxSegments = 255;

/**
 * What 140 octets of user data hold: septets or UCS-2 units, alone or behind a header of 6 or 7
 * octets.
 */
const capacities = {
  gsm7: { alone: 160, 8: 153, 16: 152 },
  ucs2: { alone: 70, 8: 67, 16: 66 },
} as const;

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/**
 * The text as segments, each as full as can be, that never cut an escape pair or a surrogate pair
 * and keep every grapheme cluster whole that fits in one (a longer one starts a segment and is cut
 * between code points). GSM-7 when every character is in it, else UCS-2. Linear in the length of
 * the text.
 * @throws Unencodable at a lone surrogate, which no alphabet can carry.
 * @throws TooManySegments beyond 255.
 */
export function segmentText(text: string, options: SegmentOptions = {}): SegmentedText {
  const { alphabet, ends } = layOut(text, options);
  if (ends.length > maxSegments) throw new TooManySegments(ends.length);
  return { alphabet, segments: ends.map((end, i) => text.slice(ends[i - 1] ?? 0, end)) };
}

/**
 * How many segments {@link segmentText} would make, without making them, and with no upper bound.
 * @throws Unencodable at a lone surrogate.
 */
export function countSegments(text: string, options: SegmentOptions = {}): number {
  return layOut(text, options).ends.length;
}

/** The end of each segment, in UTF-16 code units from the start of the text. */
function layOut(text: string, options: SegmentOptions): { alphabet: Alphabet; ends: number[] } {
  const referenceBits = options.concatenationReferenceBits ?? 8;
  const septets = countSeptets(text);
  const alphabet = septets === undefined ? 'ucs2' : 'gsm7';
  if (alphabet === 'ucs2') refuseLoneSurrogate(text);
  const capacity = capacities[alphabet];
  if ((septets ?? text.length) <= capacity.alone) return { alphabet, ends: [text.length] };
  const endsOf = alphabet === 'gsm7' ? gsm7Ends : ucs2Ends;
  return { alphabet, ends: endsOf(text, capacity[referenceBits]) };
}

/**
 * In GSM-7 the only cluster of two characters is CR LF (Unicode UAX #29, rule GB3), so no segmenter
 * is asked.
 */
function gsm7Ends(text: string, capacity: number): number[] {
  const ends: number[] = [];
  let used = 0;
  for (let i = 0; i < text.length; i++) {
    const cost = septetCost(text.charCodeAt(i));
    if (used + cost > capacity) {
      const insideLineBreak = text[i] === '\n' && text[i - 1] === '\r';
      const end = insideLineBreak ? i - 1 : i;
      ends.push(end);
      used = i - end;
    }
    used += cost;
  }
  ends.push(text.length);
  return ends;
}

function ucs2Ends(text: string, capacity: number): number[] {
  const ends: number[] = [];
  let start = 0;
  while (text.length - start > capacity) {
    start = lastClusterEnd(text, start, start + capacity);
    ends.push(start);
  }
  ends.push(text.length);
  return ends;
}

/**
 * The last place in (`start`, `limit`] between two grapheme clusters, else between two code points.
 * Only this window is looked at, which keeps the whole linear: whether clusters part at `limit`
 * hangs on what is before it and on the one code point after it (UAX #29, 3.1.1), and `start` is a
 * border itself.
 */
function lastClusterEnd(text: string, start: number, limit: number): number {
  const window = text.slice(start, limit + 2);
  const size = limit - start;
  const end = graphemes.segment(window).containing(size)?.index ?? size;
  if (end > 0) return start + end;
  const cutsPair = isHighSurrogate(text.charCodeAt(limit - 1));
  return cutsPair ? limit - 1 : limit;
}

function isHighSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xd800 && codeUnit <= 0xdbff;
}
