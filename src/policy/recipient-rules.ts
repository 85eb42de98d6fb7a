import { countryName, type PolicyConfig } from '../config/policy.js';
import { wrongLength } from '../number/subscriber.js';
import type { Numbering } from './numbering.js';

/** Why a number is never written to, whatever the limits. */
export interface RecipientRefusal {
  code: 'recipient_not_allowed' | 'recipient_invalid';
  /** The key of `[policy]` that decides, or `length`: no number of its plan has so many digits. */
  reason: 'countries' | 'refuse_types' | 'refuse_prefixes' | 'length';
  detail: string;
}

type Rules = Pick<PolicyConfig, 'countries' | 'refuseTypes' | 'allowPrefixes' | 'refusePrefixes'>;

/**
 * Whether `number` (E.164, counted as `countedAs`) may be written to at all. The longest prefix of
 * the operator's decides, among equals the refusal; then whether it has a length that its plan can
 * have, then the country, then the type of the number. A number in a range that is not known passes
 * where its country is clear: numbering plans get new ranges before their data does. Under a shared
 * calling code it passes if every country it may be of is allowed: the unknown ranges of +1 and +44
 * are where fraud dwells.
 */
export function refuseRecipient(
  rules: Rules,
  { number, countedAs }: { number: string; countedAs: string },
  numbering: Numbering,
): RecipientRefusal | undefined {
  const spellings = [number, countedAs];
  const refused = longestPrefix(rules.refusePrefixes, spellings);
  const allowed = longestPrefix(rules.allowPrefixes, spellings);
  if (refused > 0 && refused >= allowed) {
    return notAllowed('refuse_prefixes', 'the number begins with one of policy.refuse_prefixes');
  }
  if (allowed > 0) return undefined;
  const wrong = wrongLength(number);
  if (wrong !== undefined) {
    return { code: 'recipient_invalid', reason: 'length', detail: lengthText(number, wrong) };
  }
  const { countries, group, type } = numbering;
  if (!rules.countries.includes('*')) {
    const isAllowed =
      countries.length > 0 && countries.every((code) => rules.countries.includes(code));
    if (!isAllowed) return notAllowed('countries', outside(countries, group));
  }
  if (type !== undefined && rules.refuseTypes.includes(type)) {
    return notAllowed(
      'refuse_types',
      `numbers of the type ${type} are refused (policy.refuse_types)`,
    );
  }
  return undefined;
}

const notAllowed = (reason: RecipientRefusal['reason'], detail: string): RecipientRefusal => ({
  code: 'recipient_not_allowed',
  reason,
  detail,
});

/** Characters of the longest prefix that any of the spellings begins with; 0 if none does. */
function longestPrefix(prefixes: readonly string[], spellings: readonly string[]): number {
  let longest = 0;
  for (const prefix of prefixes)
    if (prefix.length > longest && spellings.some((spelling) => spelling.startsWith(prefix)))
      longest = prefix.length;
  return longest;
}

function lengthText(
  number: string,
  { callingCode, lengths }: { callingCode: string; lengths: readonly number[] },
): string {
  const digits = number.length - 1 - callingCode.length;
  return (
    `no number of +${callingCode} has ${digits} digits after it, but ${lengths.join(', ')}; ` +
    'if one has by now, policy.allow_prefixes lets its range in'
  );
}

function outside(countries: readonly string[], group: string): string {
  const [only] = countries;
  if (only === undefined) {
    return (
      `numbers that begin with ${group} belong to no country: ` +
      'only policy.countries = ["*"] or policy.allow_prefixes lets them in'
    );
  }
  if (countries.length === 1)
    return `numbers of ${countryName(only)} (${only}) are outside policy.countries`;
  const some = countries.length > 6 ? [...countries.slice(0, 5), '…'] : countries;
  return (
    `the number is in no range known here and may be of ${some.join(', ')}, not all of them in policy.countries: ` +
    'policy.allow_prefixes can let its range in'
  );
}
