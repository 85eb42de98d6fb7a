import { decodeSeptets, encodeSeptets, packSeptets, unpackSeptets } from '../sms/gsm7.js';

/**
 * How the text behind a data coding scheme is made (3GPP TS 23.038 clause 5; USSD uses the one of
 * cell broadcast).
 */
export type UssdAlphabet = 'gsm7' | 'ucs2' | '8bit';

/**
 * Reads `<dcs>` of `+CUSD`; modems that leave it out, and reserved ones, mean the default alphabet.
 */
export function ussdAlphabet(dcs = 0x0f): UssdAlphabet {
  if (dcs === ucs2WithLanguage) return 'ucs2';
  const group = dcs >> 4;
  const isGeneral = (group >= 0b0100 && group <= 0b0111) || group === 0b1001;
  if (isGeneral) return (['gsm7', '8bit', 'ucs2', 'gsm7'] as const)[(dcs >> 2) & 3]!;
  return group === 0b1111 && (dcs & 4) !== 0 ? '8bit' : 'gsm7';
}

/** UCS-2 that begins with two octets that name the language. */
const ucs2WithLanguage = 0x11;

/**
 * The text of a USSD answer. 27.007 7.15 wants UCS-2 as hexadecimal and the default alphabet in the
 * character set that `+CSCS` has chosen, but firmwares differ: Huawei's write packed septets as
 * hexadecimal, some write UCS-2 whatever the scheme says, some plain text. So the text itself has a
 * say. Each character of `raw` is an octet.
 */
export function decodeUssd(
  raw: string,
  dcs: number | undefined,
  characterSet: string | undefined,
): string {
  const octets = hexOctets(raw);
  if (octets === undefined) return plainText(raw, characterSet);
  const isPairs = octets.length % 2 === 0;
  const alphabet = ussdAlphabet(dcs);
  if (alphabet === 'ucs2')
    return isPairs ? fromUcs2(octets.subarray(dcs === ucs2WithLanguage ? 2 : 0)) : raw;
  if (isPairs && (characterSet === 'UCS2' || isAsciiInUcs2(raw))) return fromUcs2(octets);
  // A balance may be nothing but digits, and so look like hexadecimal, as may a short word.
  if (/^\d{1,15}$/.test(raw) || octets.length < 4) return raw;
  const candidates = [
    ...(isPairs ? [fromUcs2(octets)] : []),
    ...(alphabet === 'gsm7' ? [fromPacked(octets)] : []),
    octets.toString('latin1'),
  ];
  return candidates.find(isLikelyText) ?? raw;
}

const isAsciiInUcs2 = (hex: string) => /^(?:00(?:[2-7][0-9A-F]|0[AD]))+$/i.test(hex);

/** Undefined when it is no hexadecimal, and so plain text. */
function hexOctets(raw: string): Buffer | undefined {
  return /^(?:[0-9A-Fa-f]{2}){2,}$/.test(raw) ? Buffer.from(raw, 'hex') : undefined;
}

const fromUcs2 = (octets: Buffer): string => Buffer.from(octets).swap16().toString('utf16le');

/**
 * 23.038 6.1.2.3.1: a carriage return pads the last octet, where a septet of its own would else be
 * an `@`.
 */
function fromPacked(octets: Buffer): string {
  const septets = unpackSeptets(octets, Math.floor((octets.length * 8) / 7));
  const text = decodeSeptets(septets);
  const isPadded = octets.length % 7 === 0 && (text.endsWith('\r') || text.endsWith('@'));
  return isPadded ? text.slice(0, -1) : text;
}

/**
 * Under `GSM` the octets are septets as they are (27.007 5.5); of the other sets only UTF-8 differs
 * from what the reader gives.
 */
function plainText(raw: string, characterSet: string | undefined): string {
  const octets = Buffer.from(raw, 'latin1');
  if (characterSet === 'UTF-8') return octets.toString('utf8');
  const isSeptets = characterSet === 'GSM' && octets.every((octet) => octet < 0x80);
  return isSeptets ? decodeSeptets(octets) : raw;
}

const likelyCharacters =
  /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Arabic}\p{N} \n\r.,:;!?%*#+\-/()'"@€£$&=_]/gu;

/** Letters, digits and common marks, nearly all through. */
function isLikelyText(text: string): boolean {
  const unlikely = text.replace(likelyCharacters, '');
  return /\p{L}/u.test(text) && unlikely.length < text.length * 0.05;
}

/**
 * How a request may be written, best first. Huawei's firmwares want packed septets as hexadecimal,
 * newer ones plain text; under the character set UCS2 it is UCS-2.
 */
export function encodeUssd(
  code: string,
  characterSet: string | undefined,
  profile: string,
): string[] {
  if (profile === 'huawei') return [packed(code), code];
  if (characterSet === 'UCS2') return [ucs2(code), code];
  return [code];
}

const upperHex = (octets: Uint8Array) => Buffer.from(octets).toString('hex').toUpperCase();

function packed(code: string): string {
  const septets = [...encodeSeptets(code)];
  // 23.038 6.1.2.3.1: seven spare bits would read as an `@`, so a CR fills them; a CR that ends the
  // octets is doubled.
  if (septets.length % 8 === 7) septets.push(0x0d);
  return upperHex(packSeptets(Uint8Array.from(septets)));
}

const ucs2 = (code: string) => upperHex(Buffer.from(code, 'utf16le').swap16());
