/** What comes in over the air, as modems hand it over or store it. */

import { type DeliveryState, deliveryState } from '../sms/delivery.js';
import { TpduError } from '../sms/errors.js';
import { decodeTpdu, splitSmsc, type Tpdu } from '../sms/tpdu.js';

/**
 * Something that came in over the air. Texts and alphanumeric senders are whoever's who sent them:
 * untrusted.
 */
export type InboundEvent =
  | {
      kind: 'sms';
      from: string;
      /** Undefined: it has no text, but data. */
      text: string | undefined;
      sentAt: string | undefined;
      /** Of a longer text. */
      part: { reference: number; total: number; index: number } | undefined;
      /** As the modem had it: two that differ are two messages. */
      pdu: string;
    }
  /**
   * A received message that is no whole TPDU; it was deleted. `octets` is its length, as the modem
   * gave it.
   */
  | { kind: 'unreadable'; octets: number }
  | {
      kind: 'status_report';
      /** As the report spells it. */
      recipient: string;
      /** TP-MR, 0–255. */
      reference: number;
      state: DeliveryState;
      /** TP-ST, 0–255. */
      status: number;
      /** TP-SCTS, when the network took the message; ISO 8601, undefined where it is no date. */
      takenAt: string | undefined;
      /** TP-DT, when it was delivered or last tried; the same. */
      at: string | undefined;
    };

/**
 * A PDU as modems hand it over (SMSC address and TPDU); undefined when it is neither SMS-DELIVER
 * nor SMS-STATUS-REPORT.
 */
export function readInbound(pdu: string): InboundEvent | undefined {
  let tpdu: Tpdu;
  try {
    tpdu = decodeTpdu(splitSmsc(pdu).tpdu, 'mobile-terminated');
  } catch (error) {
    if (error instanceof TpduError) return undefined;
    throw error;
  }
  if (tpdu.type === 'DELIVER') {
    const { originator, serviceCentreTimestamp: sentAt, userData } = tpdu;
    const text = 'text' in userData ? userData.text : undefined;
    const { concatenation } = userData;
    // Two texts may have one number in the two ways of counting (9.2.3.24.1, 9.2.3.24.8).
    const part = concatenation && {
      reference: concatenation.reference + (concatenation.referenceBits === 16 ? 1 << 16 : 0),
      total: concatenation.total,
      index: concatenation.index,
    };
    return { kind: 'sms', from: originator.value, text, sentAt, part, pdu };
  }
  if (tpdu.type !== 'STATUS-REPORT') return undefined;
  const { status } = tpdu;
  return {
    kind: 'status_report',
    recipient: tpdu.recipient.value,
    reference: tpdu.messageReference,
    state: deliveryState(status),
    status,
    takenAt: tpdu.serviceCentreTimestamp,
    at: tpdu.dischargeTime,
  };
}
