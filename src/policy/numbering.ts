import type { NumberType } from '../config/policy.js';
import { possibleCountries, readByPlan } from '../number/numbering-plan.js';
import { type Subscriber, subscriberOf } from '../number/subscriber.js';

/** What the numbering plans say about a number. */
export interface Numbering {
  /**
   * ISO 3166-1 codes of the countries it may be of: one where its range is known or its calling
   * code has one country; several where a shared calling code (+1, +7, +44, …) has an unknown
   * range; none for what belongs to no country (+870, +881, +882, …).
   */
  countries: readonly string[];
  /**
   * Known only for ranges that are in the numbering plan's data; new ranges come before new data
   * does.
   */
  type: NumberType | undefined;
  /** What a limit per country counts by: the country's code, else `+` and the calling code. */
  group: string;
}

/**
 * Looks up `number` (E.164 with `+`) by what it reaches: one digit too many makes no other number
 * of a premium one. Takes any string that begins so and never throws.
 */
export function lookUp(number: string, { inRange }: Subscriber = subscriberOf(number)): Numbering {
  const reading = inRange ?? readByPlan(number);
  // A calling code that is not assigned: its first three digits, which is as long as one can be
  // (ITU-T E.164 6.2.1).
  if (reading === undefined) return { countries: [], type: undefined, group: number.slice(0, 4) };
  const countries = possibleCountries(reading);
  const group = countries.length === 1 ? countries[0]! : `+${reading.callingCode}`;
  return { countries, type: reading.type, group };
}
