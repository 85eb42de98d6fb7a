/** An alert as an SMS, through the box's own modems. It cannot tell that they are dead. */

import { SendError } from '../errors.js';
import { maskNumber } from '../number/mask.js';
import { NotTaken } from '../outgoing/call.js';
import { cutToGsm7 } from '../sms/plain-text.js';
import { wordingOf } from './notice.js';
import type { AlertWay } from './way.js';

/** Sends one text, as an alert: behind all logins, and under the limits that alerts have. */
export type SendAlert = (
  recipient: string,
  text: string,
  id: string,
  signal: AbortSignal,
) => Promise<void>;

export interface SmsWayOptions {
  name: string;
  recipient: string;
  onlySevere: boolean;
  box: () => string;
  /** That any message may have. */
  maxSegments: () => number;
  /** Rejects with `SendError`. */
  send: SendAlert;
}

/** Segments: what is longer is cut, for each costs like an SMS. */
const mostSegments = 2;

export function smsWay(options: SmsWayOptions): AlertWay {
  const { name, recipient, onlySevere, box, maxSegments, send } = options;
  return {
    name,
    kind: 'sms',
    settings: { recipient, onlySevere },
    onlySevere,
    async deliver(notice, signal) {
      const text = cutToGsm7(wordingOf(notice, box()).short, Math.min(mostSegments, maxSegments()));
      try {
        await send(recipient, text, notice.id, signal);
      } catch (error) {
        if (!(error instanceof SendError)) throw error;
        // It may have gone out: a second one could be one too many, and costs.
        if (error.submitted !== 'no') return;
        const { code, detail, retryAfterMs } = error;
        throw new NotTaken(
          `the SMS to ${maskNumber(recipient)} was not sent: ${code}${detail === undefined ? '' : ` (${detail})`}`,
          { retryAfterMs },
        );
      }
    },
  };
}
