import fc from 'fast-check';
import { getCountries, getExampleNumber } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { describe, expect, it } from 'vitest';
import { readRecipient } from '../../src/number/recipient.js';
import { lookUp } from '../../src/policy/numbering.js';

const mobileNumbers = getCountries().flatMap((country) => {
  const example = getExampleNumber(country, examples);
  return example === undefined ? [] : [example];
});

describe('one phone has one spelling', () => {
  it.each([
    ['+49 (0)151 12345678', '+4915112345678'],
    ['+49 0151 12345678', '+4915112345678'],
    ['+44 (0)7911 123456', '+447911123456'],
    ['+33 (0)6 12 34 56 78', '+33612345678'],
    ['+36 (06) 30 123 4567', '+36301234567'],
    ['+1 1 212 555 1234', '+12125551234'],
    ['+1 (1) 876 555 1234', '+18765551234'],
    ['+7 8 916 123-45-67', '+79161234567'],
    ['+7 8 701 123-45-67', '+77011234567'],
    ['+55 011 98765-4321', '+5511987654321'],
  ])('%s is %s: what is dialled before a number within the country is left out', (text, number) => {
    expect(readRecipient(text)).toEqual({ number });
  });

  it.each([
    ['a fixed line of Rome', '+390612345678'],
    ['the Vatican', '+390669812345'],
    ['Ivory Coast', '+2250701234567'],
    ['Benin since 2024', '+2290197000000'],
    ['a freephone number of Uruguay', '+598000462394'],
    ['a Russian area that begins with 8', '+78121234567'],
    ['an unknown Russian range that begins with 8', '+78991234567'],
    ['a Belarusian number that begins with 8', '+3758113880664'],
  ])('%s keeps its first digit: %s', (_where, number) => {
    expect(readRecipient(number)).toEqual({ number });
  });

  it.each([
    ['in no known range', '+49137712345678'],
    ['in no known range of a shared calling code', '+447700900123'],
    ['in an area of North America that is not assigned', '+15555551234'],
    ['of a calling code that is not assigned', '+999123456789'],
    ['of a satellite', '+881612345678'],
    ['of no country', '+882012345678'],
    ['that the data of the plans would write as another', '+352159963103'],
    ['of San Marino without the digits that may be left out', '+378903560123'],
  ])('a number %s is passed on as it is: %s', (_what, number) => {
    expect(readRecipient(number)).toEqual({ number });
  });

  it.each([
    ['two zeros, of which networks may strip either', '+49 00151 12345678', '0', '+49'],
    ['a zero before what is in no known range', '+49 0137 712345678', '0', '+49'],
    ['many zeros', '+33 0000 612345678', '0', '+33'],
    ['a zero and not enough digits', '+49 0 15123', '0', '+49'],
    ['Hungary’s prefix before nothing known', '+36 06 99 1234567', '06', '+36'],
    ['a one too much before no area', '+1 1 555 555 1234', '1', '+1'],
  ])('%s is refused, and told how to write it', (_what, text, prefix, code) => {
    expect(readRecipient(text)).toEqual({
      objection: `has ${prefix}, the prefix of calls within the country, after ${code}: leave it out`,
    });
  });

  it.each(['015112345678', '+', '+49x', '+1234567890123456'])('%s is none', (text) => {
    expect(readRecipient(text).objection).toMatch(/^must be \+ and 7 to 15 digits/);
  });

  it('of every country: its number is its own, whatever zeros are put before it', () => {
    expect(mobileNumbers.length).toBeGreaterThan(230);
    for (const { number, countryCallingCode, nationalNumber } of mobileNumbers) {
      expect(readRecipient(number)).toEqual({ number });
      const withZero = readRecipient(`+${countryCallingCode}0${nationalNumber}`);
      // A country without a trunk prefix may give the zero to others one day.
      expect([number, `+${countryCallingCode}0${nationalNumber}`, undefined]).toContain(
        withZero.number,
      );
    }
  });

  it('and reading it again changes nothing; only a trunk prefix is ever left out', () => {
    const digits = fc.stringMatching(/^[0-9]{5,11}$/);
    const anyNumber = fc.record({
      callingCode: fc
        .constantFrom(...mobileNumbers)
        .map(({ countryCallingCode }) => `+${countryCallingCode}`),
      national: fc
        .tuple(fc.constantFrom('', '0', '00', '1', '8', '06'), digits)
        .map((parts) => parts.join('').slice(0, 12)),
    });
    fc.assert(
      fc.property(anyNumber, ({ callingCode, national }) => {
        const text = callingCode + national;
        const { number } = readRecipient(text);
        if (number === undefined || number === text) return;
        expect(readRecipient(number)).toEqual({ number });
        expect(lookUp(number).type).toBeDefined();
        expect(
          ['0', '06', '1', '8'].map(
            (trunk) => callingCode + trunk + number.slice(callingCode.length),
          ),
        ).toContain(text);
      }),
      { numRuns: 3000 },
    );
  });
});
