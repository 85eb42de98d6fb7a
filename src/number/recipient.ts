/**
 * Telephone numbers: one spelling for one phone, its country, and what of it may be shown.
 * Knows nothing of: policy, messages and modems.
 * Way: as written → `readRecipient` → E.164 or an objection.
 */

import { Metadata, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import metadata from 'libphonenumber-js/max/metadata';
import { toE164 } from './e164.js';

/**
 * A recipient as it is sent to, counted and looked up; or what is wrong with it, as the rest of a
 * sentence that tells nothing of it but the country.
 */
export type RecipientReading =
  | { number: string; objection?: undefined }
  | { objection: string; number?: undefined };

/**
 * Reads a number that is to be written to. One phone has one spelling here, so that limits, caps
 * and keys cannot be had twice: the trunk prefix of national calls, which is no part of an
 * international number (ITU-T E.164 7.3.1), is left out. `+49 (0)151 12345678` is `+4915112345678`.
 *
 * It is left out only where that is sure: the number begins with it, cannot be one of its plan as
 * it stands, and is in a known range without it. Where the last is not so, it is refused rather
 * than sent to some other number. No other number is touched, for new ranges come before the data
 * of the plans does; nor are zeros that belong to a number, as in Italy, whose plans have no trunk
 * prefix.
 */
export function readRecipient(text: string): RecipientReading {
  const number = toE164(text);
  if (number === undefined)
    return { objection: 'must be + and 7 to 15 digits, the first not 0 (ITU-T E.164)' };
  const trunk = trunkPrefixIn(number);
  if (trunk === undefined) return { number };
  const { callingCode, prefix } = trunk;
  const bare = `+${callingCode}${number.slice(1 + callingCode.length + prefix.length)}`;
  if (isInPlan(bare)) return { number: bare };
  return {
    objection: `has ${prefix}, the prefix of calls within the country, after +${callingCode}: leave it out`,
  };
}

/** The trunk prefix that surely is none of the number's own digits. */
function trunkPrefixIn(number: string): { callingCode: string; prefix: string } | undefined {
  const callingCode: string | undefined = parsePhoneNumberFromString(number)?.countryCallingCode;
  // Countries of one calling code share one trunk prefix.
  const country =
    callingCode === undefined ? undefined : metadata.country_calling_codes[callingCode]?.[0];
  if (callingCode === undefined || country === undefined) return undefined;
  const prefix = trunkPrefixOf(country);
  const national = number.slice(1 + callingCode.length);
  if (prefix === undefined || !national.startsWith(prefix) || isInPlan(number)) return undefined;
  // Where a 0 leads out of the area, no area begins with it; but +7 has areas that begin with 8.
  const isItsOwn = !prefix.startsWith('0') && possibleLengths(country).includes(national.length);
  return isItsOwn ? undefined : { callingCode, prefix };
}

type Country = keyof typeof metadata.countries;

/**
 * What is dialled before a number within the country: mostly 0, 1 in North America, 06 in Hungary,
 * 8 in Russia, none in Italy.
 */
function trunkPrefixOf(country: Country): string | undefined {
  // The published types do not name the fields of a plan; the sixth is this one, and a number (0)
  // where there is none.
  const field: unknown = metadata.countries[country]?.[5];
  return typeof field === 'string' ? field : undefined;
}

/** Digits without the calling code. */
function possibleLengths(country: Country): readonly number[] {
  const plan = new Metadata();
  plan.selectNumberingPlan(country);
  return plan.numberingPlan?.possibleLengths() ?? [];
}

/** Whether it is in a known range exactly as it is written. */
function isInPlan(number: string): boolean {
  const parsed = parsePhoneNumberFromString(number);
  return parsed?.number === number && parsed.isValid();
}
