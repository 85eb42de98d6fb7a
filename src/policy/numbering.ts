import { getCountries, getCountryCallingCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { NumberType } from '../config/policy.js';

/** What the numbering plans say about a number. */
export interface Numbering {
  /**
   * ISO 3166-1 codes of the countries it may be of: one where its range is known or its calling code has one country; several where a
   * shared calling code (+1, +7, +44, …) has an unknown range; none for what belongs to no country (+870, +881, +882, …).
   */
  countries: readonly string[];
  /** Known only for ranges that are in the numbering plan's data; new ranges come before new data does. */
  type: NumberType | undefined;
  /** What a limit per country counts by: the country's code, else `+` and the calling code. */
  group: string;
}

/** All countries of each calling code, for numbers that are of no length or range known. */
const countriesByCallingCode = new Map<string, string[]>();
for (const country of getCountries()) {
  const callingCode = getCountryCallingCode(country);
  countriesByCallingCode.set(callingCode, [...(countriesByCallingCode.get(callingCode) ?? []), country]);
}

/** Looks up `number` (E.164 with `+`). Takes any string that begins so and never throws. */
export function lookUp(number: string): Numbering {
  const parsed = parsePhoneNumberFromString(number);
  // A calling code that is not assigned: its first three digits, which is as long as one can be (ITU-T E.164 6.2.1).
  if (!parsed) return { countries: [], type: undefined, group: number.slice(0, 4) };
  const { country, countryCallingCode } = parsed;
  const group = country ?? `+${countryCallingCode}`;
  const type = parsed.getType()?.toLowerCase() as NumberType | undefined;
  if (country !== undefined) return { countries: [country], type, group };
  const possible: readonly string[] = parsed.getPossibleCountries();
  const countries = possible.length > 0 ? possible : (countriesByCallingCode.get(countryCallingCode) ?? []);
  return { countries, type, group: countries.length === 1 ? countries[0]! : group };
}
