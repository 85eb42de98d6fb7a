/**
 * TP-UDL and TP-UD: the text or octets of a TPDU, and the header before them (3GPP TS 23.040
 * 9.2.3.16 and 9.2.3.24).
 */

import type { DataCoding } from './data-coding.js';
import { TpduError } from './errors.js';
import { decodeSeptets, encodeSeptets, packSeptets, unpackSeptets } from './gsm7.js';
import type { OctetReader } from './octets.js';
import type { Alphabet } from './segments.js';
import { decodeUcs2, encodeUcs2 } from './ucs2.js';

/** Octets of user data in one TPDU, header included (9.2.3.16). */
const maxUserDataOctets = 140;

/** 9.2.3.24: information element identifiers that simgate knows. */
const concatenation8Bit = 0x00;
const concatenation16Bit = 0x08;
const nationalSingleShift = 0x24;
const nationalLockingShift = 0x25;

/** The place of a segment in its message (9.2.3.24.1, 9.2.3.24.8). */
export interface Concatenation {
  /** The same in all segments of a message: 0–255 or 0–65,535. */
  reference: number;
  referenceBits: 8 | 16;
  /** 1–255. */
  total: number;
  /** 1–`total`. */
  index: number;
}

/** One element of the user data header as it came. */
export interface InformationElement {
  identifier: number;
  octets: Uint8Array;
}

interface Header {
  /** In the order they came; empty when there is no header, or one that must be ignored. */
  informationElements: InformationElement[];
  concatenation: Concatenation | undefined;
  /**
   * National language (23.038 6.2.1.2.4) of the shift tables that the sender used, by 0x24 and
   * 0x25. Those tables are not known here: `text` is in the default tables, and some of its letters
   * are not those that were meant.
   */
  nationalShift: { single: number | undefined; locking: number | undefined } | undefined;
}

/**
 * What a TPDU carries. `ucs2` text is as it came: a sender that cut a surrogate pair leaves a lone
 * half here.
 */
export type UserData = Header &
  ({ alphabet: Alphabet; text: string } | { alphabet: '8bit'; octets: Uint8Array });

const noHeader: Header = {
  informationElements: [],
  concatenation: undefined,
  nationalShift: undefined,
};

/**
 * TP-UDL and TP-UD of one segment.
 * @throws Unencodable when the alphabet lacks a character, or at a lone surrogate.
 * @throws RangeError when it does not fit into 140 octets, or `concatenation` is out of range.
 */
export function encodeUserData(
  alphabet: Alphabet,
  text: string,
  concatenation?: Concatenation,
): Uint8Array {
  const header =
    concatenation === undefined ? new Uint8Array() : encodeConcatenation(concatenation);
  const { headerSeptets, fillBits } = septetBoundary(header.length);
  let body: Uint8Array;
  let length: number;
  if (alphabet === 'gsm7') {
    const septets = encodeSeptets(text);
    body = packSeptets(septets, fillBits);
    length = headerSeptets + septets.length;
  } else {
    body = encodeUcs2(text);
    length = header.length + body.length;
  }
  if (header.length + body.length > maxUserDataOctets) {
    throw new RangeError(
      `a segment of ${header.length + body.length} octets; ${maxUserDataOctets} fit`,
    );
  }
  return Uint8Array.of(length, ...header, ...body);
}

/**
 * Reads TP-UDL and TP-UD.
 * @param headerIndicated - TP-UDHI.
 * @throws TpduError when the data is cut, longer than 140 octets, or shorter than its header.
 */
