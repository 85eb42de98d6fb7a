/** UCS-2, which on the air is UTF-16 with the high octet first (3GPP TS 23.038 6.2.3). */

import { Unencodable } from './errors.js';

/**
 * The text as octets, two to a UTF-16 code unit.
 * @throws Unencodable at a lone surrogate.
 */
export function encodeUcs2(text: string): Uint8Array {
  refuseLoneSurrogate(text);
  return Buffer.from(text, 'utf16le').swap16();
}

/** The text of an even number of octets, unit by unit: half a surrogate pair stays what it is. */
export function decodeUcs2(octets: Uint8Array): string {
  return Buffer.from(octets).swap16().toString('utf16le');
}

/**
 * @throws Unencodable at the first lone surrogate, which is no character and which no alphabet can
 *   carry.
 */
export function refuseLoneSurrogate(text: string): void {
  // With the `u` flag a whole pair is one code point, so that only a lone half has the property.
  const offset = text.search(/\p{Surrogate}/u);
  if (offset !== -1) throw new Unencodable(offset, 'a lone surrogate is no character');
}
