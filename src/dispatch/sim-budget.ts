/** The caps of the SIMs as the queue asks for them: by the SIM that is in the modem now. */

import { alertShareOf } from '../config/policy.js';
import { SendError } from '../errors.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { SmsModem } from '../modem/sms-modem.js';
import type { CapReached, Caps, Charge, SimCaps } from '../policy/sim-caps.js';
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

/** What SIMs have sent. */
export interface SimCounts {
  /** All of it. */
  simCaps: SimCaps;
  /** What of it alerts have used. */
  alertCaps: SimCaps;
}

/**
 * A login may use what a cap leaves. An alert may too, within its share of the cap, by what alerts
 * alone have used of it: logins always have the rest, and leave the alerts theirs. What the box
 * sends for its own SIM counts, and is kept by no share: it is one SMS now and then.
 * @param capsOf the caps of a modem as configured now
 * @param alertShare how much of them alerts may use, 0.01–1
 * @param onKept told of each message that a SIM sent, or may have; must not throw
 */
export function createSimBudget(
  { simCaps, alertCaps }: SimCounts,
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
      const caps = capsOf(modem.name);
      if (Object.values(caps).every((cap) => cap === undefined)) return undefined;
      const { recipientHmac } = message;
      const segments = segmentsBefore + message.segments;
      const sim = simKey(modem, hmac);
      const ofAll = simCaps.isReached(sim, caps, recipientHmac, segments);
      if (ofAll !== undefined) return refusalOf(modem, ofAll, '');
      if (!hasShare(message)) return undefined;
      const share = shareOf(caps, alertShare());
      const ofAlerts = alertCaps.isReached(sim, share, recipientHmac, segments);
      return ofAlerts && refusalOf(modem, ofAlerts, 'policy.alert_share of ');
    },
    take(modem, message) {
      const { recipientHmac, segments } = message;
      const sim = simKey(modem, hmac);
      const charges = [
        simCaps.take(sim, recipientHmac, segments),
        ...(hasShare(message) ? [alertCaps.take(sim, recipientHmac, segments)] : []),
      ];
      return {
        keep() {
          for (const charge of charges) charge.keep();
          onKept({ sim, messageId: message.message.id, recipientHmac, segments });
        },
        giveBack() {
          for (const charge of charges) charge.giveBack();
        },
      };
    },
  };
}

/** Of the caps, as alerts have; what the box sends for its own SIM has none. */
const hasShare = ({ message: { isAlert, isOwn } }: PendingMessage): boolean =>
  isAlert === true && isOwn !== true;

function refusalOf(
  { name }: SmsModem,
  { cap, retryAfterMs }: CapReached,
  share: string,
): SendError {
  const detail = `the SIM of modem ${name} has sent all it may (${share}${cap} of this modem in the configuration)`;
  return new SendError('sim_cap_reached', { detail, retryAfterMs });
}

function shareOf({ perDay, perMonth, recipientsPerMonth }: Caps, share: number): Caps {
  const part = (cap: number | undefined) => (cap === undefined ? cap : alertShareOf(cap, share));
  return {
    perDay: part(perDay),
    perMonth: part(perMonth),
    recipientsPerMonth: part(recipientsPerMonth),
  };
}
