/**
 * The SMS codec: texts to TPDUs and back (3GPP TS 23.040 9.2, 23.038). This file is its entrance.
 * Knows nothing of: AT, modems and the tty.
 * Way: text → `segments` → SUBMIT for each; octets → DELIVER or STATUS-REPORT.
 */

import { encodeAddress } from './address.js';
import { toHex } from './octets.js';
import type { Alphabet } from './segments.js';
import { type Concatenation, encodeUserData } from './user-data.js';
import { encodeRelativeValidity } from './validity.js';

export {
  type DeliverTpdu,
  decodeTpdu,
  type StatusReportTpdu,
  splitSmsc,
  type Tpdu,
} from './decode.js';
export type { Concatenation } from './user-data.js';

/** One segment to be sent. */
export interface SubmitOptions {
  /**
   * `+` and digits (international), or the digits of a short code, with `*` and `#`; at most 20.
   */
  recipient: string;
  alphabet: Alphabet;
  /** The text of this segment. */
  text: string;
  /** Its place in the message, when there is more than one segment. */
  concatenation?: Concatenation;
  /**
   * Milliseconds for which the service centre shall try, above 0; rounded up to the next step of
   * the relative format (5 minutes to 63 weeks). Without it the service centre's own default holds,
   * which may be days.
   */
  validityMs?: number;
  /** Ask for a status report (TP-SRR). Default false. */
  statusReport?: boolean;
}

/**
 * Bits of the first octet of an SMS-SUBMIT (9.2.2.2). TP-RD stays 0: the modem sets TP-MR, so it
 * could not recognise a repeat.
 */
const submit = 0x01;
const relativeValidityPresent = 0x10;
const statusReportRequest = 0x20;
const userDataHeaderIndicator = 0x40;

/**
 * TP-MR is the modem's to set (27.005 3.5.1 returns it), TP-PID is a plain message between handsets
 * (9.2.3.9).
 */
const messageReference = 0x00;
const protocolIdentifier = 0x00;

/** TP-DCS: general group, no class, not compressed (23.038 4). */
const dataCoding: Record<Alphabet, number> = { gsm7: 0x00, ucs2: 0x08 };

/**
 * An SMS-SUBMIT (9.2.2.2) without service centre address.
 * @returns upper-case hexadecimal, and the octets of the TPDU: the `<length>` of `AT+CMGS` (27.005
 *   4.3).
 * @throws Unencodable when the alphabet lacks a character, or at a lone surrogate.
 * @throws RangeError when the recipient is no number, the text does not fit, or another value is
 *   out of its range.
 */
export function encodeSubmit(options: SubmitOptions): { hex: string; octets: number } {
  const { recipient, alphabet, text, concatenation, validityMs, statusReport } = options;
  const first =
    submit |
    (validityMs === undefined ? 0 : relativeValidityPresent) |
    (statusReport === true ? statusReportRequest : 0) |
    (concatenation === undefined ? 0 : userDataHeaderIndicator);
  const validityPeriod = validityMs === undefined ? [] : [encodeRelativeValidity(validityMs)];
  const tpdu = Uint8Array.of(
    first,
    messageReference,
    ...encodeAddress(recipient),
    protocolIdentifier,
    dataCoding[alphabet],
    ...validityPeriod,
    ...encodeUserData(alphabet, text, concatenation),
  );
  return { hex: toHex(tpdu), octets: tpdu.length };
}
