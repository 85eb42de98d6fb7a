/** The one line in the log that each message has, and what was no message yet. */

import type { Logger } from 'winston';
import type { CallerLeave, Message, SendResult } from '../dispatch/message.js';
import { failureWords, type SendError } from '../errors.js';
import { maskNumber } from '../number/mask.js';
import { problems } from './problem.js';

/** A request as its line tells it. */
export interface LoggedRequest {
  id: string;
  /** `performance.now()` milliseconds. */
  receivedAt: number;
  callerLeft: CallerLeave;
  /** Known once the body was valid. */
  message?: Message;
}

/** The network has it. */
export function logSuccess(log: Logger, request: LoggedRequest, result: SendResult): void {
  log.info('message sent', {
    ...commonFields(request),
    segments: result.segments,
    modem: result.modem,
    status: 200,
    submitted: 'yes',
    waited_ms: Math.round(result.waitedMs),
    took_ms: Math.round(result.tookMs),
    caller_left: request.callerLeft.aborted,
    ...(result.isReplay && { replay_of: result.id }),
  });
}

/** Its caller was answered with a promise; what becomes of it has a line of its own. */
export function logPromised(log: Logger, request: LoggedRequest): void {
  log.info('message promised', { ...commonFields(request), status: 202 });
}

/** @param failedAt `performance.now()` milliseconds */
export function logFailure(
  log: Logger,
  request: LoggedRequest,
  error: SendError,
  failedAt = performance.now(),
): void {
  const { segments, modem, waitedMs, tookMs = failedAt - request.receivedAt } = error.progress;
  const { message } = request;
  // Written out: to spread common fields costs a refusal more than all else of its line.
  log.warn(failureWords[error.submitted], {
    event: 'message',
    id: message?.id ?? request.id,
    caller: message?.caller,
    recipient: message && maskNumber(message.recipient),
    segments,
    modem,
    status: problems[error.code].status,
    code: error.code,
    submitted: error.submitted,
    detail: error.detail,
    cause_code: error.causeCode,
    waited_ms: waitedMs === undefined ? undefined : Math.round(waitedMs),
    took_ms: Math.round(tookMs),
    caller_left: request.callerLeft.aborted,
  });
}

function commonFields({ id, message }: LoggedRequest) {
  return {
    event: 'message',
    id: message?.id ?? id,
    caller: message?.caller,
    recipient: message && maskNumber(message.recipient),
  };
}
