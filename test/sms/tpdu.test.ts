import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Unencodable } from '../../src/sms/errors.js';
import { segmentText } from '../../src/sms/segments.js';
import { decodeTpdu, encodeSubmit, type SubmitOptions } from '../../src/sms/tpdu.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const weekMs = 7 * dayMs;

const submit = (options: Partial<SubmitOptions> = {}) =>
  encodeSubmit({ recipient: '+46708251358', alphabet: 'gsm7', text: 'hellohello', ...options });

describe('SMS-SUBMIT', () => {
  it('is the example that every tutorial has', () => {
    expect(submit({ validityMs: 4 * dayMs })).toEqual({
      hex: '11000B916407281553F80000AA0AE8329BFD4697D9EC37',
      octets: 23,
    });
  });

  it('has no validity octet when none is given', () => {
    expect(submit().hex).toBe('01000B916407281553F800000AE8329BFD4697D9EC37');
  });

  it('sets TP-SRR, TP-VPF and TP-UDHI each by its own bit', () => {
    const concatenation = { reference: 0x2a, referenceBits: 8, total: 2, index: 1 } as const;
    expect(submit({ statusReport: true }).hex.slice(0, 2)).toBe('21');
    expect(submit({ concatenation }).hex.slice(0, 2)).toBe('41');
    expect(submit({ statusReport: true, concatenation, validityMs: 1 }).hex.slice(0, 2)).toBe('71');
  });

  it.each([
    [1, 0],
    [5 * minuteMs, 0],
    [5 * minuteMs + 1, 1],
    [10 * minuteMs, 1],
    [12 * hourMs, 143],
    [12 * hourMs + 1, 144],
    [dayMs, 167],
    [dayMs + 1, 168],
    [30 * dayMs, 196],
    [30 * dayMs + 1, 197],
    [35 * dayMs + 1, 198],
    [63 * weekMs, 255],
    [1000 * weekMs, 255],
  ])('rounds a validity of %i ms up to octet %i', (validityMs, octet) => {
    expect(Number.parseInt(submit({ text: '', validityMs }).hex.slice(-4, -2), 16)).toBe(octet);
  });

  it('of another sender may ask for duplicates to be rejected, and for a reply path', () => {
    const flags = (first: string) => decodeTpdu(`${first}05029121000000`, 'mobile-originated');
    expect(flags('85')).toMatchObject({
      rejectDuplicates: true,
      replyPath: true,
      messageReference: 5,
    });
    expect(flags('01')).toMatchObject({ rejectDuplicates: false, replyPath: false });
  });

  it('takes every relative validity octet back to itself, and no period to a shorter one', () => {
    const periodOf = (validityMs: number) => {
      const tpdu = decodeTpdu(submit({ validityMs }).hex, 'mobile-originated');
      const validity = tpdu.type === 'SUBMIT' ? tpdu.validity : undefined;
      return validity?.format === 'relative' ? validity.periodMs : Number.NaN;
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 63 * weekMs }), (validityMs) => {
        const periodMs = periodOf(validityMs);
        expect(periodMs).toBeGreaterThanOrEqual(validityMs);
        expect(periodOf(periodMs)).toBe(periodMs);
      }),
    );
  });

  it.each([
    ['a number that is none', { recipient: '+49 151' }],
    ['no number', { recipient: '' }],
    ['a plus alone', { recipient: '+' }],
    ['21 digits', { recipient: '1'.repeat(21) }],
    ['no validity', { validityMs: 0 }],
    ['a validity that is no number', { validityMs: Number.NaN }],
    ['161 septets', { text: 'a'.repeat(161) }],
    ['71 UCS-2 units', { alphabet: 'ucs2', text: 'ж'.repeat(71) }],
    [
      'a reference of 9 bits',
      { concatenation: { reference: 256, referenceBits: 8, total: 2, index: 1 } },
    ],
    ['an index of 0', { concatenation: { reference: 1, referenceBits: 8, total: 2, index: 0 } }],
    [
      'an index beyond the total',
      { concatenation: { reference: 1, referenceBits: 16, total: 2, index: 3 } },
    ],
    [
      'a total of 256',
      { concatenation: { reference: 1, referenceBits: 16, total: 256, index: 3 } },
    ],
  ] satisfies [string, Partial<SubmitOptions>][])('refuses %s', (_, options) => {
    expect(() => submit(options)).toThrow(RangeError);
  });

  it('refuses a text that the alphabet cannot carry, and says where', () => {
    expect(() => submit({ text: 'abç' })).toThrow(
      expect.objectContaining({ name: 'Unencodable', offset: 2 }),
    );
    expect(() => submit({ alphabet: 'ucs2', text: 'ж\ud800' })).toThrow(Unencodable);
  });

  it('is read back with every field, for any text', () => {
    const digits = fc.stringMatching(/^\+?[0-9]{1,20}$/);
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.stringMatching(/^[@a-z€\][\r\n]{0,400}$/),
    );
    const bits = fc.constantFrom(8 as const, 16 as const);
    fc.assert(
      fc.property(
        digits,
        text,
        bits,
        fc.nat(255),
        fc.boolean(),
        (recipient, given, referenceBits, reference, statusReport) => {
          const { alphabet, segments } = segmentText(given, {
            concatenationReferenceBits: referenceBits,
          });
          segments.forEach((segment, i) => {
            const concatenation = {
              reference,
              referenceBits,
              total: segments.length,
              index: i + 1,
            };
            const isPart = segments.length > 1;
            const { hex, octets } = encodeSubmit({
              recipient,
              alphabet,
              text: segment,
              statusReport,
              ...(isPart && { concatenation }),
            });
            expect(hex).toMatch(/^[0-9A-F]*$/);
            expect(octets).toBe(hex.length / 2);
            expect(decodeTpdu(hex, 'mobile-originated')).toMatchObject({
              type: 'SUBMIT',
              rejectDuplicates: false,
              statusReportRequested: statusReport,
              replyPath: false,
              messageReference: 0,
              destination: {
                value: recipient,
                typeOfNumber: recipient.startsWith('+') ? 'international' : 'unknown',
                numberingPlan: 1,
              },
              protocolIdentifier: 0,
              validity: undefined,
              userData: {
                alphabet,
                text: segment,
                concatenation: isPart ? concatenation : undefined,
              },
            });
          });
        },
      ),
    );
  });
});
