import { getCountries, getCountryCallingCode } from 'libphonenumber-js/max';
import metadata from 'libphonenumber-js/max/metadata';
import * as v from 'valibot';
import { countryName, policySchema } from '../../config/policy.js';
import type { Reading } from './interview.js';

/** Reads "DE, AT" as the configuration reads its list. */
export function readCountries(answer: string): Reading<string[]> {
  const words = answer.split(/[,;]/.test(answer) ? /[,;]/ : /\s+/).map((word) => word.trim());
  const list = words.filter((word) => word !== '');
  if (list.length === 0)
    return { objection: 'must be two-letter codes, as DE, AT; * is every country' };
  const parsed = v.safeParse(policySchema.entries.countries, list, { abortPipeEarly: true });
  if (parsed.success) return { value: [...new Set(parsed.output)] };
  const [issue] = parsed.issues;
  const which = typeof issue.input === 'string' ? `: ${JSON.stringify(issue.input)} ` : ' ';
  return { objection: `cannot be taken${which}${issue.message}` };
}

/**
 * The country to propose. It is that of the SIM's SMSC, which belongs to the home operator wherever
 * the SIM is. Where several countries share its calling code, it is the one that the locale names
 * (locale(7)), else the main one. Without an SMSC it is the locale's. `smsc` may be masked behind
 * its calling code.
 */
export function guessCountry(smsc: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const local = localeCountry(env);
  const callingCode = /^\+(\d{1,3})(?!\d)/.exec(smsc ?? '')?.[1];
  if (callingCode === undefined) return local;
  const countries = getCountries().filter(
    (country) => getCountryCallingCode(country) === callingCode,
  );
  if (countries.length <= 1) return countries[0] ?? local;
  if (countries.some((country) => country === local)) return local;
  // Google's metadata has the country first that numbers of unknown range are taken for: GB before
  // Guernsey. Of the North American plan's twenty none stands for the others.
  return callingCode === '1' ? undefined : metadata.country_calling_codes[callingCode]?.[0];
}

/** `DE` of `de_DE.UTF-8`, in the order in which locale(7) has the variables. */
function localeCountry(env: NodeJS.ProcessEnv): string | undefined {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((value) => value);
  const code = /^[a-z]{2,3}_([A-Z]{2})\b/.exec(locale?.replace(/[.@].*$/, '') ?? '')?.[1];
  return getCountries().find((country) => country === code);
}

/** `DE (Germany), AT (Austria)`. */
export function namedCountries(codes: readonly string[]): string {
  return codes
    .map((code) => (code === '*' ? 'every country' : `${code} (${countryName(code)})`))
    .join(', ');
}
