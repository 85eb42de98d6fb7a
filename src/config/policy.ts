import { getCountries } from 'libphonenumber-js/max';
import * as v from 'valibot';
import { nearest } from './config-error.js';
import { asWritten, inCode, plainTable, required } from './table.js';
import { someOf, whole } from './values.js';

/** At most `count` messages within any `windowMs`. */
export interface Limit {
  /** 1 to {@link maxCount}. */
  count: number;
  /** 1,000 to {@link longestWindowMs}. */
  windowMs: number;
}

/**
 * Types of numbers as numbering plans tell them apart (ITU-T E.164 2010, "service numbers" of the
 * national plans).
 */
const numberTypes = [
  'mobile',
  'fixed_line',
  'fixed_line_or_mobile',
  'voip',
  'toll_free',
  'pager',
  'personal_number',
  'premium_rate',
  'shared_cost',
  'uan',
  'voicemail',
] as const;
export type NumberType = (typeof numberTypes)[number];

/** Windows are no longer than what is remembered of single messages. */
export const longestWindowMs = 86_400_000;
/**
 * How many messages of the last 24 hours are remembered; more than a limit may count would make no
 * sense.
 */
export const maxCount = 50_000;
/**
 * No lock-out and no cool-down is longer: it is also a weapon against the person whose number it
 * is.
 */
export const longestHoldMs = 900_000;

/**
 * A limit that neighbours share is warned of when it is longer: they would be shut out for as long.
 */
const longestSharedWindowMs = 3_600_000;

const countryCodes: ReadonlySet<string> = new Set(getCountries());
const regionNames = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });

/** Those asked for so far: each refusal by country names one, and Intl takes long to. */
const namesOfCountries = new Map<string, string>();

/** `Germany` for `DE`; the code itself if it has no name. */
export function countryName(code: string): string {
  const known = namesOfCountries.get(code);
  if (known !== undefined) return known;
  const name = regionNames.of(code) ?? code;
  if (countryCodes.has(code)) namesOfCountries.set(code, name);
  return name;
}

const country = v.pipe(
  v.string('must be in quotes'),
  v.rawTransform(({ dataset, addIssue, NEVER }): string => {
    const code = dataset.value.trim().toUpperCase();
    if (code === '*' || countryCodes.has(code)) return code;
    addIssue({ message: unknownCountry(code) });
    return NEVER;
  }),
);

function unknownCountry(code: string): string {
  if (/^[A-Z]{2}$/.test(code)) {
    // CLDR knows the codes that were replaced, and UK; EL is what the European Union writes for
    // Greece.
    const alias = code === 'EL' ? 'GR' : new Intl.Locale(`und-${code}`).region;
    if (alias !== undefined && alias !== code && countryCodes.has(alias)) {
      return `is no code of ISO 3166-1: write "${alias}" (${countryName(alias)})`;
    }
    const name = regionNames.of(code);
    if (name !== undefined) return `${name} has no telephone numbers of its own`;
  }
  const byName = new Map(
    [...countryCodes].map((known) => [countryName(known).toLowerCase(), known]),
  );
  const meant = code.length > 3 ? byName.get(nearest(code, [...byName.keys()]) ?? '') : undefined;
  return meant === undefined
    ? 'must be a two-letter code of ISO 3166-1, as "DE", or "*" for every country'
    : `must be a two-letter code: write "${meant}" (${countryName(meant)})`;
}

const countriesMessage =
  'must be a list of two-letter codes, as ["DE", "AT"], or ["*"] for every country';

export const countries = v.pipe(
  v.array(country, countriesMessage),
  v.minLength(1, countriesMessage),
  v.check(
    (codes) => codes.length === 1 || !codes.includes('*'),
    '"*" means every country: it stands alone',
  ),
);

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const limitMessage =
  `must be "COUNT in TIME", as "5 in 10 min", a list of such, or "off"; COUNT is 1 to ${maxCount}, ` +
  'TIME is in s, min, h or d, and 24 h at most';

function parseLimit(text: string): Limit | undefined {
  const match = /^\s*(?<count>\d{1,6}) in (?<time>\d{1,6}) ?(?<unit>s|min|h|d)\s*$/.exec(text);
  const { count, time, unit } = match?.groups ?? {};
  const limit = { count: Number(count), windowMs: Number(time) * (unitMs[unit ?? ''] ?? 0) };
  const isInRange = limit.count >= 1 && limit.count <= maxCount && limit.windowMs >= 1000;
  return isInRange && limit.windowMs <= longestWindowMs ? limit : undefined;
}

/** How many windows one limit may have. */
const maxWindows = 4;

