import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import metadata from 'libphonenumber-js/max/metadata';

/**
 * What the plans know of a number. The rules are those of libphonenumber-js, over its data: it
 * compiles each pattern anew for each number, which took a third of what a refusal cost.
 */
export interface PlanReading {
  /** E.164, in the spelling of its plan. */
  number: string;
  callingCode: string;
  /**
   * ISO 3166-1 alpha-2; `undefined` where several share the calling code and none has its range.
   */
  country: CountryCode | undefined;
  /** Of the known range that it is in; `undefined` where it is in none. */
  type: RangeType | undefined;
}

/** A number in a known range. */
export interface RangeReading extends PlanReading {
  type: RangeType;
}

export type RangeType = keyof typeof typeFields | 'fixed_line_or_mobile';

/**
 * Where the data of a plan have each type (METADATA.md of libphonenumber-js), in order of trial.
 */
const typeFields = {
  fixed_line: 0,
  mobile: 1,
  premium_rate: 3,
  toll_free: 2,
  shared_cost: 9,
  voip: 8,
  personal_number: 4,
  pager: 7,
  uan: 6,
  voicemail: 5,
} as const;
const typesInOrder = Object.keys(typeFields) as (keyof typeof typeFields)[];

/** What is dialled within a country. */
export interface DialledPlan {
  /**
   * What is dialled before a national number: mostly 0, 1 in North America, 06 in Hungary, 8 in
   * Russia, none in Italy.
   */
  trunkPrefix: string | undefined;
  /** How many digits its numbers may have, without the calling code. */
  lengths: readonly number[];
}

/** The numbering plan of a country, or of a calling code that belongs to none. */
interface Plan extends DialledPlan {
  country: CountryCode | undefined;
  /** All its numbers, whatever their type. */
  pattern: RegExp;
  /** Numbers that begin so are of this country, of those that share the calling code. */
  leadingDigits: RegExp | undefined;
  /** Digits before a national number that may be none of its own: of the trunk, or of a carrier. */
  prefix: RegExp | undefined;
  /** In order of trial. */
  ranges: readonly Range[];
  mobile: Range | undefined;
}

interface Range {
  type: RangeType;
  pattern: RegExp;
  /** Digits without the calling code; `undefined`: any. */
  lengths: readonly number[] | undefined;
}

/** The fields of a plan's data that are read here (METADATA.md of libphonenumber-js). */
type PlanData = readonly unknown[] & {
  readonly 2: string;
  readonly 3: readonly number[];
  readonly 5?: string | 0;
  readonly 7?: string | 0;
  readonly 10?: string | 0;
  readonly 11: readonly (readonly [pattern?: string, lengths?: readonly number[]] | 0)[];
};

/** The plans of a calling code, that of its main country first; none where it is not assigned. */
interface Plans {
  plans: readonly Plan[];
  lengths: ReadonlySet<number>;
}

/** Made when a number first asks. */
const plansByCallingCode = new Map<string, Plans>();

/** The countries that share a calling code; none for those of no country (+870, +881, +882, …). */
function countriesOf(callingCode: string): readonly CountryCode[] {
  return metadata.country_calling_codes[callingCode] ?? [];
}

/**
 * The assigned calling code that `number` (E.164 with `+`) begins with; none begins another (ITU-T
 * E.164 6.2.1).
 */
export function callingCodeOf(number: string): string | undefined {
  for (let digits = 1; digits <= 3; digits += 1) {
    const code = number.slice(1, 1 + digits);
    if (possibleLengths(code).size > 0) return code;
  }
  return undefined;
}

/**
 * How many digits the plans of a calling code give their numbers, without the code itself; none
 * where it is not assigned. A number of another length cannot be, whatever ranges are opened:
 * lengths change once in decades, and years after they were announced.
 */
export function possibleLengths(callingCode: string): ReadonlySet<number> {
  return plansOf(callingCode).lengths;
}

/**
 * How the main country of a calling code has its numbers dialled within the country; `undefined`
 * for what belongs to no country.
 */
export function mainPlanOf(callingCode: string): DialledPlan | undefined {
  const [main] = plansOf(callingCode).plans;
  return main?.country === undefined ? undefined : main;
}

/**
 * The number of a known range that `number` is, in the spelling of its plan; `undefined` if it is
 * none. What the plan itself takes for another spelling (with the digits that choose a carrier in
 * Luxembourg) is the number that it stands for.
 */
