import { countryName, type PolicyConfig } from '../config/policy.js';
import type { Numbering } from './numbering.js';

/** Why a number is never written to, whatever the limits. */
export interface RecipientRefusal {
  /** The key of `[policy]` that decides. */
  reason: 'countries' | 'refuse_types' | 'refuse_prefixes';
  detail: string;
}

type Rules = Pick<PolicyConfig, 'countries' | 'refuseTypes' | 'allowPrefixes' | 'refusePrefixes'>;

/**
 * Whether `number` (E.164) may be written to at all. The longest prefix of the operator's decides, among equals the refusal; then the
 * country, then the type of the number. A number in a range that is not known passes where its country is clear: numbering plans get new
 * ranges before their data does. Under a shared calling code it passes if every country it may be of is allowed: the unknown ranges of
 * +1 and +44 are where fraud dwells.
 */
export function refuseRecipient(
  rules: Rules,
  number: string,
  numbering: Numbering,
): RecipientRefusal | undefined {
  const refused = longestPrefix(rules.refusePrefixes, number);
  const allowed = longestPrefix(rules.allowPrefixes, number);
  if (refused > 0 && refused >= allowed) {
    return { reason: 'refuse_prefixes', detail: 'the number begins with one of policy.refuse_prefixes' };
  }
  if (allowed > 0) return undefined;
  const { countries, group, type } = numbering;
  if (!rules.countries.includes('*')) {
    const isAllowed = countries.length > 0 && countries.every((code) => rules.countries.includes(code));
    if (!isAllowed) return { reason: 'countries', detail: outside(countries, group) };
  }
  if (type !== undefined && rules.refuseTypes.includes(type)) {
    return {
      reason: 'refuse_types',
      detail: `numbers of the type ${type} are refused (policy.refuse_types)`,
    };
  }
  return undefined;
}

/** Characters of the longest prefix that fits; 0 if none does. */
function longestPrefix(prefixes: readonly string[], number: string): number {
  return Math.max(0, ...prefixes.filter((prefix) => number.startsWith(prefix)).map(({ length }) => length));
}

function outside(countries: readonly string[], group: string): string {
  const [only] = countries;
  if (only === undefined) {
    return (
      `numbers that begin with ${group} belong to no country: ` +
      'only policy.countries = ["*"] or policy.allow_prefixes lets them in'
    );
  }
  if (countries.length === 1) return `numbers of ${countryName(only)} (${only}) are outside policy.countries`;
  const some = countries.length > 6 ? [...countries.slice(0, 5), '…'] : countries;
  return (
    `the number is in no range known here and may be of ${some.join(', ')}, not all of them in policy.countries: ` +
    'policy.allow_prefixes can let its range in'
  );
}
