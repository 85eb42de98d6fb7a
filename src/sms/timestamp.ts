/**
 * TP-SCTS, TP-DT and the absolute TP-VP (3GPP TS 23.040 9.2.3.11, 9.2.3.13, 9.2.3.12.2): seven
 * octets, one format.
 */

/** Octets of a time stamp. */
export const timestampOctets = 7;

/**
 * The time stamp as ISO 8601 with the offset it was sent with, as `2024-02-29T12:34:56+05:30`. The
 * two-digit year is of this century. A semi-octet that is no digit counts as 0 (9.2.3.11).
 * @param octets - the seven octets of the field.
 * @returns `undefined` when they hold no date of the calendar: networks do send blank ones, and the
 *   rest of the TPDU stands.
 */
export function decodeTimestamp(octets: Uint8Array): string | undefined {
  const [year, month, day, hour, minute, second] = Array.from(octets.subarray(0, 6), decimal);
  const zone = octets[6]!;
  const fullYear = 2000 + year!;
  const daysInMonth = new Date(Date.UTC(fullYear, month!, 0)).getUTCDate();
  const isDate = month! >= 1 && month! <= 12 && day! >= 1 && day! <= daysInMonth;
  if (!isDate || hour! > 23 || minute! > 59 || second! > 59) return undefined;
  const date = [fullYear, twoDigits(month!), twoDigits(day!)].join('-');
  const time = [hour!, minute!, second!].map(twoDigits).join(':');
  return `${date}T${time}${offset(zone)}`;
}

/** Quarters of an hour east of UTC as swapped digits, whose sign is bit 3 (set: west). */
function offset(zone: number): string {
  const quarters = decimal(zone & ~0x08);
  // ISO 8601 has no negative zero.
  const sign = (zone & 0x08) !== 0 && quarters > 0 ? '-' : '+';
  return `${sign}${twoDigits(Math.floor(quarters / 4))}:${twoDigits((quarters % 4) * 15)}`;
}

/** Two decimal digits of one octet: the low half is the tens. */
export function decimal(octet: number): number {
  return digit(octet & 0xf) * 10 + digit(octet >> 4);
}

function digit(semiOctet: number): number {
  return semiOctet > 9 ? 0 : semiOctet;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
