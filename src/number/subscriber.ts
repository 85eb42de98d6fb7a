import { callingCodeOf, possibleLengths, type RangeReading, rangeOf } from './numbering-plan.js';

/** Whom a number reaches, as far as the numbering plans tell. */
export interface Subscriber {
  /**
   * One spelling (E.164) for all that reach this subscriber: what limits, caps and the journal
   * count by.
   */
  countedAs: string;
  /** The number in a known range that is reached; `undefined` where no range is known. */
  inRange: RangeReading | undefined;
}

/** Two spellings of one subscriber that the data of the plans take for two. */
interface Equivalence {
  spelling: RegExp;
  countedAs: string;
}

/**
 * Spellings that reach one subscriber although each is, or was, a number by itself. None of them
 * can be another subscriber's own, so that no two are counted as one.
 */
const equivalences: readonly Equivalence[] = [
  // Mexico: the 1 before mobile numbers was given up in August 2019, and is still dialled.
  { spelling: /^\+521(\d{10})$/, countedAs: '+52$1' },
  // Argentina: the 9 before mobile numbers is for calls from abroad; area and subscriber are the
  // same without.
  { spelling: /^\+549(\d{10})$/, countedAs: '+54$1' },
  // Brazil: mobile numbers got a ninth digit, 2012 to 2016; those of before began with 6 to 9.
  { spelling: /^\+55(\d{2})([6-9]\d{7})$/, countedAs: '+55$19$2' },
  // Colombia: fixed lines got a 60 in September 2021.
  { spelling: /^\+57([1-8]\d{7})$/, countedAs: '+5760$1' },
  // Palestine is reached through the calling code of Israel too, where these ranges are nobody
  // else's.
  { spelling: /^\+972(5[69]\d{7})$/, countedAs: '+970$1' },
  // San Marino is reached through Italy's network too, under its area code.
  { spelling: /^\+39(0549[89]\d{5})$/, countedAs: '+378$1' },
];

/**
 * Whom `number` (E.164 with `+`) reaches. Networks stop reading once they have a whole number, so
 * that digits too many change nothing: of its beginnings the longest that is in a known range
 * counts. Where none is, the number counts as it is: new ranges come before the data does.
 */
export function subscriberOf(number: string): Subscriber {
  const whole = rangeOf(number);
  if (whole !== undefined) return { countedAs: canonical(whole.number), inRange: whole };
  const beginnings = beginningsOf(number);
  const inRange = longestRange(beginnings) ?? longestRange(otherSpellings(beginnings));
  return { countedAs: canonical(inRange?.number ?? number), inRange };
}

function otherSpellings(numbers: readonly string[]): string[] {
  return numbers.map(canonical).filter((spelling) => !numbers.includes(spelling));
}

function longestRange(longestFirst: readonly string[]): RangeReading | undefined {
  for (const number of longestFirst) {
    const inRange = rangeOf(number);
    if (inRange !== undefined) return inRange;
  }
  return undefined;
}

/**
 * `number` and its beginnings down to the shortest number with its calling code; none where that is
 * not assigned.
 */
function beginningsOf(number: string): string[] {
  const callingCode = callingCodeOf(number);
  if (callingCode === undefined) return [];
  const least = 1 + callingCode.length + Math.min(...possibleLengths(callingCode));
  return Array.from({ length: Math.max(0, number.length - least + 1) }, (_, dropped) =>
    number.slice(0, number.length - dropped),
  );
}

/**
 * Says of a `number` that is longer or shorter than every number with its calling code how many
 * digits those have after it; `undefined` where its length can be, or the code is not assigned.
 */
export function wrongLength(
  number: string,
): { callingCode: string; lengths: readonly number[] } | undefined {
  const callingCode = callingCodeOf(number);
  if (callingCode === undefined) return undefined;
  const lengths = possibleLengths(callingCode);
  const isPossible = (spelling: string) => lengths.has(spelling.length - 1 - callingCode.length);
  if (isPossible(number) || isPossible(canonical(number))) return undefined;
  return { callingCode, lengths: [...lengths].sort((a, b) => a - b) };
}

function canonical(number: string): string {
  for (const { spelling, countedAs } of equivalences) {
    if (spelling.test(number)) return number.replace(spelling, countedAs);
  }
  return number;
}
