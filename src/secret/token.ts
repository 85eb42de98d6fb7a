/**
 * Secrets: files that only their owner may read, keys' names, and tokens for a trial.
 * Knows nothing of: what a secret opens.
 * Way: file → checked owner and mode → octets; or octets → a signed token.
 */

import { createHmac, createSecretKey } from 'node:crypto';
import { SignJWT } from 'jose';

/** What a minted token says. */
export interface TokenOptions {
  /** The HS256 key. */
  secret: Uint8Array;
  subject: string;
  audience: string;
  /** Life in whole seconds, 1 or more. */
  expiresInS: number;
  /** Seconds since the epoch (RFC 7519 NumericDate). Default: now. */
  nowS?: number;
}

/**
 * A token as Auth0 makes it for a gateway: JWT (RFC 7519), HS256, with `sub`, `aud`, `iat` and
 * `exp`. For a trial without Auth0. Throws a `RangeError` for a life that is no whole number of
 * seconds.
 */
export async function mintToken(options: TokenOptions): Promise<string> {
  const { secret, subject, audience, expiresInS, nowS = Math.floor(Date.now() / 1000) } = options;
  if (!Number.isSafeInteger(expiresInS) || expiresInS < 1) {
    throw new RangeError(`a token's life must be a whole number of seconds, not ${expiresInS}`);
  }
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + expiresInS)
    .sign(createSecretKey(secret));
}

/**
 * Names a key without giving it away: 64 bits of an HMAC-SHA-256 under it, in hex. The same for the
 * same octets, whatever form they are written in. Only for keys that nobody can guess, for a guess
 * could be tried against it.
 */
export function keyId(key: Uint8Array): string {
  return createHmac('sha256', key).update('simgate key id').digest('hex').slice(0, 16);
}
