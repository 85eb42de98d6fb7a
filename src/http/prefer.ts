/** `Prefer: wait=N` (RFC 7240): how long a caller is willing to wait for its answer. */

import type { Exchange } from './error-exit.js';

/**
 * Milliseconds that this caller waits, `longestMs` at most: it may shorten its time, never lengthen
 * it. It is told when it did.
 */
export function waitMs({ req, res }: Exchange, longestMs: number): number {
  const { prefer } = req.headers;
  const waitS = prefer === undefined ? undefined : preferredWaitS(String(prefer));
  if (waitS === undefined || waitS * 1000 >= longestMs) return longestMs;
  res.setHeader('Preference-Applied', `wait=${waitS}`);
  return waitS * 1000;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const preference = new RegExp(
  `^\\s*(?<name>${token})\\s*(?:=\\s*(?:"(?<quoted>(?:\\\\.|[^"\\\\])*)"|(?<bare>${token})))?\\s*(?:;|$)`,
);

/**
 * The seconds of `wait` in a `Prefer` header (RFC 7240 2 and 4.3). Several headers come joined by
 * commas. Only the first `wait` counts, and one that is no number is as none.
 */
export function preferredWaitS(prefer: string): number | undefined {
  // Commas within quotes do not separate.
  for (const part of prefer.match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g) ?? []) {
    const { name, quoted, bare } = preference.exec(part)?.groups ?? {};
    if (name?.toLowerCase() !== 'wait') continue;
    const value = quoted ?? bare ?? '';
    return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
  }
  return undefined;
}
