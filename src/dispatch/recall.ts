/**
 * What became of a request that was asked for before, for when nothing new may be sent: the own
 * books, and with several boxes what they know together.
 */

import type { Policy } from '../policy/policy.js';
import type { Idempotency } from './idempotency.js';
import type { Message, Outcome, Recall } from './message.js';
import { outcomeNotAwaited } from './refusals.js';
import type { KeyedRequest } from './request-keys.js';
import type { SharedTruth } from './shared-truth.js';
import { replayOf } from './told-again.js';

export interface RecallOptions {
  idempotency: Pick<Idempotency, 'recognise' | 'recall'>;
  policy: Pick<Policy, 'subjectOf'>;
  shared: Pick<SharedTruth, 'claim'> | undefined;
}

/** Makes a {@link Recall}. */
export function createRecall({ idempotency, policy, shared }: RecallOptions): Recall {
  return async (message, control) => {
    const key = idempotency.recognise(message);
    if (key === undefined) return undefined;
    const own = idempotency.recall(key, control);
    if (own !== undefined || shared === undefined) return own;
    const outcome = await ofOtherBoxes(shared, policy, message, key, control.deadlineAt);
    return outcome && replayOf(outcome);
  };
}

/** @throws SendError `outcome_unknown` while another box has it under way */
async function ofOtherBoxes(
  shared: Pick<SharedTruth, 'claim'>,
  policy: Pick<Policy, 'subjectOf'>,
  message: Message,
  key: KeyedRequest,
  deadlineAt: number,
): Promise<Outcome | undefined> {
  const { id, caller } = message;
  const subject = policy.subjectOf(message);
  const asked = { id, caller, segments: 1, key, supersedeKey: '', subject };
  const claim = await shared.claim({ ...asked, cameAt: performance.now(), deadlineAt }, 'look');
  if (claim.kind === 'elsewhere') throw outcomeNotAwaited();
  return claim.kind === 'known' ? claim.outcome : undefined;
}
