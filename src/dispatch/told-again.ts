/** What became of a message, as it is remembered, and told to who asks for it again. */

import { SendError, type SendErrorCode, type Submitted } from '../errors.js';
import type { Outcome, SendResult } from './message.js';
import { mayBeTriedAgain } from './refusals.js';

/** An {@link Outcome} without the stacks of its errors: there may be many. */
export type KeptOutcome =
  | { result: SendResult }
  | { failure: { code: SendErrorCode; submitted: Submitted; detail?: string; causeCode?: string } };

export const mayTryAgain = (outcome: KeptOutcome): boolean =>
  'failure' in outcome && mayBeTriedAgain(outcome.failure);

export function toKept(outcome: Outcome): KeptOutcome {
  if ('result' in outcome) return outcome;
  const { code, submitted, detail, causeCode } = outcome.error;
  return {
    failure: { code, submitted, ...(detail && { detail }), ...(causeCode && { causeCode }) },
  };
}

/** What became of a message, for who asks for it again. */
export function replayOf(outcome: Outcome): SendResult {
  if ('error' in outcome) throw withRow(outcome.error);
  return asReplay(outcome.result);
}

/** The message has its row, by its first request. */
export function withRow(error: SendError): SendError {
  error.hasRow = true;
  return error;
}

/** The error of a failure has a stack again, and no `progress`. */
export function toOutcome(outcome: KeptOutcome): Outcome {
  if ('result' in outcome) return outcome;
  const { code, ...options } = outcome.failure;
  return { error: new SendError(code, options) };
}

/** Nothing was sent for this request: it is told what became of an earlier one. */
export const asReplay = (result: SendResult): SendResult => ({ ...result, isReplay: true });
