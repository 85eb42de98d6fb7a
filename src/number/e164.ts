/**
 * White space, and what people and phone books put between digits: dots, hyphens and dashes,
 * parentheses.
 */
const separators = /[\s.\-\u2010-\u2015\u2212()]/gu;

/**
 * What a copy from a contact list brings along unseen: bidi marks and embeddings, zero-width
 * characters.
 */
const invisible = /[\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]/gu;

const e164 = /^\+[1-9]\d{6,14}$/;

/**
 * An international number as ITU-T E.164 writes it (`+`, 7 to 15 digits, no leading zero), whatever
 * separators and invisible marks it came with; `undefined` if it is none.
 */
export function toE164(number: string): string | undefined {
  if (e164.test(number)) return number;
  const bare = withoutSeparators(number);
  return e164.test(bare) ? bare : undefined;
}

/** A number as it is dialled, whatever it came with between its digits. */
export const withoutSeparators = (number: string): string =>
  number.replace(separators, '').replace(invisible, '');

/** Whether two senders are one: numbers by their digits, `+` or not, names by their letters. */
export function isSameSender(one: string, other: string): boolean {
  const bare = (sender: string) => withoutSeparators(sender).replace(/^\+/, '').toLowerCase();
  return bare(one) === bare(other);
}
