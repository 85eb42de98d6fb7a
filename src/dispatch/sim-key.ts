/** Which SIM is meant: what caps, journal and suspicion count it by. */

import type { Hmac } from '../journal/hmac-key.js';
import type { SmsModem } from '../modem/sms-modem.js';

/** The ICCIDs that were read last, as long as the modems are there. */
const lastIccids = new WeakMap<SmsModem, string>();

/**
 * The ICCID of the SIM in this modem; while it cannot be read, the last one that was seen by this
 * function. A modem that loses it now and then still has the same SIM, whose caps must not begin
 * anew.
 */
export function knownIccid(modem: SmsModem): string | undefined {
  const { iccid } = modem.snapshot();
  if (iccid !== undefined) lastIccids.set(modem, iccid);
  return iccid ?? lastIccids.get(modem);
}

/**
 * What the SIM in this modem is counted by: its ICCID, so that its count goes with it to another
 * modem; else the modem's name.
 */
export function simKey(modem: SmsModem, hmac: Hmac): string {
  const iccid = knownIccid(modem);
  return iccid === undefined ? `modem:${modem.name}` : iccidHmac(modem, iccid, hmac);
}

/** The last one of each modem: it is asked for several times a message. */
const lastHmacs = new WeakMap<SmsModem, { iccid: string; hmac: Hmac; value: string }>();

/** Keyed HMAC of the ICCID of the SIM in this modem. */
export function iccidHmac(modem: SmsModem, iccid: string, hmac: Hmac): string {
  const last = lastHmacs.get(modem);
  if (last?.iccid === iccid && last.hmac === hmac) return last.value;
  const value = hmac('sim', iccid);
  lastHmacs.set(modem, { iccid, hmac, value });
  return value;
}
