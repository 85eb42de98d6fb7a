/**
 * What happened at the modem, and what it means for the message: of what the AT dialogue threw a
 * failure, and of that, where it stays, the `SendError` that goes up (DESIGN §9).
 */

import { AtCancelled, AtCommandError, AtLinkLost, AtNoResult, AtTimeout } from '../at/errors.js';
import { SendError } from '../errors.js';
import { cmsCodeOf, describeFinalError, type Verdict, verdictOf } from './verdict.js';

/** Why a segment has no reference; `reason` is a phrase for people. */
export interface Failure {
  verdict: Verdict;
  reason: string;
  causeCode?: string;
  cause: unknown;
}

/** A handset puts segments together by their sender, too (23.040 9.2.3.24.1). */
export const fromOtherSim: Failure = {
  verdict: 'sim',
  reason: 'its SIM is another one now, whose segments nobody can put together with those before',
  cause: undefined,
};

/** What a result in doubt comes to. */
export const doubted = (cause: ResultInDoubt): Failure => ({
  verdict: 'unknown',
  reason: cause.message,
  cause,
});

/** A result came, and it cannot be told whether it was this message's. */
export class ResultInDoubt extends Error {
  override readonly name = 'ResultInDoubt';

  constructor() {
    super('the modem answered, but perhaps to an earlier message that it had left unanswered');
  }
}

/**
 * What `error` says of a segment, so many milliseconds after its Ctrl-Z; undefined for what the AT
 * dialogue does not throw.
 */
export function failureOf(error: unknown, elapsedMs: number): Failure | undefined {
  if (error instanceof AtCommandError) {
    const accepted = error.lines.length > 0; // +CMGS came, then an error instead of OK
    const listed =
      accepted || error.mayBeForeign ? 'unknown' : verdictOf(error.final, error.stage, elapsedMs);
    const verdict = isPromptless(error) ? 'not_now' : listed;
    const causeCode = describeFinalError(error.final);
    return { verdict, reason: `the modem answered ${causeCode}`, causeCode, cause: error };
  }
  if (error instanceof AtTimeout || error instanceof AtLinkLost) {
    // One without a prompt is passed over: another try would cost the message as long again.
    const unsent =
      error instanceof AtLinkLost ? 'sim' : error.stage === 'prompt' ? 'not_now' : 'not_sent';
    return {
      verdict: error.stage === 'result' ? 'unknown' : unsent,
      reason: error.message,
      cause: error,
    };
  }
  if (error instanceof AtNoResult)
    return { verdict: 'unknown', reason: error.message, cause: error };
  if (error instanceof AtCancelled) {
    const verdict = error.because === 'caller' ? 'not_now' : 'not_sent';
    return { verdict, reason: error.message, cause: error };
  }
  return undefined;
}

/** `+CMS ERROR: 330` (27.005 3.2.5): SMSC address unknown. */
const serviceCentreUnknown = 330;

/** Whether the modem refused for want of an SMSC. */
export const wantsServiceCentre = (error: AtCommandError): boolean =>
  cmsCodeOf(error.final) === serviceCentreUnknown;

/** Whether the modem refused for want of an SMSC, and what could be done about it did not help. */
export function saysNoServiceCentre(error: unknown): boolean {
  if (!(error instanceof SendError && error.cause instanceof AtCommandError)) return false;
  return error.submitted === 'no' && wantsServiceCentre(error.cause);
}

/** TP-FCS 198 and 199 (23.040 9.2.3.22): validity period (format) not supported. */
export const isValidityRefused = (error: AtCommandError): boolean =>
  error.final.kind === 'CMS' && (error.final.code === 198 || error.final.code === 199);

/**
 * Whether the modem, which answers `AT`, gave no prompt for a message: silence, or an ERROR that
 * gives no reason.
 */
export function isPromptless(error: unknown): boolean {
  if (error instanceof SendError) return isPromptless(error.cause);
  if (error instanceof AtCommandError)
    return error.stage === 'prompt' && error.final.kind === 'ERROR';
  return error instanceof AtTimeout && error.stage === 'prompt';
}

/**
 * The one place where what happened at the modem becomes a `SendError`. `where` names modem and
 * segment; `acceptedBefore` are the segments that the network has already.
 */
export function sendErrorOf(where: string, acceptedBefore: number, failure: Failure): SendError {
  const detail = `${where}: ${failure.reason}`;
  const options = {
    detail,
    cause: failure.cause,
    ...(failure.causeCode === undefined ? {} : { causeCode: failure.causeCode }),
  };
  if (failure.verdict === 'unknown')
    return new SendError('outcome_unknown', { ...options, submitted: 'unknown' });
  if (acceptedBefore > 0)
    return new SendError('partly_submitted', { ...options, submitted: 'partly' });
  if (failure.cause instanceof AtCancelled && failure.cause.because === 'caller') {
    return new SendError('deadline_unreachable', options);
  }
  const elsewhere = failure.verdict !== 'refused';
  if (failure.cause instanceof AtCommandError) {
    // CMS 21 is what carriers say of a wrong recipient, and of an account without credit. Without
    // an SMSC nothing was asked of the network: the SIM has nothing to answer for.
    const { verdict, cause } = failure;
    const isOfSim = verdict === 'sim' && !wantsServiceCentre(cause);
    const simSuspected = isOfSim || cause.final.code === 21;
    return new SendError('network_refused', { ...options, elsewhere, simSuspected });
  }
  return new SendError('no_modem_ready', { ...options, elsewhere });
}
