import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Unencodable } from '../../src/sms/errors.js';
import {
  countSeptets,
  decodeSeptets,
  encodeSeptets,
  isGsm7,
  packSeptets,
  septetCost,
  unpackSeptets,
} from '../../src/sms/gsm7.js';

const escapeSeptet = 0x1b;
const septets = fc.uint8Array({ min: 0, max: 127, maxLength: 170 });
/** Septets without escapes: there every septet is a character. */
const plainSeptets = fc.array(
  fc.integer({ min: 0, max: 127 }).filter((septet) => septet !== escapeSeptet),
  { maxLength: 170 },
);

describe('the default alphabet', () => {
  it('gives every septet but the escape a character of its own, and has it back', () => {
    const all = Uint8Array.from({ length: 128 }, (_, i) => i).filter(
      (septet) => septet !== escapeSeptet,
    );
    const text = decodeSeptets(all);
    expect(new Set(text).size).toBe(127);
    expect(encodeSeptets(text)).toEqual(all);
  });

  it.each([
    ['@', 0x00],
    ['£', 0x01],
    ['$', 0x02],
    ['ò', 0x08],
    ['Ç', 0x09],
    ['\u0394', 0x10],
    ['\u03a9', 0x15],
    ['_', 0x11],
    ['Ξ', 0x1a],
    ['Æ', 0x1c],
    ['É', 0x1f],
    ['¤', 0x24],
    ['¡', 0x40],
    ['§', 0x5f],
    ['¿', 0x60],
    ['à', 0x7f],
  ])('has %s as 23.038 6.2.1 numbers it', (character, septet) => {
    expect(encodeSeptets(character)).toEqual(Uint8Array.of(septet));
  });

  it.each(Array.from('`çÁ‘’“”–—…\u00a0\t\0\x1b\u2126\u2206😀\ud800'))(
    'lacks %j, which only looks like something it has',
    (character) => {
      expect(isGsm7(character)).toBe(false);
      expect(() => encodeSeptets(`ab${character}`)).toThrow(
        new Unencodable(2, 'the GSM 7-bit default alphabet lacks this character'),
      );
    },
  );

  it.each(Array.from('^{}\\[~]|€\f'))('has %j behind an escape', (character) => {
    expect(septetCost(character.charCodeAt(0))).toBe(2);
    expect(countSeptets(`a${character}b`)).toBe(4);
    expect(encodeSeptets(character)[0]).toBe(escapeSeptet);
    expect(decodeSeptets(encodeSeptets(character))).toBe(character);
  });
});

describe('escapes that lead nowhere', () => {
  it('show the character of the default table (23.038 6.2.1.1)', () => {
    expect(decodeSeptets(Uint8Array.of(0x61, escapeSeptet, 0x62, 0x63))).toBe('abc');
    expect(decodeSeptets(Uint8Array.of(escapeSeptet, 0x00))).toBe('@');
  });

  it('show a space before another escape and at the end', () => {
    expect(decodeSeptets(Uint8Array.of(escapeSeptet, escapeSeptet, 0x65))).toBe(' e');
    expect(decodeSeptets(Uint8Array.of(0x61, escapeSeptet))).toBe('a ');
  });
});

describe('packing', () => {
  it('is that of the best known example', () => {
    const packed = Buffer.from(packSeptets(encodeSeptets('hellohello'))).toString('hex');
    expect(packed).toBe('e8329bfd4697d9ec37');
  });

  it('adds no octet and no carriage return at 7 and 8 septets, and keeps a last @', () => {
    expect(packSeptets(encodeSeptets('abcdefg')).length).toBe(7);
    expect(packSeptets(encodeSeptets('abcdefg')).at(-1)! >> 1).toBe(0);
    expect(packSeptets(encodeSeptets('abcdefg@'))).toEqual(packSeptets(encodeSeptets('abcdefg')));
    expect(decodeSeptets(unpackSeptets(packSeptets(encodeSeptets('abcdefg@')), 8))).toBe(
      'abcdefg@',
    );
  });

  it('is undone by unpacking, behind any number of fill bits', () => {
    fc.assert(
      fc.property(septets, fc.integer({ min: 0, max: 6 }), (given, fillBits) => {
        const packed = packSeptets(given, fillBits);
        expect(packed.length).toBe(Math.ceil((given.length * 7 + fillBits) / 8));
        expect(unpackSeptets(packed, given.length, fillBits)).toEqual(given);
      }),
    );
  });

  it('is the arithmetic of the specification: one long number, least significant septet first', () => {
    fc.assert(
      fc.property(septets, fc.integer({ min: 0, max: 6 }), (given, fillBits) => {
        const number =
          given.reduceRight((sum, septet) => (sum << 7n) | BigInt(septet), 0n) << BigInt(fillBits);
        const packed = packSeptets(given, fillBits).reduceRight(
          (sum, octet) => (sum << 8n) | BigInt(octet),
          0n,
        );
        expect(packed).toBe(number);
      }),
    );
  });
});

it('encoding what was decoded gives the septets back', () => {
  fc.assert(
    fc.property(plainSeptets, (given) => {
      expect([...encodeSeptets(decodeSeptets(Uint8Array.from(given)))]).toEqual(given);
    }),
  );
});

it('decoding never fails, and yields only characters of the alphabet', () => {
  fc.assert(
    fc.property(septets, (given) => {
      expect(isGsm7(decodeSeptets(given))).toBe(true);
    }),
  );
});
