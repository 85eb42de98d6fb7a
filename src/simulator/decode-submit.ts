import { counted } from '../words/counted.js';
import { septetsToText, unpackSeptets } from './alphabet.js';

/** An SMS-SUBMIT as a network reads it (3GPP TS 23.040 9.2.2.2). */
export interface DecodedSubmit {
  /** With `+` when the type of number is international. */
  recipient: string;
  statusReportRequested: boolean;
  protocolIdentifier: number;
  dataCodingScheme: number;
  /** TP-VP in hex as got. */
  validityPeriod: string | undefined;
  /** TP-UDH in hex with its length octet. */
  userDataHeader: string | undefined;
  concatenation: Concatenation | undefined;
  /** Undefined for 8-bit data and compressed text. */
  text: string | undefined;
}

/** Information elements 0x00 and 0x08 (23.040 9.2.3.24.1, .8). */
export interface Concatenation {
  reference: number;
  total: number;
  sequence: number;
}

/** The octets are no SMS-SUBMIT; the message says where and why. */
export class TpduMalformed extends Error {
  override readonly name = 'TpduMalformed';
}

/** Octets read in order; reading past the end is a malformed TPDU. */
class Octets {
  readonly #octets: Uint8Array;
  #at = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  take(count: number, what: string): Uint8Array {
    const taken = this.#octets.subarray(this.#at, this.#at + count);
    if (taken.length < count) throw new TpduMalformed(`cut short in ${what} at octet ${this.#at}`);
    this.#at += count;
    return taken;
  }

  octet(what: string): number {
    return this.take(1, what)[0] ?? 0;
  }

  get left(): number {
    return this.#octets.length - this.#at;
  }
}

const smsSubmit = 0b01;
const international = 0x10;
const alphanumeric = 0x50;
const maxUserDataOctets = 140;
/**
 * TP-VPF values 00, 01 (enhanced), 10 (relative), 11 (absolute): octets of TP-VP (23.040 9.2.3.3,
 * 9.2.3.12).
 */
const validityOctets = [0, 7, 1, 7];

/**
 * Decodes and checks an SMS-SUBMIT TPDU (no SMSC address before it). Throws {@link TpduMalformed}.
 */
export function decodeSubmit(tpdu: Uint8Array): DecodedSubmit {
  const octets = new Octets(tpdu);
  const first = octets.octet('the first octet');
  if ((first & 0b11) !== smsSubmit)
    throw new TpduMalformed(`TP-MTI ${first & 0b11} is not SMS-SUBMIT`);
  octets.octet('TP-MR');
  const recipient = takeAddress(octets);
  const protocolIdentifier = octets.octet('TP-PID');
  const dataCodingScheme = octets.octet('TP-DCS');
  const validity = octets.take(validityOctets[(first >> 3) & 0b11] ?? 0, 'TP-VP');
  const userData = takeUserData(octets, dataCodingScheme, (first & 0x40) !== 0);
  if (octets.left > 0) throw new TpduMalformed(`${counted(octets.left, 'octet')} behind TP-UD`);
  return {
    recipient,
    statusReportRequested: (first & 0x20) !== 0,
    protocolIdentifier,
    dataCodingScheme,
    validityPeriod: validity.length > 0 ? toHex(validity) : undefined,
    ...userData,
  };
}

/** Upper-case hex, as modems print it. */
export function toHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex').toUpperCase();
}

/** Octets of a hex string, or undefined when it is none. */
export function fromHex(hex: string): Uint8Array | undefined {
  return /^(?:[0-9a-fA-F]{2})*$/.test(hex) ? new Uint8Array(Buffer.from(hex, 'hex')) : undefined;
}

