import { packSeptets, septetsToText, textToSeptets } from './alphabet.js';
import { fromHex } from './decode-submit.js';

/** `+CSCS` character sets (3GPP TS 27.007 5.5) that the modem knows. */
export const characterSets = ['GSM', 'IRA', 'UCS2', 'HEX', '8859-1', 'UTF-8'] as const;

/** A time as text mode shows it: `yy/MM/dd,hh:mm:ss±zz` (27.005 3.1), zone +00. */
export function stampText(at: Date): string {
  return `${at.toISOString().slice(2, 19).replace(/-/g, '/').replace('T', ',')}+00`;
}

/** `text` in a `+CSCS` character set, as a latin1 string of the bytes on the wire. */
export function encodeText(text: string, characterSet: string): string {
  switch (characterSet) {
    case 'UCS2':
      return Buffer.from(text, 'utf16le').swap16().toString('hex').toUpperCase();
    case 'UTF-8':
      return Buffer.from(text, 'utf8').toString('latin1');
    case '8859-1':
      return text.replace(/[^\0-\xff]/g, '?');
    case 'IRA':
      return text.replace(/[^\0-\x7f]/g, '?');
    default: {
      const septets = textToSeptets(replaceUnknown(text));
      const octets = Buffer.from(septets ?? []);
      return characterSet === 'HEX'
        ? octets.toString('hex').toUpperCase()
        : octets.toString('latin1');
    }
  }
}

/** What the GSM alphabet lacks becomes a question mark, as modems do. */
function replaceUnknown(text: string): string {
  return text.replace(/./gsu, (character) =>
    textToSeptets(character) === undefined ? '?' : character,
  );
}

/**
 * What the bytes typed behind a prompt, or between quotes, say in a `+CSCS` character set.
 * Undefined for bad hex.
 */
export function decodeText(bytes: string, characterSet: string): string | undefined {
  switch (characterSet) {
    case 'UCS2': {
      const octets = fromHex(bytes);
      if (octets === undefined || octets.length % 2 !== 0) return undefined;
      return Buffer.from(octets).swap16().toString('utf16le');
    }
    case 'HEX': {
      const septets = fromHex(bytes);
      return septets === undefined ? undefined : septetsToText([...septets]);
    }
    case 'UTF-8':
      return Buffer.from(bytes, 'latin1').toString('utf8');
    case 'IRA':
    case '8859-1':
      return bytes;
    default:
      return septetsToText([...Buffer.from(bytes, 'latin1')].map((octet) => octet & 0x7f));
  }
}

/**
 * TP-UDL and TP-UD of `text` for a TP-DCS of `+CSMP`; undefined when it does not fit into one
 * segment.
 */
export function textUserData(text: string, dcs: number): number[] | undefined {
  if ((dcs & 0x0c) === 0x08) {
    const octets = Buffer.from(text, 'utf16le').swap16();
    return octets.length > 140 ? undefined : [octets.length, ...octets];
  }
  const septets = textToSeptets(replaceUnknown(text));
  if (septets === undefined || septets.length > 160) return undefined;
  return [septets.length, ...packSeptets(septets)];
}
