import { isIP } from 'node:net';
import type Koa from 'koa';
import * as v from 'valibot';
import type { Logger } from 'winston';
import type { Message, Send, SendResult } from '../dispatch/message.js';
import { SendError, type SendErrorCode } from '../errors.js';
import { maskNumber } from '../mask.js';
import { readRecipient } from '../recipient.js';
import type { VerifyBearer } from './bearer.js';
import { CallerLeft, readJson } from './body.js';
import type { RequestState } from './error-exit.js';
import type { LimitedLog } from './limited-log.js';
import { preferredWaitS } from './prefer.js';
import { problems, toSendError } from './problem.js';

/** Longest body; a text of the longest template that Auth0 takes (5120 characters) has room. */
export const maxBodyOctets = 64 * 1024;

/** What `POST /sms` stands on. */
export interface SendRouteOptions {
  send: Send;
  verify: VerifyBearer;
  /** Whether the wall clock can be trusted to judge a token's times. */
  clockIsSet: () => boolean;
  isShuttingDown: () => boolean;
  /** Milliseconds from the request's header to its answer, at most. */
  deadlineMs: number;
  log: Logger;
  /** Where refusals go that anyone on the network can cause. */
  refusals: LimitedLog;
  /** What is worth counting; default: nobody does. */
  listener?: AnswerListener;
}

/** Counts answers; none of it may throw. */
export interface AnswerListener {
  /** The request has its answer: 200 with its times, or the code of the problem body. */
  answered(
    answer:
      | { code?: undefined; isReplay: boolean; waitedMs: number; tookMs: number }
      | { code: SendErrorCode },
  ): void;
  /** The caller hung up before its answer. */
  callerLeft(): void;
}

/** `POST /sms`: authenticate, validate, send, and say what happened. */
export function sendRoute(options: SendRouteOptions): Koa.Middleware<RequestState> {
  return async (ctx) => {
    refuseIfUnable(options, ctx.state);
    const caller = await options.verify(ctx.get('authorization'), ctx.state.id, ctx.state.client);
    const deadlineAt = ctx.state.receivedAt + deadlineMs(ctx, options.deadlineMs);
    const { socket } = ctx.req;
    const left = new AbortController();
    const leave = () => left.abort();
    // The socket's `close`, not the response's: a pipelined response that waits for its turn has no socket to hear of.
    socket.once('close', leave);
    const outcome: Outcome = { id: ctx.state.id, receivedAt: ctx.state.receivedAt, callerLeft: left.signal };
    try {
      const idempotencyKey = keyOf(ctx.get('idempotency-key'));
      const body = await readJson(ctx.req, maxBodyOctets);
      outcome.message = { ...toMessage(body, ctx.state.id, caller.sub), ...idempotencyKey };
      const result = await options.send(outcome.message, { deadlineAt, callerLeft: left.signal });
      logSuccess(options.log, outcome, result);
      const { isReplay = false, waitedMs, tookMs } = result;
      options.listener?.answered({ isReplay, waitedMs, tookMs });
      // A string, since for an object Koa loads the whole of undici to see whether it is a Response.
      ctx.type = 'json';
      if (result.isReplay) ctx.set('Idempotent-Replayed', 'true');
      ctx.body = JSON.stringify({
        id: result.id,
        segments: result.segments,
        modem: result.modem,
        references: result.references,
        took_ms: Math.round(result.tookMs),
      });
    } catch (error) {
      if (!(error instanceof CallerLeft)) logFailure(options.log, outcome, toSendError(error));
      throw error;
    } finally {
      socket.off('close', leave);
      if (left.signal.aborted) options.listener?.callerLeft();
    }
  };
}

/** Before the token is looked at: with a clock that is not set, every token would look expired or too young. */
function refuseIfUnable(
  { isShuttingDown, clockIsSet, refusals }: SendRouteOptions,
  { id, client }: RequestState,
): void {
  const code = isShuttingDown() ? 'shutting_down' : clockIsSet() ? undefined : 'clock_unset';
  if (code === undefined) return;
  const detail = inabilities[code];
  refusals.warn(`refused a request: ${detail}`, {
    event: 'request_refused',
    id,
    client,
    status: problems[code].status,
    code,
  });
  throw new SendError(code, { detail });
}

/** For any caller, a stranger too: what the operator has to do is in the log and in `simgate doctor`. */
const inabilities = {
  shutting_down: 'the gateway is stopping',
  clock_unset: 'the clock of the gateway is not set yet, so no token can be judged',
} as const;

