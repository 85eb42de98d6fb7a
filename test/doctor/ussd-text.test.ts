import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUssd, encodeUssd, ussdAlphabet } from '../../src/doctor/ussd-text.js';
import { encodeSeptets, packSeptets } from '../../src/sms/gsm7.js';

describe('an answer', () => {
  it.each([
    ['plain, as most say it', 'Balance: 10.00 EUR', 15, 'GSM', 'Balance: 10.00 EUR'],
    ['plain without a scheme', 'Balance: 10.00 EUR', undefined, undefined, 'Balance: 10.00 EUR'],
    ['UCS-2 of a Russian carrier', '003600310031002e0032003000200440002e', 72, 'IRA', '611.20 р.'],
    ['UCS-2 with its language before it', '656E00480069', 17, 'IRA', 'Hi'],
    [
      'UCS-2 although the scheme says GSM (Huawei, ZTE)',
      '003600310031002E0032003000200440002E',
      15,
      'IRA',
      '611.20 р.',
    ],
    ['UCS-2 of ASCII although the scheme says GSM', '00310030002E0035', 15, 'IRA', '10.5'],
    [
      'UCS-2 because the character set is',
      '00310030002E00350020004500550052',
      15,
      'UCS2',
      '10.5 EUR',
    ],
    // hellohello: 3GPP TS 23.038's packing worked by hand in many a library's tests
    ['packed septets (Huawei)', 'E8329BFD4697D9EC37', 15, 'IRA', 'hellohello'],
    ['packed septets whose spare bits are a CR', 'C8309BFD06D51A', 15, 'IRA', 'Hallo 5'],
    [
      'octets of GSM septets under the character set GSM',
      'Guthaben 5\x65',
      15,
      'GSM',
      'Guthaben 5e',
    ],
    ['an umlaut as the alphabet has it', 'Geb\x7fhr', 15, 'GSM', 'Gebàhr'],
    ['the same octets under another character set', 'Geb\xfchr', 15, '8859-1', 'Gebühr'],
    ['UTF-8', 'Geb\xc3\xbchr', 15, 'UTF-8', 'Gebühr'],
    ['a balance of digits only', '1250', 15, 'GSM', '1250'],
    ['a word that looks like hexadecimal', 'FACE', 15, 'GSM', 'FACE'],
    ['of several lines', '1 Balance\n2 Data', 15, 'IRA', '1 Balance\n2 Data'],
    ['UCS-2 cut in the middle', '00360', 72, 'IRA', '00360'],
    ['half a unit of UCS-2', '003600', 72, 'IRA', '003600'],
    ['8-bit data, as it is', '48656C6C6F', 0x44, 'IRA', 'Hello'],
  ])('is read when it is %s', (_title, raw, dcs, characterSet, text) => {
    expect(decodeUssd(raw, dcs, characterSet)).toBe(text);
  });

  it.each([
    [0x0f, 'gsm7'],
    [0x00, 'gsm7'],
    [0x11, 'ucs2'],
    [0x44, '8bit'],
    [0x48, 'ucs2'],
    [0x58, 'ucs2'],
    [0x98, 'ucs2'],
    [0xf0, 'gsm7'],
    [0xf4, '8bit'],
    [0xe0, 'gsm7'],
  ])('with scheme %i is in %s (23.038 clause 5)', (dcs, alphabet) => {
    expect(ussdAlphabet(dcs)).toBe(alphabet);
  });

  it('of any octets, scheme and character set is read as something', () => {
    const octets = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    const raw = fc.oneof(
      octets.map((bytes) => bytes.toString('latin1')),
      octets.map((bytes) => bytes.toString('hex')),
    );
    const set = fc.constantFrom('GSM', 'IRA', 'UCS2', 'UTF-8', undefined);
    fc.assert(
      fc.property(
        raw,
        fc.nat(255),
        set,
        (text, dcs, name) => decodeUssd(text, dcs, name).length >= 0,
      ),
    );
  });

  it('of packed septets is read back, whatever its length', () => {
    const unit = fc.constantFrom(...'abcdefghijk ABC.,'.split(''));
    const letters = fc
      .string({ unit, minLength: 8, maxLength: 60 })
      .filter((text) => /[a-k]/i.test(text));
    fc.assert(
      fc.property(letters, (text) => {
        const septets = [...encodeSeptets(text)];
        if (septets.length % 8 === 7) septets.push(0x0d);
        const hex = Buffer.from(packSeptets(Uint8Array.from(septets))).toString('hex');
        // Such a text nobody can tell from a balance of digits, and it is taken for one.
        fc.pre(!/^\d{1,15}$/.test(hex));
        expect(decodeUssd(hex, 15, 'IRA')).toBe(text);
      }),
    );
  });
});

describe('a request', () => {
  it('is plain for most modems', () => {
    expect(encodeUssd('*100#', 'GSM', 'generic')).toEqual(['*100#']);
    expect(encodeUssd('*100#', undefined, 'zte')).toEqual(['*100#']);
  });

  it('is packed for Huawei first, as its older firmwares want it', () => {
    expect(encodeUssd('*100#', 'IRA', 'huawei')).toEqual(['AA180C3602', '*100#']);
  });

  it('of seven septets ends with a CR, which nobody takes for an @', () => {
    expect(encodeUssd('1234567', 'IRA', 'huawei')[0]).toBe('31D98C56B3DD1A');
  });

  it('is UCS-2 where the character set is', () => {
    expect(encodeUssd('*100#', 'UCS2', 'generic')).toEqual(['002A0031003000300023', '*100#']);
  });
});
