import { callingCodeOf } from './numbering-plan.js';

/** The digits that all spellings of a number have in common, counted from its end. */
const tailDigits = 8;

/**
 * The last eight digits of a recipient (E.164 with `+`), fewer where the number has fewer without
 * its calling code: what a status report has too, whether it spells the number as it was sent or as
 * it is dialled at home.
 */
export function tailOf(number: string): string {
  return (nationalDigits(number) ?? digitsOf(number)).slice(-tailDigits);
}

/**
 * The tails that a number may have that a report spells somehow: with `+`, with the trunk prefix,
 * or with the calling code alone. One, but for numbers of fewer digits than a tail has.
 */
export function possibleTails(spelled: string): string[] {
  const digits = digitsOf(spelled);
  const readings = [
    spelled.startsWith('+') ? nationalDigits(spelled) : undefined,
    nationalDigits(`+${digits}`),
    digits.replace(/^0+/, ''),
  ].flatMap((reading) => (reading === undefined ? [] : [reading.slice(-tailDigits)]));
  const isLong = digits.replace(/^0+/, '').length >= tailDigits + 3;
  return isLong ? [digits.slice(-tailDigits)] : [...new Set(readings)];
}

const digitsOf = (number: string): string => number.replace(/\D/g, '');

/** Without its calling code; undefined where none is assigned. */
function nationalDigits(number: string): string | undefined {
  const callingCode = callingCodeOf(number);
  return callingCode === undefined ? undefined : digitsOf(number).slice(callingCode.length);
}
