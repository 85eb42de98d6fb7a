import fc from 'fast-check';
import { getCountries, getExampleNumber, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import metadata from 'libphonenumber-js/max/metadata';
import examples from 'libphonenumber-js/mobile/examples';
import { describe, expect, it } from 'vitest';
import { possibleCountries, readByPlan } from '../../src/number/numbering-plan.js';

/** What libphonenumber-js itself says. */
function readByLibrary(number: string) {
  const parsed = parsePhoneNumberFromString(number);
  if (parsed === undefined) return undefined;
  return {
    number: parsed.number as string,
    callingCode: parsed.countryCallingCode as string,
    country: parsed.country,
    type: parsed.isValid() ? parsed.getType()?.toLowerCase() : undefined,
  };
}

function expectAsLibrary(number: string): void {
  const reading = readByPlan(number);
  expect(reading, number).toEqual(readByLibrary(number));
  if (reading === undefined) return;
  const possible = parsePhoneNumberFromString(number)?.getPossibleCountries() ?? [];
  if (possible.length > 0) expect(possibleCountries(reading), number).toEqual(possible);
}

const plans: readonly (readonly unknown[])[] = [
  ...Object.values(metadata.countries),
  ...Object.values(metadata.nonGeographic),
];

describe('a number is read as libphonenumber-js reads it', () => {
  it('in each range of each plan, and with digits before, after and changed', () => {
    let ranges = 0;
    for (const plan of plans) {
      for (const type of plan[11] as (readonly [string?] | 0)[]) {
        const [pattern] = type || [];
        if (!pattern) continue;
        ranges += 1;
        const nationals = fc.stringMatching(new RegExp(`^(?:${pattern})$`));
        const digits = fc.stringMatching(/^\d{1,3}$/);
        fc.assert(
          fc.property(nationals, digits, fc.nat(9), (national, some, at) => {
            const code = `+${plan[0] as string}`;
            const more = national.slice(0, at) + some + national.slice(at);
            // E.164 has 15 digits at most; none that is longer is ever looked up.
            for (const number of [national, more, national.slice(0, -1)])
              if (code.length + number.length <= 16) expectAsLibrary(code + number);
          }),
          { numRuns: 2 },
        );
      }
    }
    expect(ranges).toBeGreaterThan(1_000);
  });

  it('behind what is dialled before it in its country', () => {
    for (const country of getCountries()) {
      const example = getExampleNumber(country, examples);
      const plan = metadata.countries[country];
      const rule: unknown = plan?.[7] || plan?.[5];
      if (example === undefined || typeof rule !== 'string') continue;
      const prefixes = fc.stringMatching(new RegExp(`^(?:${rule.replaceAll('$', '')})$`));
      fc.assert(
        fc.property(prefixes, (prefix) =>
          expectAsLibrary(`+${example.countryCallingCode}${prefix}${example.nationalNumber}`),
        ),
        { numRuns: 5 },
      );
    }
  });

  it('whatever E.164 allows', () => {
    fc.assert(fc.property(fc.stringMatching(/^\+[1-9]\d{6,14}$/), expectAsLibrary), {
      numRuns: 2_000,
    });
  });
});
