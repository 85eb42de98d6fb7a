/** What the answer of a message means, and what to do about it, for the operator. */

import type { SendErrorCode } from '../errors.js';

/** By code; what it means is the title of the problem. */
export const remedies: Readonly<Record<SendErrorCode, string>> = {
  body_invalid: 'look at what the caller sends: it is not the JSON or the form that was agreed',
  recipient_invalid: 'the caller must send numbers with + and the country’s code',
  text_too_long: 'shorten the text or raise message.max_segments; each segment costs one SMS',
  request_malformed: 'look at the proxy or the program that sends: it does not speak HTTP properly',
  token_missing: 'set up the caller’s credential: it sends none',
  token_invalid:
    'compare secret, subject and audience with those of the caller; simgate auth0 check does it for Auth0',
  token_expired: 'set the clocks of both machines, or let the caller make fresher tokens',
  recipient_not_allowed: 'add the country to policy.countries if such people shall log in',
  not_found: 'correct the path at the caller',
  method_not_allowed: 'let the caller POST',
  request_timeout: 'look at the network between caller and gateway',
  superseded: 'nothing: a newer code for the same person was sent instead',
  body_too_large: 'look at what the caller sends: a code needs no such size',
  expectation_failed: 'let the caller send no Expect header',
  idempotency_key_reused: 'let the caller use a new Idempotency-Key for each message',
  rate_limited:
    'nothing, if somebody asked too often; else see the view Policy for the limit that is full',
  headers_too_large: 'look at the proxy: it adds too many headers',
  internal: 'look at the log, and report it',
  network_refused:
    'the cause says what the network did not like: often credit, a barred service or a wrong number',
  partly_submitted: 'nothing: the rest was refused; the cause says why',
  no_modem_ready: 'see the view Now: each modem says what it lacks',
  queue_full: 'another modem sends more at a time; or raise message.max_waiting',
  deadline_unreachable: 'another modem sends more at a time; one SMS takes some seconds',
  sim_cap_reached: 'raise the cap of the modem if the contract has more, or add a modem',
  clock_unset: 'let the machine have the time: sudo timedatectl set-ntp true',
  shutting_down: 'nothing: the gateway was being stopped',
  outcome_unknown:
    'do not repeat it blindly: it may arrive; look at signal and power if it comes again',
};
