import { packSeptets, textToSeptets } from './alphabet.js';

/**
 * A type-of-address octet and the digits behind it (3GPP TS 23.040 9.1.2.5): length in digits,
 * type, semi-octets.
 */
export function encodeAddress(number: string): number[] {
  const isInternational = number.startsWith('+');
  const digits = isInternational ? number.slice(1) : number;
  if (!/^\d{1,20}$/.test(digits)) {
    const septets = (textToSeptets(number) ?? []).slice(0, 11);
    return [Math.ceil((septets.length * 7) / 4), 0xd0, ...packSeptets(septets)];
  }
  return [digits.length, isInternational ? 0x91 : 0x81, ...swappedDigits(digits)];
}

function swappedDigits(digits: string): number[] {
  return (digits.length % 2 === 0 ? digits : `${digits}F`)
    .match(/../g)!
    .map((pair) => Number.parseInt(`${pair.charAt(1)}${pair.charAt(0)}`, 16));
}

/**
 * The SMSC address field that stands before a TPDU on the AT interface (27.005 3.1): length in
 * octets, type, digits; a 0 when it is empty.
 */
export function encodeServiceCentre(number: string): number[] {
  if (number === '') return [0];
  const address = encodeAddress(number);
  return [address.length - 1, ...address.slice(1)];
}

/** TP-SCTS (23.040 9.2.3.11) of now, zone +00. */
function serviceCentreTimeStamp(now: Date): number[] {
  const parts = [
    now.getUTCFullYear() % 100,
    now.getUTCMonth() + 1,
    now.getUTCDate(),
    now.getUTCHours(),
    now.getUTCMinutes(),
    now.getUTCSeconds(),
    0,
  ];
  return parts.map((part) => (part % 10) * 16 + Math.floor(part / 10));
}

/**
 * TP-DCS, TP-UDL and TP-UD of a text of one segment: the default alphabet where it fits, else
 * UCS-2.
 */
function encodeUserData(text: string): { dcs: number; lengthAndData: number[] } {
  const septets = textToSeptets(text);
  if (septets !== undefined) {
    const kept = septets.slice(0, 160);
    return { dcs: 0x00, lengthAndData: [kept.length, ...packSeptets(kept)] };
  }
  const octets = Buffer.from(text.slice(0, 70), 'utf16le').swap16();
  return { dcs: 0x08, lengthAndData: [octets.length, ...octets] };
}

/** SMS-DELIVER (23.040 9.2.2.1); a text too long for one segment is cut. */
export function encodeDeliver(from: string, text: string, now: Date): Uint8Array {
  const { dcs, lengthAndData } = encodeUserData(text);
  return Uint8Array.from([
    0x04,
    ...encodeAddress(from),
    0x00,
    dcs,
    ...serviceCentreTimeStamp(now),
    ...lengthAndData,
  ]);
}

/** SMS-STATUS-REPORT (23.040 9.2.2.3) with the mandatory fields only. `status` is TP-ST. */
export function encodeStatusReport(
  mr: number,
  recipient: string,
  status: number,
  now: Date,
): Uint8Array {
  const stamp = serviceCentreTimeStamp(now);
  return Uint8Array.from([0x06, mr, ...encodeAddress(recipient), ...stamp, ...stamp, status]);
}

/**
 * What a text-mode AT+CMGS makes of its parts (27.005 3.1, `+CSMP`). `vp` is used when `firstOctet`
 * says relative.
 */
export function encodeTextSubmit(parts: {
  firstOctet: number;
  recipient: string;
  pid: number;
  dcs: number;
  vp: number;
  /** TP-UDL, then TP-UD. */
  lengthAndData: readonly number[];
}): Uint8Array {
  const withoutLongValidity = parts.firstOctet & ~0x08;
  const validity = (withoutLongValidity & 0x10) !== 0 ? [parts.vp] : [];
  return Uint8Array.from([
    withoutLongValidity,
    0x00,
    ...encodeAddress(parts.recipient),
    parts.pid,
    parts.dcs,
    ...validity,
    ...parts.lengthAndData,
  ]);
}