/** TP-DA (23.040 9.1.2.5): semi-octets swapped, filled with F. */
function takeAddress(octets: Octets): string {
  const digitCount = octets.octet('the length of TP-DA');
  if (digitCount > 20) throw new TpduMalformed(`TP-DA of ${digitCount} digits`);
  const type = octets.octet('the type of TP-DA');
  const value = octets.take(Math.ceil(digitCount / 2), 'TP-DA');
  if ((type & 0x70) === alphanumeric) {
    return septetsToText(unpackSeptets(value, Math.floor((digitCount * 4) / 7)));
  }
  const semiOctets = [...value].flatMap((octet) => [octet & 0x0f, octet >> 4]);
  const digits = semiOctets.slice(0, digitCount).map((digit) => '0123456789*#abc'.charAt(digit));
  if (digits.includes('')) throw new TpduMalformed('a filler inside TP-DA');
  return `${(type & 0x70) === international ? '+' : ''}${digits.join('')}`;
}

type Alphabet = 'gsm7' | 'octets' | 'ucs2' | 'compressed';

/**
 * Which alphabet a TP-DCS names (23.038 4). Reserved codings are read as the default alphabet, as
 * the clause says.
 */
function alphabetOf(dcs: number): Alphabet {
  if ((dcs & 0x80) === 0) {
    if ((dcs & 0x20) !== 0) return 'compressed';
    return (['gsm7', 'octets', 'ucs2', 'gsm7'] as const)[(dcs >> 2) & 0b11] ?? 'gsm7';
  }
  if ((dcs & 0xf0) === 0xe0) return 'ucs2';
  if ((dcs & 0xf0) === 0xf0) return (dcs & 0x04) !== 0 ? 'octets' : 'gsm7';
  return 'gsm7';
}

function takeUserData(
  octets: Octets,
  dcs: number,
  hasHeader: boolean,
): Pick<DecodedSubmit, 'userDataHeader' | 'concatenation' | 'text'> {
  const alphabet = alphabetOf(dcs);
  const length = octets.octet('TP-UDL');
  const octetCount = alphabet === 'gsm7' ? Math.ceil((length * 7) / 8) : length;
  if (octetCount > maxUserDataOctets)
    throw new TpduMalformed(`TP-UD of ${octetCount} octets, 140 is the most`);
  const userData = octets.take(octetCount, 'TP-UD');
  const headerOctets = hasHeader ? (userData[0] ?? -1) + 1 : 0;
  if (hasHeader && (headerOctets === 0 || headerOctets > userData.length)) {
    throw new TpduMalformed('TP-UDH is longer than TP-UD');
  }
  const header = userData.subarray(0, headerOctets);
  const body = userData.subarray(headerOctets);
  return {
    userDataHeader: hasHeader ? toHex(header) : undefined,
    concatenation: hasHeader ? findConcatenation(header) : undefined,
    text: readText(alphabet, body, length, headerOctets),
  };
}

function readText(
  alphabet: Alphabet,
  body: Uint8Array,
  length: number,
  headerOctets: number,
): string | undefined {
  if (alphabet === 'gsm7') {
    const headerSeptets = Math.ceil((headerOctets * 8) / 7);
    if (headerSeptets > length) throw new TpduMalformed('TP-UDL is shorter than TP-UDH');
    return septetsToText(
      unpackSeptets(body, length - headerSeptets, headerSeptets * 7 - headerOctets * 8),
    );
  }
  if (alphabet === 'ucs2') {
    if (body.length % 2 !== 0) throw new TpduMalformed('UCS-2 text of an odd number of octets');
    return Buffer.from(body)
      .swap16()
      .toString('utf16le')
      .replace(/\p{Surrogate}/gu, '\uFFFD');
  }
  return undefined;
}

/**
 * Walks every information element (23.040 9.2.3.24). Throws {@link TpduMalformed} when one runs
 * over the end.
 */
function findConcatenation(header: Uint8Array): Concatenation | undefined {
  const elements = new Octets(header.subarray(1));
  let found: Concatenation | undefined;
  while (elements.left > 0) {
    const identifier = elements.octet('an information element');
    const value = elements.take(elements.octet('an information element'), 'an information element');
    const numbers = [...value];
    if (identifier === 0x00 && value.length === 3) {
      const [reference = 0, total = 0, sequence = 0] = numbers;
      found = { reference, total, sequence };
    } else if (identifier === 0x08 && value.length === 4) {
      const [high = 0, low = 0, total = 0, sequence = 0] = numbers;
      found = { reference: high * 256 + low, total, sequence };
    }
  }
  return found;
}
