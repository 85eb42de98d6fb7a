import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeControls, foreignWords, withoutNumbers } from '../../src/words/foreign.js';

describe('foreign words', () => {
  it.each([
    ['+CMS ERROR: +4915112345678', '+CMS ERROR: +49…78'],
    ['^SYSSTART: 4915112345678', '^SYSSTART: …78'],
    ['+49 151 1234-5678', '+49…78'],
    ['+49.151.12345678', '+49…78'],
    ['(0151) 12 34 56 78', '(…78'],
    ['0151/12345678', '…78'],
    ['06.12.34.56.78', '…78'],
    ['202.555.0123', '…23'],
    ['151-1234567', '…67'],
    ['151\u200b1234\u00ad567', '…67'],
    ['15\u001b112\u0085345678', '…78'],
    ['＋４９１５１１２３４５６７８', '+49…78'],
    ['٤٩١٥١١٢٣٤٥٦٧', '…'],
    ['①⑤①①②③④⑤⑥⑦⑧', '…78'],
    ['IMEI356938035643809', 'IMEI…09'],
    ['8949020000012345678', '…78'],
    ['94511132547698F0', '<8 octets>'],
    ['002B0034003900310035', '<10 octets>'],
    ['0034003900310035003100310032003300340035', '<20 octets>'],
    ['B4586D1693C96A', '<7 octets>'],
    // Firmware versions and codes are what an operator needs.
    ['11.126.16.04.305', '11.126.16.04.305'],
    ['EC25EFAR06A06M4G', 'EC25EFAR06A06M4G'],
    ['1418B04SIM7600M22', '1418B04SIM7600M22'],
    ['BD_MF190V1.0.0B03', 'BD_MF190V1.0.0B03'],
    ['E173 11.126', 'E173 11.126'],
    ['A0.20.303', 'A0.20.303'],
    ['Vodafone.de', 'Vodafone.de'],
    ['26202', '26202'],
    ['Сеть МТС', 'Сеть МТС'],
    ['中国移动', '中国移动'],
    ['Telekom\u001b[31m', 'Telekom\\u001b[31m'],
    ['\u009b31mx', '\\u009b31mx'],
    ['a\u202eb\u2028c\ufeffd\ue000e', 'a\\u202eb\\u2028c\\ufeffd\\ue000e'],
    ['\ud83d', '\\ud83d'],
    ['👋 hi', '👋 hi'],
  ])('%j is shown as %j', (words, shown) => {
    expect(foreignWords(words)).toBe(shown);
    expect(foreignWords(shown)).toBe(shown);
  });

  it('are short', () => {
    expect(foreignWords('x'.repeat(65))).toBe(`${'x'.repeat(63)}…`);
    expect(foreignWords('x'.repeat(65), 128)).toHaveLength(65);
    expect(foreignWords('\u0085'.repeat(1_000_000))).toHaveLength(64);
  });

  const separator = fc.constantFrom(
    '',
    '',
    ' ',
    '-',
    ' - ',
    '/',
    '(',
    ')',
    '\u00a0',
    '\u2011',
    '\u200b',
    '\u0000',
  );
  const digit = fc.integer({ min: 0, max: 9 }).map(String);
  const spelled = fc
    .array(fc.tuple(digit, separator), { minLength: 7, maxLength: 24 })
    .map((parts) => ({ text: parts.flat().join(''), digits: parts.map(([one]) => one).join('') }));

  it('hold no number of seven digits or more, however it is written and whatever stands around it', () => {
    const around = fc
      .string({ unit: 'binary', maxLength: 12 })
      .map((text) => text.replace(/\p{N}/gu, 'x'));
    fc.assert(
      fc.property(around, spelled, around, (before, { text, digits }, after) => {
        const shown = foreignWords(`${before} ${text} ${after}`, 1000);
        expect(shown.replace(/\\u[0-9a-f]{4}/g, '').replace(/\D/g, '')).not.toContain(
          digits.slice(0, 7),
        );
      }),
    );
  });

  it('are printable and bounded, whatever was said', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.integer({ min: 1, max: 200 }),
        (words, longest) => {
          const shown = foreignWords(words, longest);
          expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
          expect(Array.from(shown).length).toBeLessThanOrEqual(longest);
        },
      ),
    );
  });
});

describe('a sentence of our own', () => {
  it.each([
    ['modem "main": +CMS ERROR: +4915112345678', 'modem "main": +CMS ERROR: +49…78'],
    ['it said ^SYSSTART4915112345678', 'it said ^SYSSTART…78'],
    ['call +49 151 12345678 now', 'call +49…78 now'],
    [
      '/dev/serial/by-id/usb-ACME_866123041234567-if00 is busy',
      '/dev/serial/by-id/usb-ACME_866123041234567-if00 is busy',
    ],
    [
      'since 2026-11-23T14:36:00.000Z, 5 in 10 min, 65536 octets',
      'since 2026-11-23T14:36:00.000Z, 5 in 10 min, 65536 octets',
    ],
  ])('%j leaves as %j', (sentence, left) => {
    expect(withoutNumbers(sentence)).toBe(left);
  });

  it('keeps line breaks only where who asks splits by them', () => {
    expect(escapeControls('a\nb')).toBe('a\\u000ab');
  });
});
