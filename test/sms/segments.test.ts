import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TooManySegments, Unencodable } from '../../src/sms/errors.js';
import { decodeSeptets } from '../../src/sms/gsm7.js';
import { countSegments, segmentText } from '../../src/sms/segments.js';

const extension = '^{}\\[~]|€\f';
const gsm7Characters = [
  ...Array.from(
    decodeSeptets(
      Uint8Array.from({ length: 128 }, (_, i) => i).filter((septet) => septet !== 0x1b),
    ),
  ),
  ...Array.from(extension),
];
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
const clustersOf = (text: string) => Array.from(graphemes.segment(text), ({ segment }) => segment);

/**
 * Texts of whole pieces that tempt a cutter: escapes, pairs, flags, families, marks, conjuncts,
 * jamo, CR LF.
 */
const pieces = [
  'a',
  ' ',
  '@',
  '\r\n',
  '\r',
  '\n',
  '€',
  '[',
  'é',
  'e\u0301',
  'ж',
  '😀',
  '👍🏽',
  '🇩🇪',
  '🇦🇹',
  '👨‍👩‍👧‍👦',
  'क्षि',
  '각',
  '\u1112\u1161\u11ab',
  '\u0600',
  '\u200d',
  '\ufe0f',
];
const gsm7Text = fc
  .array(fc.oneof(fc.constantFrom(...gsm7Characters), fc.constantFrom('\r\n', '€')), {
    maxLength: 700,
  })
  .map((characters) => characters.join(''));
const anyText = fc
  .array(fc.constantFrom(...pieces), { maxLength: 300 })
  .map((parts) => parts.join(''));
const referenceBits = fc.constantFrom(8 as const, 16 as const);

function unitsOf(text: string, alphabet: 'gsm7' | 'ucs2'): number {
  return alphabet === 'ucs2'
    ? text.length
    : Array.from(text).reduce((sum, character) => sum + (extension.includes(character) ? 2 : 1), 0);
}

/**
 * The plain way: all clusters of the whole text, each put where it still fits. For clusters no
 * longer than a segment.
 */
function fillGreedily(
  text: string,
  alphabet: 'gsm7' | 'ucs2',
  alone: number,
  capacity: number,
): string[] {
  if (unitsOf(text, alphabet) <= alone) return [text];
  const segments = [''];
  for (const cluster of clustersOf(text)) {
    const last = segments.at(-1)!;
    if (unitsOf(last + cluster, alphabet) > capacity) segments.push(cluster);
    else segments[segments.length - 1] = last + cluster;
  }
  return segments;
}

describe('the number of segments', () => {
  it.each([
    ['', 'gsm7', 1],
    ['a'.repeat(160), 'gsm7', 1],
    ['a'.repeat(161), 'gsm7', 2],
    ['a'.repeat(306), 'gsm7', 2],
    ['a'.repeat(307), 'gsm7', 3],
    ['€'.repeat(80), 'gsm7', 1],
    ['€'.repeat(81), 'gsm7', 2],
    ['ж'.repeat(70), 'ucs2', 1],
    ['ж'.repeat(71), 'ucs2', 2],
    ['ж'.repeat(134), 'ucs2', 2],
    ['ж'.repeat(135), 'ucs2', 3],
    ['a`', 'ucs2', 1],
  ])('of %j in %s is %i', (text, alphabet, count) => {
    const segmented = segmentText(text);
    expect(segmented.alphabet).toBe(alphabet);
    expect(segmented.segments.length).toBe(count);
    expect(countSegments(text)).toBe(count);
  });

  it('is one more where a 16-bit reference takes the last place', () => {
    expect(countSegments('a'.repeat(306), { concatenationReferenceBits: 16 })).toBe(3);
    expect(countSegments('a'.repeat(304), { concatenationReferenceBits: 16 })).toBe(2);
    expect(countSegments('ж'.repeat(134), { concatenationReferenceBits: 16 })).toBe(3);
    expect(countSegments('ж'.repeat(132), { concatenationReferenceBits: 16 })).toBe(2);
  });

  it('may be 255 and no more, but can be counted beyond', () => {
    expect(segmentText('a'.repeat(255 * 153)).segments.length).toBe(255);
    expect(() => segmentText('a'.repeat(255 * 153 + 1))).toThrow(new TooManySegments(256));
    expect(countSegments('ж'.repeat(65_536))).toBe(Math.ceil(65_536 / 67));
  });
});

