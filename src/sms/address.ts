/**
 * TP-OA, TP-DA, TP-RA and the service centre's address (3GPP TS 23.040 9.1.2.5; 24.011 8.2.5.1 and
 * 8.2.5.2).
 */

import { TpduError } from './errors.js';
import { decodeSeptets, unpackSeptets } from './gsm7.js';
import type { OctetReader } from './octets.js';

/**
 * 9.1.2.5, type-of-number, in the order of its three bits. Short codes come as `unknown`,
 * `network-specific` or `abbreviated`.
 */
const typesOfNumber = [
  'unknown',
  'international',
  'national',
  'network-specific',
  'subscriber',
  'alphanumeric',
  'abbreviated',
  'reserved',
] as const;

/** The sender or recipient of a TPDU. */
export interface Address {
  typeOfNumber: (typeof typesOfNumber)[number];
  /** Numbering plan identification, 0–15: 1 is E.164. */
  numberingPlan: number;
  /**
   * Digits, with `+` in front when international and `*`, `#`, `a`–`c` where sent; a text when
   * alphanumeric; may be empty.
   */
  value: string;
}

/** 9.1.2.3: what a semi-octet stands for; 1111 is the end mark of an odd number of digits. */
const semiOctetDigits = '0123456789*#abc';
const endMark = 0xf;

/**
 * An address field has at most 12 octets (9.1.2.5): length, type, and 10 with two semi-octets each.
 */
const maxSemiOctets = 20;

const international = 0x91;
const unknownType = 0x81;

/**
 * An address field: digits that start with `+` as international (0x91), others (short codes, with
 * `*`, `#`, `a`–`c`) as of unknown type (0x81), both in the E.164 plan.
 * @throws RangeError when it is no such number, or has more than 20 digits.
 */
export function encodeAddress(number: string): Uint8Array {
  if (!/^(?:\+[0-9]{1,20}|[0-9*#abc]{1,20})$/.test(number)) {
    throw new RangeError('a recipient is 1 to 20 digits, with + in front when international');
  }
  const digits = number.replace('+', '');
  const octets = new Uint8Array(2 + Math.ceil(digits.length / 2)).fill(0xff);
  octets[0] = digits.length;
  octets[1] = number.startsWith('+') ? international : unknownType;
  for (let i = 0; i < digits.length; i++) {
    const index = 2 + (i >> 1);
    const digit = semiOctetDigits.indexOf(digits[i]!);
    octets[index] =
      i % 2 === 0 ? (octets[index]! & 0xf0) | digit : (octets[index]! & 0x0f) | (digit << 4);
  }
  return octets;
}

/**
 * A service centre address (24.011 8.2.5.1), which stands before a TPDU on the AT interface (27.005
 * 3.1): its length counts octets. Digits with `+` are international, others of unknown type.
 * @throws RangeError when it is no such number, or has more than 20 digits.
 */
export function encodeServiceCentreAddress(number: string): Uint8Array {
  const address = encodeAddress(number);
  return Uint8Array.of(address.length - 1, ...address.subarray(1));
}

/**
 * Reads an address field, whose length counts useful semi-octets.
 * @throws TpduError when it is cut, longer than 20 semi-octets, or has an end mark between its
 *   digits.
 */
export function decodeAddress(reader: OctetReader, field: string): Address {
  const lengthOffset = reader.offset;
  const semiOctets = reader.octet(`${field}.length`);
  if (semiOctets > maxSemiOctets)
    throw new TpduError(`${field}.length`, lengthOffset, 'longer than 10 octets');
  const type = reader.octet(`${field}.type`);
  const digitsOffset = reader.offset;
  const octets = reader.take(Math.ceil(semiOctets / 2), `${field}.digits`);
  const typeOfNumber = typesOfNumber[(type >> 4) & 7]!;
  const numberingPlan = type & 0xf;
  if (typeOfNumber === 'alphanumeric') {
    // 7 characters are 49 bits, 13 semi-octets; the octets alone would make it 8, and the eighth an
    // @ nobody sent.
    const septets = unpackSeptets(octets, Math.floor((semiOctets * 4) / 7));
    return { typeOfNumber, numberingPlan, value: decodeSeptets(septets) };
  }
  const digits = decodeDigits(octets, semiOctets, `${field}.digits`, digitsOffset);
  return {
    typeOfNumber,
    numberingPlan,
    value: typeOfNumber === 'international' ? `+${digits}` : digits,
  };
}

/**
 * Reads a service centre address (24.011 8.2.5.1), whose length counts octets and may be 0.
 * @returns the number, with `+` when international; `undefined` when there is none.
 * @throws TpduError when it is cut, longer than 11 octets, or has an end mark between its digits.
 */
export function decodeServiceCentreAddress(reader: OctetReader): string | undefined {
  const length = reader.octet('SMSC.length');
  if (length > 1 + maxSemiOctets / 2)
    throw new TpduError('SMSC.length', 0, 'longer than 11 octets');
  if (length === 0) return undefined;
  const type = reader.octet('SMSC.type');
  const octets = reader.take(length - 1, 'SMSC.digits');
  const digits = decodeDigits(octets, octets.length * 2, 'SMSC.digits', 2);
  if (digits === '') return undefined;
  return typesOfNumber[(type >> 4) & 7] === 'international' ? `+${digits}` : digits;
}

/**
 * Semi-octets are swapped: the first digit is the low half (9.1.2.3). End marks are taken at the
 * end only.
 */
function decodeDigits(
  octets: Uint8Array,
  semiOctets: number,
  field: string,
  offset: number,
): string {
  let digits = '';
  let ended = false;
  for (let i = 0; i < semiOctets; i++) {
    const octet = octets[i >> 1]!;
    const semiOctet = i % 2 === 0 ? octet & 0xf : octet >> 4;
    if (semiOctet === endMark) ended = true;
    else if (ended) throw new TpduError(field, offset + (i >> 1), 'a digit after the end mark');
    else digits += semiOctetDigits[semiOctet]!;
  }
  return digits;
}
