import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { subscriberOf } from '../../src/number/subscriber.js';
import { lookUp } from '../../src/policy/numbering.js';
import { refuseRecipient } from '../../src/policy/recipient-rules.js';
import { desk, off, policyConfig } from './support/policy.js';

describe('what the numbering plans say', () => {
  it.each([
    ['+4915112345678', ['DE'], 'mobile', 'DE'],
    ['+493012345001', ['DE'], 'fixed_line', 'DE'],
    ['+499001234567', ['DE'], 'premium_rate', 'DE'],
    ['+4918012345', ['DE'], 'shared_cost', 'DE'],
    ['+12125551234', ['US'], 'fixed_line_or_mobile', 'US'],
    ['+18765551234', ['JM'], 'mobile', 'JM'],
    ['+16715551234', ['GU'], 'fixed_line_or_mobile', 'GU'],
    ['+79161234567', ['RU'], 'mobile', 'RU'],
    ['+77011234567', ['KZ'], 'mobile', 'KZ'],
    ['+447400123456', ['GB'], 'mobile', 'GB'],
    ['+447797712345', ['JE'], 'mobile', 'JE'],
    ['+447781123456', ['GG'], 'mobile', 'GG'],
    ['+447624412345', ['IM'], 'mobile', 'IM'],
    ['+447000123456', ['GB'], 'personal_number', 'GB'],
    ['+38349123456', ['XK'], 'mobile', 'XK'],
    ['+881612345678', [], 'mobile', '+881'],
    ['+870773123456', [], 'mobile', '+870'],
    ['+882123456789', [], undefined, '+882'],
    ['+80012345678', [], 'toll_free', '+800'],
    ['+999123456789', [], undefined, '+999'],
    // Ranges that are in no plan's data.
    ['+4919912345678', ['DE'], undefined, 'DE'],
    // Digits too many change nothing of what a number is.
    ['+4913771234567', ['DE'], 'premium_rate', 'DE'],
    ['+49151123456789', ['DE'], 'mobile', 'DE'],
    ['+447700900123', ['GB', 'GG', 'IM', 'JE'], undefined, '+44'],
    ['+75551234567', ['RU', 'KZ'], undefined, '+7'],
  ])('%s is of %j, of the type %s, counted as %s', (number, countries, type, group) => {
    expect(lookUp(number)).toEqual({ countries, type, group });
  });

  it('names every country of a calling code for a length that none of them has', () => {
    expect(lookUp('+59069012345').countries).toEqual(expect.arrayContaining(['GP', 'BL', 'MF']));
    expect(lookUp('+1999555012').countries).toEqual(expect.arrayContaining(['US', 'CA', 'JM']));
  });

  it('answers for every number of E.164', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\+[1-9]\d{6,14}$/), (number) => {
        const { group, countries } = lookUp(number);
        expect(group).toMatch(/^(?:[A-Z]{2}|\+\d{1,3})$/);
        expect(countries.length === 1).toBe(!group.startsWith('+'));
      }),
      { numRuns: 500 },
    );
  });
});

describe('who may be written to', () => {
  const reason = (table: Record<string, unknown>, number: string) =>
    refuseRecipient(policyConfig(table), { number, ...subscriberOf(number) }, lookUp(number))
      ?.reason;

  it.each([
    [['DE'], '+4915112345678', undefined],
    [['DE'], '+493012345001', undefined],
    [['DE'], '+43664123456', 'countries'],
    [['US'], '+12125551234', undefined],
    [['US'], '+18765551234', 'countries'],
    [['US'], '+12425551234', 'countries'],
    [['RU'], '+77011234567', 'countries'],
    [['KZ'], '+77011234567', undefined],
    [['GB'], '+447797712345', 'countries'],
    [['DE'], '+881612345678', 'countries'],
    [['*'], '+881612345678', undefined],
    [['*'], '+999123456789', undefined],
    [['*'], '+499001234567', 'refuse_types'],
    [['DE'], '+4918012345', 'refuse_types'],
    [['GB'], '+447000123456', 'refuse_types'],
    // A range that no data knows locks nobody out where the country is clear,
    [['DE'], '+4919912345678', undefined],
    // and is not a way around the countries where it is not.
    [['GB'], '+447700900123', 'countries'],
    [['GB', 'GG', 'IM', 'JE'], '+447700900123', undefined],
  ])('with countries = %j, %s is refused for %s', (countries, number, expected) => {
    expect(reason({ countries }, number)).toBe(expected);
  });

  it.each([
    [{ countries: ['GB'], allow_prefixes: ['+44 7700'] }, '+447700900123', undefined],
    [{ countries: ['DE'], allow_prefixes: ['+49900'] }, '+499001234567', undefined],
    [{ countries: ['DE'], refuse_prefixes: ['+49151'] }, '+4915112345678', 'refuse_prefixes'],
    [
      { countries: ['DE'], refuse_prefixes: ['+49151'], allow_prefixes: ['+491511'] },
      '+4915112345678',
      undefined,
    ],
    [
      { countries: ['DE'], refuse_prefixes: ['+491511'], allow_prefixes: ['+49151'] },
      '+4915112345678',
      'refuse_prefixes',
    ],
    [
      { countries: ['*'], refuse_prefixes: ['+49'], allow_prefixes: ['+49'] },
      '+4915112345678',
      'refuse_prefixes',
    ],
    [{ countries: ['DE'], refuse_prefixes: ['+4916'] }, '+4915112345678', undefined],
  ])('the longest prefix decides: %j, %s is refused for %s', (table, number, expected) => {
    expect(reason(table, number)).toBe(expected);
  });

  it('answers 403 with the reason in words and no number, and counts nothing', () => {
    const { policy, refusal } = desk({ ...off, countries: ['DE'], total: '1 in 1 h' });
    const error = refusal({ recipient: '+447797712345' });
    expect(error).toMatchObject({
      code: 'recipient_not_allowed',
      submitted: 'no',
      retryAfterMs: undefined,
      detail: 'countries: numbers of Jersey (JE) are outside policy.countries',
    });
    expect(refusal({ recipient: '+447700900123' }).detail).toContain('may be of GB, GG, IM, JE');
    expect(refusal({ recipient: '+881612345678' }).detail).toContain('+881 belong to no country');
    expect(policy.explain({ recipient: '+4915112345678' }).fills[0]?.used).toBe(0);
  });
});
