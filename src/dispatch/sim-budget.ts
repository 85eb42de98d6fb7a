/** The caps of the SIMs as the queue asks for them: by the SIM that is in the modem now. */

import { SendError } from '../errors.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { SmsModem } from '../modem/sms-modem.js';
import type { Caps, SimCaps } from '../policy/sim-caps.js';
import type { PendingMessage } from './pending.js';
import type { SimBudget } from './queue.js';

/** The ICCIDs that were read last, as long as the modems are there. */
const lastIccids = new WeakMap<SmsModem, string>();

/**
 * The ICCID of the SIM in this modem; while it cannot be read, the last one that was seen by this function. A modem that loses it now and
 * then still has the same SIM, whose caps must not begin anew.
 */
export function knownIccid(modem: SmsModem): string | undefined {
  const { iccid } = modem.snapshot();
  if (iccid !== undefined) lastIccids.set(modem, iccid);
  return iccid ?? lastIccids.get(modem);
}

/** What the SIM in this modem is counted by: its ICCID, so that its count goes with it to another modem; else the modem's name. */
export function simKey(modem: SmsModem, hmac: Hmac): string {
  const iccid = knownIccid(modem);
  return iccid === undefined ? `modem:${modem.name}` : hmac('sim', iccid);
}

/** @param capsOf the caps of a modem as configured now */
export function createSimBudget(simCaps: SimCaps, capsOf: (modem: string) => Caps, hmac: Hmac): SimBudget {
  return {
    refusal(modem: SmsModem, message: PendingMessage, segmentsBefore: number): SendError | undefined {
      const caps = capsOf(modem.name);
      if (Object.values(caps).every((cap) => cap === undefined)) return undefined;
      const segments = segmentsBefore + message.segments;
      const reached = simCaps.isReached(simKey(modem, hmac), caps, message.recipientHmac, segments);
      if (reached === undefined) return undefined;
      const { cap, retryAfterMs } = reached;
      const detail = `the SIM of modem ${modem.name} has sent all it may (${cap} of this modem in the configuration)`;
      return new SendError('sim_cap_reached', { detail, retryAfterMs });
    },
    take: (modem, { recipientHmac, segments }) => simCaps.take(simKey(modem, hmac), recipientHmac, segments),
  };
}
