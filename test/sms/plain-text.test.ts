import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutToGsm7 } from '../../src/sms/plain-text.js';
import { segmentText } from '../../src/sms/segments.js';

test('what the GSM alphabet lacks is written plainly, or as a question mark', () => {
  expect(cutToGsm7('Łódź: “41 °C” → 3 × 市\u0301', 1)).toMatch(/^\?.dz: "41 deg C" -> 3 x \?/);
  expect(cutToGsm7('short', 1)).toBe('short');
});

test('a whole text that its segments have room for, but not where they part, is cut', () => {
  // The euro sign stands where the first segment ends, and may not be split: 306 septets are three.
  const text = `${'a'.repeat(152)}€${'b'.repeat(152)}`;
  expect(segmentText(text).segments).toHaveLength(3);
  const cut = cutToGsm7(text, 2);
  expect(segmentText(cut).segments).toHaveLength(2);
  expect(cut).toMatch(/b\.\.\.$/);
});

test('every text fits into its segments', () => {
  const characters = fc.constantFrom('a', '€', '[', '\r\n', 'é', 'ł', '°', '市', ' ');
  const texts = fc.array(characters, { maxLength: 700 }).map((all) => all.join(''));
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 4 }), (text, most) => {
      const { alphabet, segments } = segmentText(cutToGsm7(text, most));
      expect([alphabet, segments.length <= most]).toEqual(['gsm7', true]);
    }),
  );
});
