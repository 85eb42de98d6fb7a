/** TP-Validity-Period (3GPP TS 23.040 9.2.3.12): how long the service centre keeps trying. */

import type { OctetReader } from './octets.js';
import { decimal, decodeTimestamp, timestampOctets } from './timestamp.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const weekMs = 7 * dayMs;

/** When the service centre shall give up. */
export type ValidityPeriod =
  /** Milliseconds from when the service centre received the message. */
  | { format: 'relative'; periodMs: number }
  /** ISO 8601, or `undefined` when the field holds no date. */
  | { format: 'absolute'; until: string | undefined }
  /** `periodMs` is `undefined` when none is said; `singleShot` asks for one attempt only. */
  | { format: 'enhanced'; periodMs: number | undefined; singleShot: boolean };

/**
 * The relative format (9.2.3.12.1), rounded up to the next step that it knows, so that a message
 * never dies before its time: 5 minutes at least, and 63 weeks at most.
 * @param periodMs - milliseconds, above 0.
 * @throws RangeError when it is not above 0.
 */
export function encodeRelativeValidity(periodMs: number): number {
  if (!(periodMs > 0)) throw new RangeError('a validity period is above 0 ms');
  if (periodMs <= 12 * hourMs) return Math.ceil(periodMs / (5 * minuteMs)) - 1;
  if (periodMs <= dayMs) return 143 + Math.ceil((periodMs - 12 * hourMs) / (30 * minuteMs));
  if (periodMs <= 30 * dayMs) return 166 + Math.ceil(periodMs / dayMs);
  return Math.min(255, 192 + Math.ceil(periodMs / weekMs));
}

/** Milliseconds of a relative validity period (9.2.3.12.1), 0–255. */
function decodeRelativeValidity(value: number): number {
  if (value <= 143) return (value + 1) * 5 * minuteMs;
  if (value <= 167) return 12 * hourMs + (value - 143) * 30 * minuteMs;
  if (value <= 196) return (value - 166) * dayMs;
  return (value - 192) * weekMs;
}

/**
 * Reads TP-VP.
 * @param format - TP-VPF, bits 4 and 3 of the first octet (9.2.3.3).
 * @throws TpduError when it is cut.
 */
export function decodeValidity(reader: OctetReader, format: number): ValidityPeriod | undefined {
  switch (format) {
    case 0b00:
      return undefined;
    case 0b10:
      return { format: 'relative', periodMs: decodeRelativeValidity(reader.octet('TP-VP')) };
    case 0b11:
      return { format: 'absolute', until: decodeTimestamp(reader.take(timestampOctets, 'TP-VP')) };
    default:
      return decodeEnhanced(reader.take(7, 'TP-VP'));
  }
}

/**
 * 9.2.3.12.3. Further functionality octets (bit 7) are reserved and unknown, so a period behind one
 * is not read.
 */
function decodeEnhanced(octets: Uint8Array): ValidityPeriod {
  const indicator = octets[0]!;
  const singleShot = (indicator & 0x40) !== 0;
  const extended = (indicator & 0x80) !== 0;
  const periodMs = extended ? undefined : enhancedPeriodMs(indicator & 7, octets.subarray(1));
  return { format: 'enhanced', periodMs, singleShot };
}

function enhancedPeriodMs(format: number, octets: Uint8Array): number | undefined {
  if (format === 1) return decodeRelativeValidity(octets[0]!);
  if (format === 2) return octets[0]! * 1000;
  if (format !== 3) return undefined;
  return decimal(octets[0]!) * hourMs + decimal(octets[1]!) * minuteMs + decimal(octets[2]!) * 1000;
}
