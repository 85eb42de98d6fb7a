/** The caps of the SIMs as the queue asks for them: by the SIM that is in the modem now. */

import { alertShareOf } from '../config/policy.js';
import { SendError } from '../errors.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { SmsModem } from '../modem/sms-modem.js';
import type { Caps, Charge, SimCaps } from '../policy/sim-caps.js';
import type { PendingMessage } from './pending.js';
import { simKey } from './sim-key.js';

/** What the SIMs may still send. Segments are counted, as carriers do. */
export interface SimBudget {
  /**
   * Why this SIM may not take the message behind `segmentsBefore` others; undefined when it may.
   */
  refusal(modem: SmsModem, message: PendingMessage, segmentsBefore: number): SendError | undefined;
  /** Counts the message. */
  take(modem: SmsModem, message: PendingMessage): Charge;
}

/** A message that counts for a SIM. */
export interface KeptCharge {
  /** As `simKey` names it. */
  sim: string;
  messageId: string;
  recipientHmac: string;
  segments: number;
}

/**
 * @param capsOf the caps of a modem as configured now
 * @param alertShare how much of them alerts may use, 0.01–1
 * @param onKept told of each message that a SIM sent, or may have; must not throw
 */
export function createSimBudget(
  simCaps: SimCaps,
  capsOf: (modem: string) => Caps,
  alertShare: () => number,
  hmac: Hmac,
  onKept: (kept: KeptCharge) => void = () => undefined,
): SimBudget {
  return {
    refusal(
      modem: SmsModem,
      message: PendingMessage,
      segmentsBefore: number,
    ): SendError | undefined {
      const own = capsOf(modem.name);
      const caps = message.message.isAlert ? shareOf(own, alertShare()) : own;
      if (Object.values(caps).every((cap) => cap === undefined)) return undefined;
      const segments = segmentsBefore + message.segments;
      const reached = simCaps.isReached(simKey(modem, hmac), caps, message.recipientHmac, segments);
      if (reached === undefined) return undefined;
      const { cap, retryAfterMs } = reached;
      const share = message.message.isAlert === true ? 'policy.alert_share of ' : '';
      const detail = `the SIM of modem ${modem.name} has sent all it may (${share}${cap} of this modem in the configuration)`;
      return new SendError('sim_cap_reached', { detail, retryAfterMs });
    },
    take(modem, { message: { id: messageId }, recipientHmac, segments }) {
      const sim = simKey(modem, hmac);
      const charge = simCaps.take(sim, recipientHmac, segments);
      return {
        ...charge,
        keep() {
          charge.keep();
          onKept({ sim, messageId, recipientHmac, segments });
        },
      };
    },
  };
}

function shareOf({ perDay, perMonth, recipientsPerMonth }: Caps, share: number): Caps {
  const part = (cap: number | undefined) => (cap === undefined ? cap : alertShareOf(cap, share));
  return {
    perDay: part(perDay),
    perMonth: part(perMonth),
    recipientsPerMonth: part(recipientsPerMonth),
  };
}
