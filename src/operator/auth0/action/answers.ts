import type { SendErrorCode } from '../../../errors.js';

/**
 * What the Action asks of Auth0: to run it again with the same event, up to 5 times in the next
 * minutes, or never again.
 */
export type ActionAnswer = 'retry' | 'drop';

/**
 * THE table: the Action's answer to each code of the gateway. Every repeat of an event carries the
 * same `Idempotency-Key`, so none can send a message twice: `retry` is asked wherever a repeat may
 * still bring the code in time, or may learn what became of it.
 */
export const actionAnswers: Readonly<Record<SendErrorCode, ActionAnswer>> = {
  // The request, the policy or the set-up is at fault: a repeat meets the same.
  body_invalid: 'drop',
  recipient_invalid: 'drop',
  text_too_long: 'drop',
  token_missing: 'drop',
  token_invalid: 'drop',
  token_expired: 'drop',
  recipient_not_allowed: 'drop',
  not_found: 'drop',
  method_not_allowed: 'drop',
  body_too_large: 'drop',
  expectation_failed: 'drop',
  headers_too_large: 'drop',
  request_malformed: 'drop',
  idempotency_key_reused: 'drop',
  // A newer code is on its way: this one is void.
  superseded: 'drop',
  // The network's word on this message; and half a text is out, which no repeat mends.
  network_refused: 'drop',
  partly_submitted: 'drop',
  // Nothing was started, and the reason may be gone in a minute. Not when Retry-After says that it
  // takes longer.
  request_timeout: 'retry',
  rate_limited: 'retry',
  no_modem_ready: 'retry',
  queue_full: 'retry',
  deadline_unreachable: 'retry',
  sim_cap_reached: 'retry',
  clock_unset: 'retry',
  shutting_down: 'retry',
  // Nobody knows yet. The repeat reads the gateway's record, which a late result mends: 200 if it
  // was sent after all; only if it surely was not does the gateway try again.
  outcome_unknown: 'retry',
  internal: 'retry',
};
