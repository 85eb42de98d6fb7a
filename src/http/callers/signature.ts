/** What callers prove who they are with, compared in constant time. */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Unproven } from './caller.js';

/** Seconds that a signed time may be away from ours, either way. */
const timestampToleranceS = 300;

/** HMAC-SHA256 (RFC 2104) over the parts as they stand. */
function hmacSha256(key: Uint8Array, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** Whether one of the keys makes one of the signatures; every pair is compared. */
export function isSignedByAny(
  keys: readonly Uint8Array[],
  signatures: readonly Uint8Array[],
  parts: readonly (string | Uint8Array)[],
): boolean {
  let isSigned = false;
  for (const key of keys) {
    const expected = hmacSha256(key, ...parts);
    for (const signature of signatures) {
      if (signature.length === expected.length && timingSafeEqual(signature, expected))
        isSigned = true;
    }
  }
  return isSigned;
}

/** Whether a credential is one of these; neither its length nor where it differs can be timed. */
export function isOneOf(secrets: readonly Uint8Array[], credential: string): boolean {
  const digest = (octets: string | Uint8Array) => createHash('sha256').update(octets).digest();
  const given = digest(credential);
  let isOne = false;
  for (const secret of secrets) if (timingSafeEqual(digest(secret), given)) isOne = true;
  return isOne;
}

/**
 * The one value of a header that carries a proof.
 * @throws Unproven `token_missing` when it is not there, `token_invalid` when it stands there twice
 */
export function proofHeader(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name.toLowerCase()];
  if (value === undefined || value === '') {
    const detail = `send the header "${name}"`;
    throw new Unproven('token_missing', {
      reason: `refused a request without the header ${name}: does the proxy pass it on?`,
      detail,
    });
  }
  if (typeof value === 'string') return value;
  const detail = `the header ${name} may stand there only once`;
  throw new Unproven('token_invalid', { check: name, reason: detail, detail });
}

/**
 * Judges the time that a signature covers, in whole seconds since the epoch.
 * @param now wall-clock milliseconds that may be true; one of them has to fit. Undefined: nobody
 *   knows what time it is, and any fits
 * @throws Unproven `token_invalid` when it is no number, `token_expired` when it is too far away
 */
export function checkTimestamp(text: string, now: readonly number[] | undefined): void {
  if (!/^\d{1,12}$/.test(text)) {
    const detail = 'the time of the signature is not a number of seconds';
    throw new Unproven('token_invalid', { check: 'timestamp', reason: detail, detail });
  }
  if (now === undefined) return;
  const awayS = Math.min(...now.map((ms) => Math.abs(ms / 1000 - Number(text))));
  if (awayS <= timestampToleranceS) return;
  const detail = `the time of the signature is ${Math.round(awayS)} s away from the gateway's, more than ${timestampToleranceS} s`;
  throw new Unproven('token_expired', {
    check: 'timestamp',
    reason: `${detail}; do the clocks agree?`,
    detail,
  });
}

/** @returns what to throw when no secret fits */
export function wrongSignature(): Unproven {
  const detail = 'the signature does not match';
  return new Unproven('token_invalid', {
    check: 'signature',
    reason: `${detail}: is the secret the one that the caller was given, and does a proxy change the body?`,
    detail,
  });
}

/** @returns what to throw when a static credential is another's */
export function wrongCredential(header: string): Unproven {
  const detail = `the credential in ${header} is not known`;
  return new Unproven('token_invalid', { check: 'credential', reason: detail, detail });
}