export function rangeOf(number: string): RangeReading | undefined {
  const reading = readByPlan(number);
  return reading?.type === undefined ? undefined : (reading as RangeReading);
}

/** `number` (E.164 with `+`) as its plan reads it; `undefined` if its calling code is none. */
export function readByPlan(number: string): PlanReading | undefined {
  const callingCode = callingCodeOf(number);
  if (callingCode === undefined) return undefined;
  const { plans } = plansOf(callingCode);
  const [main] = plans;
  const written = number.slice(1 + callingCode.length);
  // Digits that may be none of its own are rare, and the rules for them many.
  const mayHavePrefix = (main?.prefix?.exec(written)?.[0] ?? '') !== '';
  const national = mayHavePrefix ? parsePhoneNumberFromString(number)?.nationalNumber : written;
  if (main === undefined || national === undefined) return undefined;
  const plan = plans.length === 1 ? main : plans.find((each) => isOf(each, national));
  return {
    number: `+${callingCode}${national}`,
    callingCode,
    country: plan?.country,
    type: typeIn(plan ?? main, national),
  };
}

/**
 * The country of a number. Where it is not known, of those that share the calling code those that
 * have numbers so long, or all of them if none has; none for what belongs to no country.
 */
export function possibleCountries({
  number,
  callingCode,
  country,
}: PlanReading): readonly string[] {
  if (country !== undefined) return [country];
  const digits = number.length - 1 - callingCode.length;
  const fitting = plansOf(callingCode).plans.filter(({ lengths }) => lengths.includes(digits));
  const named = fitting.flatMap((plan) => plan.country ?? []);
  return named.length > 0 ? named : countriesOf(callingCode);
}

function isOf(plan: Plan, national: string): boolean {
  return plan.leadingDigits?.test(national) ?? typeIn(plan, national) !== undefined;
}

function typeIn(plan: Plan, national: string): RangeType | undefined {
  if (!plan.pattern.test(national)) return undefined;
  const range = plan.ranges.find((each) => isIn(each, national));
  if (range?.type !== 'fixed_line') return range?.type;
  // Where the two cannot be told apart, the data have no pattern for mobile numbers.
  const isBoth = plan.mobile === undefined || isIn(plan.mobile, national);
  return isBoth ? 'fixed_line_or_mobile' : 'fixed_line';
}

function isIn({ lengths, pattern }: Range, national: string): boolean {
  return lengths?.includes(national.length) !== false && pattern.test(national);
}

function plansOf(callingCode: string): Plans {
  const known = plansByCallingCode.get(callingCode);
  if (known !== undefined) return known;
  const countries = countriesOf(callingCode);
  const ofNone: unknown = metadata.nonGeographic[callingCode];
  const plans = countries.map((country) =>
    toPlan(metadata.countries[country] as unknown as PlanData, country),
  );
  if (ofNone !== undefined) plans.push(toPlan(ofNone as PlanData, undefined));
  const made = { plans, lengths: new Set(plans.flatMap(({ lengths }) => lengths)) };
  plansByCallingCode.set(callingCode, made);
  return made;
}

function toPlan(data: PlanData, country: CountryCode | undefined): Plan {
  const prefix = data[7] || data[5];
  const ranges = typesInOrder.flatMap((type): Range[] => {
    const [pattern, lengths] = data[11][typeFields[type]] || [];
    return pattern ? [{ type, pattern: whole(pattern), lengths: lengths || undefined }] : [];
  });
  return {
    country,
    pattern: whole(data[2]),
    trunkPrefix: data[5] || undefined,
    lengths: data[3],
    leadingDigits: data[10] ? new RegExp(`^(?:${data[10]})`) : undefined,
    prefix: prefix ? new RegExp(`^(?:${prefix})`) : undefined,
    ranges,
    mobile: ranges.find(({ type }) => type === 'mobile'),
  };
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}

/**
 * E.164 of a number as it is dialled within its country; undefined when it cannot be one of its
 * plan.
 * @param country ISO 3166-1 alpha-2
 */
export function dialledIn(country: string | undefined, text: string): string | undefined {
  if (country === undefined || /^\s*(?:\+|00)/.test(text)) return undefined;
  const parsed = parsePhoneNumberFromString(text, country as CountryCode);
  return parsed?.isPossible() ? parsed.number : undefined;
}
