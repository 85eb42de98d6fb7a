import { packSeptets, textToSeptets } from './alphabet.js';
import type { Stamping } from './report-habits.js';

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

/** A part of a longer text (23.040 9.2.3.24.1); `reference` is 0–255. */
export interface PartOfText {
  reference: number;
  total: number;
  /** From 1. */
  sequence: number;
}

/** Septets that 140 octets of user data hold, alone and behind a header of six octets. */
const septetsOf = { one: 160, part: 153 } as const;
/** UCS-2 units, the same. */
const unitsOf = { one: 70, part: 67 } as const;

/** A long text in parts, each as full as can be; no part ends within a pair. */
export function partsOf(text: string): string[] {
  const cost = textToSeptets(text) === undefined ? (c: string) => c.length : septetCost;
  const most = textToSeptets(text) === undefined ? unitsOf : septetsOf;
  const characters = Array.from(text);
  const costOf = (some: readonly string[]) => some.reduce((sum, each) => sum + cost(each), 0);
  if (costOf(characters) <= most.one) return [text];
  const parts = [''];
  let used = 0;
  for (const character of characters) {
    if (used + cost(character) > most.part) {
      parts.push('');
      used = 0;
    }
    parts[parts.length - 1] += character;
    used += cost(character);
  }
  return parts;
}

const septetCost = (character: string): number => textToSeptets(character)?.length ?? 1;

/**
 * TP-DCS, TP-UDL and TP-UD of a text of one segment, cut where it is longer: the default alphabet
 * where `whole`, of which it is a part, fits it, else UCS-2.
 */
function encodeUserData(
  text: string,
  whole: string,
  header: readonly number[],
): { dcs: number; lengthAndData: number[] } {
  const septets = textToSeptets(whole) === undefined ? undefined : textToSeptets(text);
  if (septets !== undefined) {
    const headerSeptets = Math.ceil((header.length * 8) / 7);
    const kept = septets.slice(0, 160 - headerSeptets);
    const data = packSeptets(kept, headerSeptets * 7 - header.length * 8);
    return { dcs: 0x00, lengthAndData: [headerSeptets + kept.length, ...header, ...data] };
  }
  const octets = Buffer.from(text.slice(0, 70), 'utf16le').swap16();
  return { dcs: 0x08, lengthAndData: [header.length + octets.length, ...header, ...octets] };
}

/** SMS-DELIVER (23.040 9.2.2.1), whole or a `part` of `whole`; a text too long for it is cut. */
export function encodeDeliver(
  from: string,
  text: string,
  now: Date,
  part?: PartOfText,
  whole = text,
): Uint8Array {
  const header =
    part === undefined ? [] : [0x05, 0x00, 0x03, part.reference, part.total, part.sequence];
  const { dcs, lengthAndData } = encodeUserData(text, whole, header);
  return Uint8Array.from([
    part === undefined ? 0x04 : 0x44,
    ...encodeAddress(from),
    0x00,
    dcs,
    ...serviceCentreTimeStamp(now),
    ...lengthAndData,
  ]);
}

/** What an SMS-STATUS-REPORT says. */
export interface ReportFields {
  mr: number;
  recipient: string;
  /** TP-ST. */
  status: number;
  /** When the network took the message. */
  acceptedAt: Date;
  /** When it was delivered, or last tried. */
  dischargedAt: Date;
  stamping: Stamping;
}

/** SMS-STATUS-REPORT (23.040 9.2.2.3) with the mandatory fields only. */
export function encodeStatusReport(fields: ReportFields): Uint8Array {
  const { mr, recipient, status, acceptedAt, dischargedAt, stamping } = fields;
  return Uint8Array.from([
    0x06,
    mr,
    ...encodeAddress(recipient),
    ...stampedAs(acceptedAt, stamping),
    ...stampedAs(dischargedAt, stamping),
    status,
  ]);
}

/** Milliseconds by which a service centre is off that takes its local time for UTC: +03:30. */
const zonelessMs = 12_600_000;

function stampedAs(date: Date, stamping: Stamping): number[] {
  if (stamping === 'blank') return Array<number>(7).fill(0);
  const offMs = stamping === 'zoneless' ? zonelessMs : 0;
  return serviceCentreTimeStamp(new Date(date.getTime() + offMs));
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
