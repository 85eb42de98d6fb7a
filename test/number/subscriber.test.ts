import fc from 'fast-check';
import { getCountries, getExampleNumber, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import metadata from 'libphonenumber-js/max/metadata';
import examples from 'libphonenumber-js/mobile/examples';
import { describe, expect, it } from 'vitest';
import { possibleLengths } from '../../src/number/numbering-plan.js';
import { readRecipient } from '../../src/number/recipient.js';
import { subscriberOf, wrongLength } from '../../src/number/subscriber.js';
import { lookUp } from '../../src/policy/numbering.js';
import { refuseRecipient } from '../../src/policy/recipient-rules.js';
import { desk, off, policyConfig } from '../policy/support/policy.js';

const everywhere = policyConfig({ countries: ['*'] });
const refusal = (number: string) =>
  refuseRecipient(everywhere, { number, ...subscriberOf(number) }, lookUp(number))?.reason;
const countedAs = (number: string) => subscriberOf(number).countedAs;
/** Whether the plans' data have it exactly as it is. */
const isOwnNumber = (number: string): boolean => {
  const parsed = parsePhoneNumberFromString(number);
  return parsed?.number === number && parsed.isValid();
};

const mobiles = getCountries().flatMap((country) => {
  const example = getExampleNumber(country, examples);
  return example === undefined ? [] : [example];
});

/** The plans with their calling codes, those of no country too. */
const plans: readonly (readonly [region: string, plan: readonly unknown[]])[] = [
  ...Object.entries(metadata.countries),
  ...Object.entries(metadata.nonGeographic),
];

/**
 * A plan's pattern of a type of numbers; 3 premium rate, 9 shared cost, in the order of the data
 * (METADATA.md of libphonenumber-js).
 */
function patternOf(plan: readonly unknown[], type: number): RegExp | undefined {
  const types = plan[11] as unknown[] | undefined;
  const [pattern] = (types?.[type] || []) as string[];
  return pattern ? new RegExp(`^(?:${pattern})$`) : undefined;
}

/** The beginnings of `longer` that are longer than `number`, which it begins with. */
const beginningsAfter = (number: string, longer: string): string[] =>
  Array.from({ length: longer.length - number.length }, (_, index) =>
    longer.slice(0, number.length + index + 1),
  );

const tails = fc.stringMatching(/^\d{1,4}$/);

describe('digits too many', () => {
  it.each([
    ['premium rate', 3],
    ['shared cost', 9],
  ])('make no other number of a %s one, in any country', (_name, type) => {
    let regions = 0;
    for (const [region, plan] of plans) {
      const pattern = patternOf(plan, type);
      if (pattern === undefined) continue;
      regions += 1;
      fc.assert(
        fc.property(fc.stringMatching(pattern), tails, (national, tail) => {
          const number = `+${plan[0] as string}${national}`;
          // Patterns overlap: what is also of another type, or another country's, is not what this
          // is about.
          if (!['refuse_types', 'length'].includes(refusal(number) ?? '')) return;
          const longer = `${number}${tail}`.slice(0, 16);
          // A longer range of another type begins with the same digits: which of the two is meant
          // only the length tells.
          if (beginningsAfter(number, longer).some(isOwnNumber)) return;
          expect(refusal(longer), `${region}: ${longer}`).toMatch(/^(refuse_types|length)$/);
        }),
        { numRuns: 40 },
      );
    }
    expect(regions).toBeGreaterThan(50);
  });

  it('make no other recipient of a mobile number, in any country', () => {
    expect(mobiles.length).toBeGreaterThan(230);
    const open = new Set<string>();
    for (const { number, country } of mobiles) {
      for (const tail of ['0', '7', '00', '12', '999']) {
        const longer = `${number}${tail}`;
        // Some plans have mobile numbers of several lengths, each of which is a subscriber of its
        // own.
        if (beginningsAfter(number, longer).some(isOwnNumber)) open.add(country!);
        else if (refusal(longer) !== 'length') expect(countedAs(longer)).toBe(countedAs(number));
      }
    }
    expect([...open].sort()).toEqual(['AT', 'AX', 'FI', 'ID', 'NZ', 'SO', 'TK']);
  });

  it('do not open a limit: many spellings of one mobile are one recipient', () => {
    const { send, refusal: refused } = desk({ ...off, per_recipient: '5 in 10 min' });
    const spellings = ['', '0', '1', '7', '99', '123', '00', '5'].map(
      (tail) => `+4915112345678${tail}`,
    );
    for (const recipient of spellings.slice(0, 5)) send({ recipient });
    for (const recipient of spellings)
      expect(refused({ recipient }).detail).toMatch(/^per_recipient: /);
    send({ recipient: '+4915112345679' });
  });
});

describe('a length that no number of the plan has', () => {
  it('is told for every calling code, and no other is', () => {
    const callingCodes = new Set(plans.map(([, plan]) => plan[0] as string));
    expect(callingCodes.size).toBeGreaterThan(210);
    for (const code of callingCodes) {
      const lengths = possibleLengths(code);
      expect(lengths.size, code).toBeGreaterThan(0);
      for (let digits = 1; digits <= 15 - code.length; digits += 1) {
        const number = `+${code}${'2'.repeat(digits)}`;
        expect(wrongLength(number) === undefined, number).toBe(lengths.has(digits));
      }
    }
  });

  it('is never that of a number in a known range, nor told of a calling code that is not assigned', () => {
    for (const { number } of mobiles) expect(wrongLength(number)).toBeUndefined();
    expect(wrongLength('+999123456789')).toBeUndefined();
    expect(wrongLength('+210123')).toBeUndefined();
  });

  it.each([
    ['+1212555123', 'too few digits'],
    ['+121255512345', 'too many'],
    ['+336123456789', 'too many'],
    ['+44740012345678', 'too many'],
    ['+491', 'too few'],
    ['+88161234567890', 'too many for a satellite'],
  ])('%s is recipient_invalid: %s', (recipient) => {
    const { policy, refusal: refused } = desk(off);
    expect(refused({ recipient })).toMatchObject({ code: 'recipient_invalid', submitted: 'no' });
    expect(refused({ recipient }).detail).toMatch(
      /^length: no number of \+\d+ has \d+ digits after it, but /,
    );
    expect(policy.explain({ recipient }).refusal).toMatchObject({
      code: 'recipient_invalid',
      reason: 'length',
    });
  });

  it('passes where policy.allow_prefixes has its range, unless a prefix as long refuses it', () => {
    const table = { ...off, countries: ['DE'], allow_prefixes: ['+1212'] };
    desk(table).send({ recipient: '+121255512345' });
    const { refusal: refused } = desk({ ...table, refuse_prefixes: ['+1212555'] });
    expect(refused({ recipient: '+121255512345' }).code).toBe('recipient_not_allowed');
    expect(refused({ recipient: '+12135551234567' }).code).toBe('recipient_invalid');
  });
});

describe('one phone, one count', () => {
  it.each([
    ['Mexico, with the 1 of before 2019', '+5215512345678', '+525512345678'],
    ['Argentina, with and without the 9', '+5491112345678', '+541112345678'],
    ['Brazil, without the ninth digit', '+551187654321', '+5511987654321'],
    ['Colombia, without the 60 of fixed lines', '+5712345678', '+576012345678'],
    ['Palestine through the calling code of Israel', '+972591234567', '+970591234567'],
    ['Palestine, a range that Israel’s data have too', '+972561234567', '+970561234567'],
    ['San Marino through Italy', '+390549886377', '+3780549886377'],
    ['Luxembourg, with the digits that choose a carrier', '+35215001223344', '+352223344'],
    ['and a digit too many besides', '+55118765432100', '+5511987654321'],
  ])('%s', (_where, spelling, counted) => {
    expect(countedAs(spelling)).toBe(counted);
    expect(countedAs(counted)).toBe(counted);
  });

  it('a limit, a lock-out and a cap see one recipient; what is sent to is what was given', () => {
    const { send, refusal: refused, policy } = desk({ ...off, per_recipient: '2 in 10 min' });
    for (const recipient of ['+5215512345678', '+525512345678']) send({ recipient });
    expect(refused({ recipient: '+5215512345678' }).code).toBe('rate_limited');
    const [one, other] = ['+5215512345678', '+525512345678'].map((recipient) =>
      policy.subjectOf({ recipient }),
    );
    expect([one?.recipientHmac, one?.blockHmac]).toEqual([other?.recipientHmac, other?.blockHmac]);
    expect(readRecipient('+52 1 55 1234 5678')).toEqual({ number: '+5215512345678' });
  });

  it('a refused range is refused in every spelling', () => {
    expect(refusal('+5219001234567')).toBe('refuse_types');
    const { refusal: refused } = desk({ ...off, refuse_prefixes: ['+5255'] });
    expect(refused({ recipient: '+5215512345678' }).detail).toMatch(/^refuse_prefixes: /);
  });

  it('counting is settled: the counted spelling counts as itself, and is reached by no neighbour', () => {
    for (const { number } of mobiles) {
      const counted = countedAs(number);
      expect(countedAs(counted)).toBe(counted);
      const neighbour = number.slice(0, -1) + ((Number(number.at(-1)) + 1) % 10);
      if (isOwnNumber(neighbour)) expect(countedAs(neighbour)).not.toBe(counted);
    }
  });

  it('whatever the plans’ data take for a number is counted as it, or refused', () => {
    const prefixed = plans.filter(
      ([, plan]) => typeof plan[7] === 'string' || typeof plan[5] === 'string',
    );
    expect(prefixed.length).toBeGreaterThan(140);
    for (const [region, plan] of prefixed) {
      const example = mobiles.find(({ country }) => country === region);
      if (example === undefined) continue;
      const rule = typeof plan[7] === 'string' ? plan[7] : (plan[5] as string);
      const prefixes = fc.stringMatching(new RegExp(`^(?:${rule.replaceAll('$', '')})$`));
      fc.assert(
        fc.property(prefixes, (prefix) => {
          const text = `+${plan[0] as string}${prefix}${example.nationalNumber}`;
          const { number } = readRecipient(text);
          if (number === undefined || isOwnNumber(number) || refusal(number) === 'length') return;
          const meant = parsePhoneNumberFromString(number);
          if (meant?.isValid())
            expect(countedAs(number), `${region}: ${number}`).toBe(countedAs(meant.number));
        }),
        { numRuns: 60 },
      );
    }
  });

  it('every number of E.164 is counted, as an E.164 number', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\+[1-9]\d{6,14}$/), (number) => {
        expect(countedAs(number)).toMatch(/^\+[1-9]\d{2,14}$/);
      }),
      { numRuns: 500 },
    );
  });
});