export const windows = v.pipe(
  v.union([v.string(), v.array(v.string())], limitMessage),
  v.rawTransform(({ dataset, addIssue, NEVER }): Limit[] => {
    if (dataset.value === 'off') return [];
    const texts = typeof dataset.value === 'string' ? [dataset.value] : dataset.value;
    const parsed = texts.flatMap((text) => parseLimit(text) ?? []);
    if (texts.length > 0 && texts.length <= maxWindows && parsed.length === texts.length)
      return parsed;
    addIssue({
      message: texts.length > maxWindows ? `must be ${maxWindows} at most` : limitMessage,
    });
    return NEVER;
  }),
);

const fractionMessage = 'must be a number, 0.01 to 1';
const fraction = v.pipe(
  v.number(fractionMessage),
  v.minValue(0.01, fractionMessage),
  v.maxValue(1, fractionMessage),
);

const prefixMessage = 'must be a list of + and 1 to 15 digits, as ["+49151"]';
const prefixes = v.optional(
  v.array(
    v.pipe(
      v.string(prefixMessage),
      v.transform((text) => text.replace(/\s/g, '')),
      v.regex(/^\+[1-9]\d{0,14}$/, prefixMessage),
    ),
    prefixMessage,
  ),
  [],
);

const hold = (min: number) => whole('seconds', min, longestHoldMs / 1000);

const recipients = {
  // ISO 3166-1 alpha-2 codes in capitals, or exactly `*`.
  countries: required(
    countries,
    'the countries that may be written to, as ["DE", "AT"], or ["*"] for every one',
  ),
  // A number whose type is not known is never refused for its type.
  refuse_types: v.optional(someOf(numberTypes), [
    'premium_rate',
    'shared_cost',
    'personal_number',
    'uan',
    'voicemail',
  ]),
  // The longest prefix that fits decides before countries and types do; among equals the refusal.
  allow_prefixes: prefixes,
  refuse_prefixes: prefixes,
};

/** How often; the code's names too are those of the file, for callers are told them. */
const limits = {
  per_recipient: v.optional(windows, '5 in 10 min'),
  // An office whose people have consecutive numbers and one address is one block and one client.
  // Who fills a window shuts out all others in it for as long: an hour at most, but for what
  // bounds the spending of a day.
  per_block: v.optional(windows, ['200 in 10 min', '600 in 1 h']),
  per_client_ip: v.optional(windows, ['200 in 10 min', '600 in 1 h']),
  per_country: v.optional(windows, ['1000 in 1 h', '4000 in 24 h']),
  per_caller: v.optional(windows, 'off'),
  // More than one modem can send in an hour: the busiest morning is not to be refused, an attack
  // by night is to be bounded.
  total: v.optional(windows, ['1200 in 1 h', '5000 in 24 h']),
};

/** What a limit counts by. */
export type LimitName = keyof typeof limits;
export const limitNames = Object.keys(limits) as LimitName[];

const holds = {
  // A recipient's lock-outs: the first (0: there are none), each further one twice as long, none
  // over the longest.
  lock_out_first_s: v.optional(hold(0), 60),
  lock_out_longest_s: v.optional(hold(1), 900),
  // After a send that stalled a modem, growing in the same way; 0: none. Who waits for a code asks
  // again after a minute.
  cool_down_recipient_s: v.optional(hold(0), 60),
  cool_down_block_s: v.optional(hold(0), 60),
};

const share = {
  // Of each shared limit, of the caps of the SIMs and of `message.max_waiting`: what alerts may
  // use, so that logins always have the rest.
  alert_share: v.optional(fraction, 0.2),
};

/** How much of `whole` alerts may use, 1 at least. */
export function alertShareOf(whole: number, share: number): number {
  return Math.max(1, Math.floor(whole * share));
}

/** The table `[policy]`; only `countries` has no default. */
export const policySchema = v.pipe(
  plainTable(
    { ...recipients, ...limits, ...holds, ...share },
    'must be a table, written as a line [policy] above its keys',
  ),
  v.transform((read) => ({
    ...inCode({ ...recipients, ...holds, ...share }, read),
    limits: asWritten(limits, read),
  })),
);

/** Who may be written to, and how often. */
export type PolicyConfig = v.InferOutput<typeof policySchema>;

/** What is valid and unwise, as sentences for the operator. */
export function policyWarnings(config: PolicyConfig): string[] {
  const warnings: string[] = [];
  if (config.limits.per_recipient.some(({ windowMs }) => windowMs > longestHoldMs)) {
    warnings.push(
      'policy.per_recipient has a window over 15 min: whoever knows a number can shut its owner out for as long',
    );
  }
  for (const name of ['per_block', 'per_client_ip'] as const) {
    if (config.limits[name].some(({ windowMs }) => windowMs > longestSharedWindowMs)) {
      const neighbours =
        name === 'per_block' ? 'with numbers beside it' : 'behind the same address';
      warnings.push(
        `policy.${name} has a window over 1 h: whoever fills it shuts out everybody ${neighbours} for as long`,
      );
    }
  }
  if (config.limits.total.length === 0) {
    warnings.push(
      'policy.total is off: nothing but the caps of each SIM bounds what an attack can cost',
    );
  }
  return warnings;
}
