/** What a carrier's answer says of the credit. The words are a stranger's. */

import type { CreditConfig, DateOrder } from '../config/credit.js';

/** What an answer says. */
export interface Credit {
  /** In the carrier's units. */
  amount: number;
  /** Wall-clock milliseconds of the end of the last day on which it is good. */
  validUntilMs?: number;
}

/** Undefined where the expression finds no amount. */
export function readAnswer(
  text: string,
  { expression, dateOrder }: Pick<CreditConfig, 'expression' | 'dateOrder'>,
): Credit | undefined {
  const found = expression.find(text);
  const amount = amountIn(found?.get('amount') ?? '');
  if (amount === undefined) return undefined;
  const validUntilMs = dayIn(found?.get('valid') ?? '', dateOrder);
  return { amount, ...(validUntilMs !== undefined && { validUntilMs }) };
}

/** Its sign, which a currency may follow, and its digits; a point behind letters ends a word. */
const number =
  /(?<sign>-(?:[\p{Sc}\p{L}.]+\s?)?)?(?<digits>(?:(?<!\p{L})[.,])?\d(?:[\d.,'’\u066c]|\s(?=\d{3}(?!\d)))*)/u;

/**
 * The first of `1.234,56`, `1,234.56`, `12,5`, `1 234`, `-Rs. 12`. Of two kinds of separators the
 * last is the decimal one; of one kind it is that if it comes once and has not three digits behind
 * it, or a 0 before it.
 */
export function amountIn(written: string): number | undefined {
  const plain = written
    .normalize('NFKC')
    .replace(/\u066b/g, ',')
    .replace(/\u2212/g, '-')
    .replace(/\p{Nd}/gu, digitOf);
  const { sign, digits: found = '' } = number.exec(plain)?.groups ?? {};
  const digits = found.replace(/[\s'’\u066c]/g, '').replace(/[.,]+$/, '');
  if (digits === '' || digits.length > 20) return undefined;
  const last = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','));
  const [whole, fraction] =
    last < 0 ? [digits, ''] : [digits.slice(0, last), digits.slice(last + 1)];
  const joined = whole.replace(/[.,]/g, '');
  const isDecimal = last >= 0 && isDecimalPoint(digits.charAt(last), whole, fraction);
  const amount = Number(isDecimal ? `${joined || '0'}.${fraction}` : `${joined}${fraction}`);
  if (!Number.isFinite(amount)) return undefined;
  return sign === undefined ? amount : -amount;
}

function isDecimalPoint(separator: string, whole: string, fraction: string): boolean {
  if (/[.,]/.test(whole)) return !whole.includes(separator);
  return fraction.length !== 3 || /^0?$/.test(whole);
}

/** In any script, by Unicode's blocks of ten. */
function digitOf(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String(code - zero);
}

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const dayMs = 86_400_000;

/** `31.12.2026`, `2026-12-31`, `31 Dec 26`: the end of that day, UTC. */
export function dayIn(written: string, order: DateOrder): number | undefined {
  const parts =
    written
      .toLowerCase()
      .match(/\d{1,4}|[a-z]{3,}/g)
      ?.slice(0, 3) ?? [];
  const named = parts.findIndex((part) => months.includes(part.slice(0, 3)));
  if (parts.length < 3 || parts.some((part, index) => /[a-z]/.test(part) && index !== named))
    return undefined;
  const numbers = parts.map((part, index) =>
    index === named ? months.indexOf(part.slice(0, 3)) + 1 : Number(part),
  );
  const [day = 0, month = 0, year = 0] = inOrder(numbers, parts, named, order);
  const fullYear = year < 100 ? 2000 + year : year;
  const date = new Date(Date.UTC(fullYear, month - 1, day));
  // A day that there is not would come out as another one.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.getTime() + dayMs - 1;
}

/** As day, month and year. */
function inOrder(
  numbers: readonly number[],
  parts: readonly string[],
  named: number,
  order: DateOrder,
): number[] {
  const [a = 0, b = 0, c = 0] = numbers;
  if (parts[0]?.length === 4) return [c, b, a];
  if (named === 0) return [b, a, c];
  if (named === 1) return [a, b, c];
  if (order === 'mdy') return [b, a, c];
  return order === 'ymd' ? [c, b, a] : [a, b, c];
}