export function decodeUserData(
  reader: OctetReader,
  coding: DataCoding,
  headerIndicated: boolean,
): UserData {
  const lengthOffset = reader.offset;
  const length = reader.octet('TP-UDL');
  const { alphabet } = coding;
  const octetCount = alphabet === 'gsm7' ? Math.ceil((length * 7) / 8) : length;
  if (octetCount > maxUserDataOctets)
    throw new TpduError('TP-UDL', lengthOffset, 'longer than 140 octets');
  const start = reader.offset;
  const octets = reader.take(octetCount, 'TP-UD');
  const headerOctets = headerIndicated ? 1 + (octets[0] ?? 0) : 0;
  const { headerSeptets, fillBits } = septetBoundary(headerOctets);
  if (headerOctets > octets.length || (alphabet === 'gsm7' && headerSeptets > length)) {
    throw new TpduError('TP-UD.UDHL', start, 'the header is longer than the user data');
  }
  const header = headerIndicated ? readHeader(octets.subarray(1, headerOctets)) : noHeader;
  const body = octets.subarray(headerOctets);
  switch (alphabet) {
    case 'gsm7': {
      const septets = unpackSeptets(body, length - headerSeptets, fillBits);
      return { ...header, alphabet, text: decodeSeptets(septets) };
    }
    case 'ucs2':
      // Some gateways cut a text in the middle of a unit: the half is no character, the rest is a
      // text.
      return {
        ...header,
        nationalShift: undefined,
        alphabet,
        text: decodeUcs2(body.subarray(0, body.length & ~1)),
      };
    case '8bit':
      return { ...header, nationalShift: undefined, alphabet, octets: body.slice() };
  }
}

/**
 * Behind a header, septets start at the next septet boundary counted from the start of the user
 * data (9.2.3.24).
 */
function septetBoundary(headerOctets: number): { headerSeptets: number; fillBits: number } {
  const headerSeptets = Math.ceil((headerOctets * 8) / 7);
  return { headerSeptets, fillBits: headerSeptets * 7 - headerOctets * 8 };
}

function encodeConcatenation({
  reference,
  referenceBits,
  total,
  index,
}: Concatenation): Uint8Array {
  const inRange =
    isInteger(reference, 0, 2 ** referenceBits - 1) &&
    isInteger(total, 1, 255) &&
    isInteger(index, 1, total);
  if (!inRange) throw new RangeError('concatenation out of range');
  return referenceBits === 8
    ? Uint8Array.of(5, concatenation8Bit, 3, reference, total, index)
    : Uint8Array.of(6, concatenation16Bit, 4, reference >> 8, reference & 0xff, total, index);
}

/**
 * Walks the information elements, in whatever order they come. 9.2.3.24: when their lengths do not
 * add up to the header's, the whole header is ignored; of those that may not be repeated, or
 * exclude each other, the last one counts.
 */
function readHeader(octets: Uint8Array): Header {
  const header = { ...noHeader, informationElements: [] as InformationElement[] };
  for (let at = 0; at < octets.length; ) {
    const identifier = octets[at]!;
    const end = at + 2 + (octets[at + 1] ?? Number.POSITIVE_INFINITY);
    if (end > octets.length) return noHeader;
    const element = { identifier, octets: octets.slice(at + 2, end) };
    header.informationElements.push(element);
    header.concatenation = readConcatenation(element) ?? header.concatenation;
    header.nationalShift = readNationalShift(element, header.nationalShift);
    at = end;
  }
  return header;
}

/**
 * 9.2.3.24.1: an element of another length, a total of 0, or an index of 0 or beyond the total is
 * to be ignored.
 */
function readConcatenation({ identifier, octets }: InformationElement): Concatenation | undefined {
  const referenceOctets = identifier === concatenation8Bit ? 1 : 2;
  const isConcatenation = identifier === concatenation8Bit || identifier === concatenation16Bit;
  if (!isConcatenation || octets.length !== referenceOctets + 2) return undefined;
  const total = octets[referenceOctets]!;
  const index = octets[referenceOctets + 1]!;
  if (index < 1 || index > total) return undefined;
  const reference = referenceOctets === 1 ? octets[0]! : (octets[0]! << 8) | octets[1]!;
  return { reference, referenceBits: referenceOctets === 1 ? 8 : 16, total, index };
}

/** 9.2.3.24.15 and 9.2.3.24.16: one octet, the language. */
function readNationalShift(
  { identifier, octets }: InformationElement,
  before: Header['nationalShift'],
): Header['nationalShift'] {
  if (octets.length !== 1) return before;
  if (identifier === nationalSingleShift) return { single: octets[0], locking: before?.locking };
  if (identifier === nationalLockingShift) return { single: before?.single, locking: octets[0] };
  return before;
}

function isInteger(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