describe('a border', () => {
  it('never parts CR from LF', () => {
    const { segments } = segmentText('a'.repeat(152) + '\r\n' + 'b'.repeat(20));
    expect(segments).toEqual(['a'.repeat(152), '\r\n' + 'b'.repeat(20)]);
  });

  it('counts a carriage return that moved to the next segment there', () => {
    const { segments } = segmentText('a'.repeat(152) + '\r\n' + 'b'.repeat(152));
    expect(segments).toEqual(['a'.repeat(152), '\r\n' + 'b'.repeat(151), 'b']);
  });

  it('leaves a place empty rather than cut an escape pair', () => {
    const { segments } = segmentText('a'.repeat(152) + '€'.repeat(10));
    expect(segments[0]).toBe('a'.repeat(152));
  });

  it('keeps a family and a flag whole where they fit', () => {
    const family = '👨‍👩‍👧‍👦';
    const { segments } = segmentText('ж'.repeat(60) + family + '🇩🇪'.repeat(20));
    expect(segments[0]).toBe('ж'.repeat(60));
    expect(segments[1]).toBe(family + '🇩🇪'.repeat(14));
  });

  it('lets a cluster that is longer than a segment start one', () => {
    const { segments } = segmentText('жx' + '\u0301'.repeat(70));
    expect(segments.map((segment) => segment.length)).toEqual([1, 67, 4]);
  });

  it('cuts a cluster that is longer than a segment between code points', () => {
    const cluster = `x${'\u{1f3fb}'.repeat(80)}`;
    expect(clustersOf(cluster).length).toBe(1);
    const { segments } = segmentText(cluster);
    expect(segments.map((segment) => segment.length)).toEqual([67, 66, 28]);
    expect(segments.every((segment) => segment.search(/\p{Surrogate}/u) === -1)).toBe(true);
  });
});

it.each([
  ['\ud800', 0],
  ['ab\udc00', 2],
  ['😀\ude00', 2],
  ['x'.repeat(500) + '\ud83d', 500],
])('a lone surrogate is refused where it stands: %j', (text, offset) => {
  expect(() => segmentText(text)).toThrow(
    new Unencodable(offset, 'a lone surrogate is no character'),
  );
  expect(() => countSegments(text)).toThrow(Unencodable);
});

it('no two characters of GSM-7 are one cluster but CR LF, so its texts need no segmenter', () => {
  const joined = gsm7Characters.flatMap((first) =>
    gsm7Characters
      .filter((second) => clustersOf(first + second).length === 1)
      .map((second) => first + second),
  );
  expect(joined).toEqual(['\r\n']);
});

describe('for any text', () => {
  it('the segments are those of the plain way, GSM-7', () => {
    fc.assert(
      fc.property(gsm7Text, referenceBits, (text, concatenationReferenceBits) => {
        const capacity = concatenationReferenceBits === 8 ? 153 : 152;
        const { alphabet, segments } = segmentText(text, { concatenationReferenceBits });
        expect(alphabet).toBe('gsm7');
        expect(segments).toEqual(fillGreedily(text, 'gsm7', 160, capacity));
      }),
    );
  });

  it('the segments are those of the plain way, UCS-2', () => {
    fc.assert(
      fc.property(anyText, referenceBits, (head, concatenationReferenceBits) => {
        const text = `${head}ж`;
        const capacity = concatenationReferenceBits === 8 ? 67 : 66;
        fc.pre(clustersOf(text).every((cluster) => cluster.length <= capacity));
        const { alphabet, segments } = segmentText(text, { concatenationReferenceBits });
        expect(alphabet).toBe('ucs2');
        expect(segments).toEqual(fillGreedily(text, 'ucs2', 70, capacity));
      }),
      { numRuns: 300 },
    );
  });

  it('the join of the segments is the text, each fits, and none is cut inside a character', () => {
    const text = fc.oneof(
      anyText,
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.string({ unit: 'grapheme', maxLength: 400 }),
    );
    fc.assert(
      fc.property(text, referenceBits, (given, concatenationReferenceBits) => {
        const { alphabet, segments } = segmentText(given, { concatenationReferenceBits });
        const [alone, parted] = alphabet === 'gsm7' ? [160, 153] : [70, 67];
        const capacity =
          segments.length === 1 ? alone : parted - (concatenationReferenceBits === 16 ? 1 : 0);
        expect(segments.join('')).toBe(given);
        expect(segments.length).toBe(countSegments(given, { concatenationReferenceBits }));
        for (const segment of segments) {
          expect(unitsOf(segment, alphabet)).toBeLessThanOrEqual(capacity);
          expect(segment.search(/\p{Surrogate}/u)).toBe(-1);
        }
      }),
    );
  });
});
