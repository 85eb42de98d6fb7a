/** Hexadecimal and octets, with the field and offset of whatever is wrong. */

import { TpduError } from './errors.js';

/** The octets as upper-case hexadecimal. */
export function toHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex').toUpperCase();
}

/**
 * The octets of a hexadecimal string, of which there may be `maxOctets`.
 * @throws TpduError when it is longer, of odd length, or has any other character.
 */
export function fromHex(hex: string, maxOctets: number): Uint8Array {
  if (hex.length > maxOctets * 2)
    throw new TpduError('PDU', maxOctets, `longer than ${maxOctets} octets`);
  const bad = hex.search(/[^0-9A-Fa-f]/);
  if (bad !== -1) throw new TpduError('PDU', bad >> 1, 'not hexadecimal');
  if (hex.length % 2 !== 0) throw new TpduError('PDU', hex.length >> 1, 'half an octet');
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/**
 * Reads a PDU field by field; running out of octets is a {@link TpduError} that names the field.
 */
export class OctetReader {
  readonly #octets: Uint8Array;
  #offset = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  /** Octets read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Octets still to be read. */
  get remaining(): number {
    return this.#octets.length - this.#offset;
  }

  octet(field: string): number {
    return this.take(1, field)[0]!;
  }

  /** The next `count` octets, as a view. */
  take(count: number, field: string): Uint8Array {
    if (count > this.remaining)
      throw new TpduError(field, this.#offset + this.remaining, 'the PDU ends here');
    this.#offset += count;
    return this.#octets.subarray(this.#offset - count, this.#offset);
  }
}
