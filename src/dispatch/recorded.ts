/** What a row of the journal says of a message, in the words of dispatch. */

import { isSendErrorCode, SendError } from '../errors.js';
import type { RecentMessage } from '../journal/entries.js';
import type { Outcome } from './message.js';

/** The newest that is known; of a message that is still open, nothing is. */
export function outcomeOf({ id, segments, modem = '', outcome, late }: RecentMessage): Outcome {
  const last = late ?? outcome;
  if (last === undefined)
    return { error: new SendError('outcome_unknown', { submitted: 'unknown', detail }) };
  const { submitted, references = [], causeCode } = last;
  if (submitted === 'yes') {
    const { waitedMs = 0, tookMs = 0 } = outcome ?? {};
    return { result: { id, segments, modem, references: [...references], waitedMs, tookMs } };
  }
  const code = isSendErrorCode(last.code) ? last.code : 'internal';
  const options = { submitted, detail, ...(causeCode !== undefined && { causeCode }) };
  return { error: new SendError(code, options) };
}

const detail =
  'this is what became of the message that was sent with this Idempotency-Key before the gateway was restarted';
