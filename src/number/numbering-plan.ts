import {
  type CountryCode,
  Metadata,
  type PhoneNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';
import metadata from 'libphonenumber-js/max/metadata';

/** The countries that share a calling code; none for those of no country (+870, +881, +882, …). */
export function countriesOf(callingCode: string): readonly CountryCode[] {
  return metadata.country_calling_codes[callingCode] ?? [];
}

/**
 * The assigned calling code that `number` (E.164 with `+`) begins with; none begins another (ITU-T
 * E.164 6.2.1).
 */
export function callingCodeOf(number: string): string | undefined {
  const beginnings = [1, 2, 3].map((digits) => number.slice(1, 1 + digits));
  return beginnings.find((code) => possibleLengths(code).size > 0);
}

const lengthsByCallingCode = new Map<string, ReadonlySet<number>>();

/**
 * How many digits the plans of a calling code give their numbers, without the code itself; none
 * where it is not assigned. A number of another length cannot be, whatever ranges are opened:
 * lengths change once in decades, and years after they were announced.
 */
export function possibleLengths(callingCode: string): ReadonlySet<number> {
  const known = lengthsByCallingCode.get(callingCode);
  if (known !== undefined) return known;
  const countries = countriesOf(callingCode);
  const plans: readonly string[] =
    countries.length > 0
      ? countries
      : Object.keys(metadata.nonGeographic).filter((code) => code === callingCode);
  const lengths = new Set(plans.flatMap(lengthsOfPlan));
  lengthsByCallingCode.set(callingCode, lengths);
  return lengths;
}

function lengthsOfPlan(countryOrCallingCode: string): number[] {
  const plan = new Metadata();
  plan.selectNumberingPlan(countryOrCallingCode as CountryCode);
  return plan.numberingPlan?.possibleLengths() ?? [];
}

/**
 * The number of a known range that `number` is, in the spelling of its plan; `undefined` if it is
 * none. What the plan itself takes for another spelling (with the digits that choose a carrier in
 * Luxembourg) is the number that it stands for.
 */
export function rangeOf(number: string): PhoneNumber | undefined {
  const parsed = parsePhoneNumberFromString(number);
  return parsed?.isValid() === true ? parsed : undefined;
}
