import type Koa from 'koa';
import type { Logger } from 'winston';
import type { CallerLeave, Message, Send, SendResult } from '../dispatch/message.js';
import { SendError, type SendErrorCode, toSendError } from '../errors.js';
import type { LimitedLog } from '../log.js';
import { maskNumber } from '../number/mask.js';
import { readRecipient } from '../number/recipient.js';
import { CallerLeft, readOctets } from './body.js';
import type { Caller, CallerRequest, ReadMessage } from './callers/caller.js';
import { type RequestState, writeAnswer } from './error-exit.js';
import { problems } from './problem.js';

/** Longest body; a text of the longest template that Auth0 takes (5120 characters) has room. */
export const maxBodyOctets = 64 * 1024;

/** What a route that takes messages stands on. */
export interface SendRouteOptions {
  send: Send;
  /** Whether the wall clock can be trusted to judge a token's times. */
  clockIsSet: () => boolean;
  isShuttingDown: () => boolean;
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

/** The route of one caller: authenticate, read, send, and say what happened. */
export function sendRoute(caller: Caller, options: SendRouteOptions): Koa.Middleware<RequestState> {
  return async (ctx) => {
    const { id, receivedAt } = ctx.state;
    ctx.state.toAnswer = (error) => caller.failed(error, id);
    refuseIfUnable(options, ctx.state);
    const proven =
      caller.provenBy === 'headers' ? await authenticate(caller, ctx, undefined) : undefined;
    const deadlineAt = receivedAt + deadlineMs(ctx, caller.longestWaitMs);
    const { socket } = ctx.req;
    const left = new HangUp();
    const leave = () => left.abort();
    // The socket's `close`, not the response's: a pipelined response that waits for its turn has no
    // socket to hear of.
    socket.once('close', leave);
    const outcome: Outcome = { id, receivedAt, callerLeft: left };
    try {
      const body = await readOctets(ctx.req, maxBodyOctets);
      const name = proven ?? (await authenticate(caller, ctx, body));
      outcome.message = toMessage(caller.read(body, ctx.req.headers), id, name);
      const result = await options.send(outcome.message, { deadlineAt, callerLeft: left });
      // The modem gets its next message first, which follows in this very turn.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      logSuccess(options.log, outcome, result);
      const { isReplay = false, waitedMs, tookMs } = result;
      options.listener?.answered({ isReplay, waitedMs, tookMs });
      writeAnswer(ctx, caller.accepted(result));
    } catch (error) {
      if (!(error instanceof CallerLeft)) logFailure(options.log, outcome, toSendError(error));
      throw error;
    } finally {
      socket.off('close', leave);
      if (left.aborted) options.listener?.callerLeft();
    }
  };
}

/** Node's own signal, with all that events can do, is a good part of what a refusal costs. */
class HangUp implements CallerLeave {
  aborted = false;
  #listeners: (() => void)[] = [];

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners = this.#listeners.filter((each) => each !== listener);
  }
}

function authenticate(
  caller: Caller,
  ctx: Koa.ParameterizedContext<RequestState>,
  body: Uint8Array | undefined,
): Promise<string> {
  const request: CallerRequest = {
    headers: ctx.req.headers,
    id: ctx.state.id,
    client: ctx.state.client,
  };
  return caller.authenticate(request, body);
}

/** @throws SendError `recipient_invalid` */
function toMessage({ recipient, ...read }: ReadMessage, id: string, caller: string): Message {
  const reading = readRecipient(recipient);
  if (reading.objection !== undefined)
    throw new SendError('recipient_invalid', { detail: `recipient ${reading.objection}` });
  return { id, caller, recipient: reading.number, ...read };
}

/**
 * Before the token is looked at: with a clock that is not set, every token would look expired or
 * too young.
 */
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

/**
 * For any caller, a stranger too: what the operator has to do is in the log and in `simgate
 * doctor`.
 */
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

interface Outcome {
  id: string;
  receivedAt: number;
  callerLeft: CallerLeave;
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
  const {
    segments,
    modem,
    waitedMs,
    tookMs = performance.now() - outcome.receivedAt,
  } = error.progress;
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

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const preference = new RegExp(
  `^\\s*(?<name>${token})\\s*(?:=\\s*(?:"(?<quoted>(?:\\\\.|[^"\\\\])*)"|(?<bare>${token})))?\\s*(?:;|$)`,
);

/**
 * The seconds of `wait` in a `Prefer` header (RFC 7240 2 and 4.3): how long the caller is willing
 * to wait. Several headers come joined by commas. Only the first `wait` counts, and one that is no
 * number is as none.
 */
export function preferredWaitS(prefer: string): number | undefined {
  // Commas within quotes do not separate.
  for (const part of prefer.match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g) ?? []) {
    const { name, quoted, bare } = preference.exec(part)?.groups ?? {};
    if (name?.toLowerCase() !== 'wait') continue;
    const value = quoted ?? bare ?? '';
    return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
  }
  return undefined;
}
