/**
 * The refusals and verdicts that dispatch itself pronounces; what the modem says is passed on as it
 * is.
 */

import { SendError, type Submitted } from '../errors.js';
import type { ModemSnapshot } from '../modem/sms-modem.js';
import { counted } from '../words/counted.js';

/** A modem that is away is usually back (or another box asked) after a few seconds. */
const modemBackMs = 10_000;
/**
 * The least worth waiting before asking again; a `Retry-After` of zero would be an invitation to
 * spin.
 */
const leastRetryMs = 1_000;
const mostRetryMs = 60_000;

function boundedRetryMs(ms: number): number {
  return Math.min(Math.max(ms, leastRetryMs), mostRetryMs);
}

/** 409: a newer message of the same caller, recipient and type took its place; final. */
export function superseded(): SendError {
  const detail =
    'a newer message to the same recipient took the place of this one while it still waited';
  return new SendError('superseded', { detail });
}

/** 503: the daemon is stopping and starts nothing new. */
export function shuttingDown(): SendError {
  const detail = 'the gateway is shutting down; the message was not started';
  return new SendError('shutting_down', { detail, retryAfterMs: modemBackMs });
}

/** 503: as many messages wait as may wait. */
export function queueFull(maxWaiting: number, retryAfterMs: number): SendError {
  const waiting = `${counted(maxWaiting, 'message')} ${maxWaiting === 1 ? 'is' : 'are'} waiting already`;
  const detail = `${waiting}, which is the limit (message.max_waiting)`;
  return new SendError('queue_full', { detail, retryAfterMs: boundedRetryMs(retryAfterMs) });
}

/** 503: as many alerts wait as may wait beside the logins. */
export function alertsFull(maxAlerts: number, retryAfterMs: number): SendError {
  const waiting = `${counted(maxAlerts, 'alert')} ${maxAlerts === 1 ? 'is' : 'are'} waiting already`;
  const detail = `${waiting}, which is their share of message.max_waiting (policy.alert_share)`;
  return new SendError('queue_full', { detail, retryAfterMs: boundedRetryMs(retryAfterMs) });
}

/** 503: no modem can send; the detail says of each one why, for the person who has to mend it. */
export function noModemReady(modems: readonly ModemSnapshot[]): SendError {
  const states = modems.map(
    ({ name, phase, reason }) => `${name} is ${phase}${reason === undefined ? '' : ` (${reason})`}`,
  );
  const detail =
    states.length === 0 ? 'no modem is configured' : `no modem is ready: ${states.join('; ')}`;
  return new SendError('no_modem_ready', { detail, retryAfterMs: modemBackMs });
}

/** 503: it cannot be sent before its deadline, or could not; nothing was started. */
export function deadlineUnreachable(detail: string, retryAfterMs = leastRetryMs): SendError {
  return new SendError('deadline_unreachable', {
    detail,
    retryAfterMs: boundedRetryMs(retryAfterMs),
  });
}

/** The caller is gone, so nobody reads this; the log does. */
export function callerLeft(): SendError {
  return new SendError('deadline_unreachable', {
    detail: 'the caller hung up before the message was started',
  });
}

/**
 * 504: the deadline passed after Ctrl-Z. The modem goes on, and what it learns is logged as a late
 * result.
 */
export function outcomeUnknown(modem: string): SendError {
  const detail = `modem ${modem} had not told the outcome when the deadline passed; the message may or may not arrive`;
  return new SendError('outcome_unknown', { submitted: 'unknown', detail });
}

/**
 * 504: this caller's own deadline came before that of the message it joined, which goes on for the
 * others or at its modem.
 */
export function outcomeNotAwaited(): SendError {
  const detail =
    'the deadline of this request passed while the same message, asked for before, was still on its way';
  return new SendError('outcome_unknown', { submitted: 'unknown', detail });
}

/** A message counts once it may have cost something: it was started, or the network refused it. */
export function neverCost({
  submitted,
  code,
}: {
  submitted: Submitted | 'yes';
  code?: string | undefined;
}): boolean {
  return submitted === 'no' && code !== 'network_refused';
}

/**
 * Surely not submitted, and not for good: a superseded message stays superseded, for a newer one
 * has been sent.
 */
export function mayBeTriedAgain({
  submitted,
  code,
}: Pick<SendError, 'submitted' | 'code'>): boolean {
  return submitted === 'no' && code !== 'superseded';
}

/** True when nothing of the message was sent and another modem may take it (I4). */
export function mayGoElsewhere({ elsewhere, submitted }: SendError): boolean {
  return elsewhere && submitted === 'no';
}

/**
 * What a modem threw, as a `SendError`: its own, with a `Retry-After` where another try may help;
 * anything else is a bug after which nothing is known of the message.
 */
export function fromModem(error: unknown, modem: string): SendError {
  if (!(error instanceof SendError)) {
    const detail = `modem ${modem} failed unexpectedly`;
    return new SendError('internal', { submitted: 'unknown', detail, cause: error });
  }
  if (!mayGoElsewhere(error) || error.retryAfterMs !== undefined) return error;
  const { code, detail, causeCode, simSuspected } = error;
  return new SendError(code, {
    elsewhere: true,
    simSuspected,
    retryAfterMs: modemBackMs,
    cause: error,
    ...(detail === undefined ? {} : { detail }),
    ...(causeCode === undefined ? {} : { causeCode }),
  });
}

/** Milliseconds after which a key that could not be judged is worth another try. */
const blindRetryMs = 5_000;

export function notKnownYet(): SendError {
  const detail =
    'the journal cannot be read yet, so whether this message was asked for before is not known; nothing was sent';
  return deadlineUnreachable(detail, blindRetryMs);
}

export function keyReused(): SendError {
  const detail =
    'this Idempotency-Key was used within the last 24 hours for another request: a new message needs a new key';
  return new SendError('idempotency_key_reused', { detail });
}

export function tokenReused(): SendError {
  const detail = 'a token with this jti was used for another message: each message needs a new one';
  return new SendError('token_invalid', { detail });
}
