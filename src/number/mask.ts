/**
 * ITU-T E.164 country calling codes of one and two digits; every other one has three (E.164 Annex,
 * list of assigned codes).
 */
const shortCallingCodes = new Set(
  (
    '1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 ' +
    '81 82 84 86 90 91 92 93 94 95 98'
  ).split(' '),
);

/**
 * The one mask for telephone numbers in logs, pages and metrics (I6): calling code and the last two
 * digits, `+4915112345667` → `+49…67`. Anything too short to hide something is masked whole.
 */
export function maskNumber(number: string): string {
  const digits = number.replace(/\D/g, '');
  if (digits.length < 7) return '…';
  const lastTwo = digits.slice(-2);
  if (!number.startsWith('+')) return `…${lastTwo}`;
  const callingCode =
    [1, 2].map((n) => digits.slice(0, n)).find((c) => shortCallingCodes.has(c)) ??
    digits.slice(0, 3);
  return `+${callingCode}…${lastTwo}`;
}
