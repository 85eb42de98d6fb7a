import { createHmac } from 'node:crypto';

/**
 * Names a key without giving it away: 64 bits of an HMAC-SHA-256 under it, in hex. The same for the
 * same octets, whatever form they are written in. Only for keys that nobody can guess, for a guess
 * could be tried against it.
 */
export function keyId(key: Uint8Array): string {
  return createHmac('sha256', key).update('simgate key id').digest('hex').slice(0, 16);
}
