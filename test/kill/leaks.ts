import { markerPrefix } from '../faults/texts.js';
import { keyPrefix } from './plan.js';

const recipientDigits = 12;

/**
 * Finds what must never be written (I6) in the octets of a file or in a line of a log: texts, whole
 * numbers, Idempotency-Keys, the secrets and the token.
 * @param recipients E.164 with 12 digits
 * @returns what leaks in a string of octets; undefined when nothing does
 */
export function leakFinder(
  recipients: readonly string[],
  secrets: readonly string[],
  token: string,
): (octets: string) => string | undefined {
  const digits = recipients.map((recipient) => recipient.slice(1));
  // As they are said, and as they stand in a PDU (3GPP TS 23.040 9.1.2.3).
  const numbers = new Set(digits.flatMap((each) => [each, each.replace(/(.)(.)/g, '$2$1')]));
  // With the sign before it: three octets alone may come about by chance.
  const marker = Buffer.from(`#${markerPrefix}`, 'utf16le');
  const forbidden = [
    ['a text', `#${markerPrefix}`],
    ['a text', marker.toString('latin1')],
    ['a text', Buffer.from(marker).swap16().toString('latin1')],
    ['a text', Buffer.from(`#${markerPrefix}`).toString('hex')],
    ['a text', Buffer.from(marker).swap16().toString('hex')],
    ['an Idempotency-Key', keyPrefix],
    ...secrets.map((secret) => ['a secret', secret] as const),
    ['the token', token.split('.').at(-1)!],
  ] as const;
  return (octets) => {
    const found = forbidden.find(([, text]) => octets.includes(text));
    if (found !== undefined) return found[0];
    for (const [run] of octets.matchAll(/\d{12,}/g)) {
      for (let from = 0; from + recipientDigits <= run.length; from += 1) {
        if (numbers.has(run.slice(from, from + recipientDigits))) return 'a whole number';
      }
    }
    return undefined;
  };
}