/** The caller may shorten the time, never lengthen it; it is told when it did. */
function deadlineMs(ctx: Koa.Context, longestMs: number): number {
  const waitS = preferredWaitS(ctx.get('prefer'));
  if (waitS === undefined || waitS * 1000 >= longestMs) return longestMs;
  ctx.set('Preference-Applied', `wait=${waitS}`);
  return waitS * 1000;
}

/** Opaque, but for a bound on its length and what a header may hold (draft-ietf-httpapi-idempotency-key-header 2.1). */
function keyOf(header: string): { idempotencyKey?: string } {
  if (header === '') return {};
  if (/^[\x20-\x7e]{1,255}$/.test(header)) return { idempotencyKey: header };
  throw new SendError('request_malformed', {
    detail: 'Idempotency-Key must be 1 to 255 printable ASCII characters',
  });
}

/** Nothing that anybody could see: white space, controls, and what has no width or is drawn as a blank. */
const blank = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/** Characters; it is remembered with the message and only compared. */
const maxMessageType = 64;

const optionalText = (message: string) => v.nullish(v.string(message));

/** Unknown keys are left out. Of `req`, which describes the end user's own request, only the address is of use, for a limit. */
const messageBody = v.object(
  {
    recipient: v.string('recipient must be a string'),
    body: v.pipe(
      v.string('body must be a string'),
      v.nonEmpty('body must not be empty'),
      v.check((text) => !blank.test(text), 'body must not be blank'),
      v.check((text) => !/\p{Surrogate}/u.test(text), 'body holds half a character (a lone surrogate)'),
    ),
    sender: optionalText('sender must be a string'),
    message_type: v.nullish(
      v.pipe(
        v.string('message_type must be a string'),
        v.check(
          (text) => Array.from(text).length <= maxMessageType,
          `message_type must have ${maxMessageType} characters at most`,
        ),
      ),
    ),
    req: v.optional(v.unknown()),
  },
  'the body must be a JSON object',
);

/** Throws a `SendError` of code `body_invalid` or `recipient_invalid`. */
function toMessage(json: unknown, id: string, caller: string): Message {
  const parsed = v.safeParse(messageBody, json, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const key = v.getDotPath(issue);
    const isMissing = key !== null && issue.input === undefined;
    throw new SendError('body_invalid', { detail: isMissing ? `${key} is missing` : issue.message });
  }
  const { recipient, body, sender, message_type: messageType, req } = parsed.output;
  const clientIp = clientIpOf(req);
  const reading = readRecipient(recipient);
  if (reading.objection !== undefined)
    throw new SendError('recipient_invalid', { detail: `recipient ${reading.objection}` });
  return {
    id,
    caller,
    recipient: reading.number,
    text: body,
    ...(messageType != null && { messageType: wellFormed(messageType) }),
    ...(sender != null && { sender: wellFormed(sender) }),
    ...(clientIp !== undefined && { clientIp }),
  };
}

/** What is no address is left out: what Auth0 sends there is not documented well enough to refuse a login for it. */
function clientIpOf(req: unknown): string | undefined {
  if (typeof req !== 'object' || req === null || !('ip' in req)) return undefined;
  return typeof req.ip === 'string' && isIP(req.ip) !== 0 ? req.ip : undefined;
}

/** Lone surrogates in what is only compared are no reason to refuse a message. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

interface Outcome {
  id: string;
  receivedAt: number;
  callerLeft: AbortSignal;
  /** Known once the body was valid. */
  message?: Message;
}

function logSuccess(log: Logger, outcome: Outcome, result: SendResult): void {
  log.info('message sent', {
    ...commonFields(outcome),
    segments: result.segments,
    modem: result.modem,
    status: 200,
    submitted: 'yes',
    waited_ms: Math.round(result.waitedMs),
    took_ms: Math.round(result.tookMs),
    caller_left: outcome.callerLeft.aborted,
    ...(result.isReplay && { replay_of: result.id }),
  });
}

function logFailure(log: Logger, outcome: Outcome, error: SendError): void {
  const { segments, modem, waitedMs, tookMs = performance.now() - outcome.receivedAt } = error.progress;
  log.warn('message not sent', {
    ...commonFields(outcome),
    segments,
    modem,
    status: problems[error.code].status,
    code: error.code,
    submitted: error.submitted,
    detail: error.detail,
    cause_code: error.causeCode,
    waited_ms: waitedMs === undefined ? undefined : Math.round(waitedMs),
    took_ms: Math.round(tookMs),
    caller_left: outcome.callerLeft.aborted,
  });
}

function commonFields({ id, message }: Outcome) {
  return { event: 'message', id, recipient: message && maskNumber(message.recipient) };
}
