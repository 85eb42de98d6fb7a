/**
 * Telephone numbers: one spelling for one phone, its country, and what of it may be shown.
 * Knows nothing of: policy, messages and modems.
 * Way: as written → `readRecipient` → E.164 or an objection.
 */

import { toE164 } from './e164.js';
import { callingCodeOf, dialledIn, mainPlanOf, rangeOf } from './numbering-plan.js';

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
 * @param defaultCountry ISO 3166-1 alpha-2, of a number without + and country code; without it such
 *   a number is refused
 */
export function readRecipient(text: string, defaultCountry?: string): RecipientReading {
  const number = toE164(text) ?? dialledIn(defaultCountry, text);
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
  const callingCode = callingCodeOf(number);
  // Countries of one calling code share one trunk prefix.
  const plan = callingCode === undefined ? undefined : mainPlanOf(callingCode);
  if (callingCode === undefined || plan?.trunkPrefix === undefined) return undefined;
  const { trunkPrefix: prefix, lengths } = plan;
  const national = number.slice(1 + callingCode.length);
  if (!national.startsWith(prefix) || isInPlan(number)) return undefined;
  // Where a 0 leads out of the area, no area begins with it; but +7 has areas that begin with 8.
  const isItsOwn = !prefix.startsWith('0') && lengths.includes(national.length);
  return isItsOwn ? undefined : { callingCode, prefix };
}

/** Whether it is in a known range exactly as it is written. */
function isInPlan(number: string): boolean {
  return rangeOf(number)?.number === number;
}
