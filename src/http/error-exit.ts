import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'winston';
import { type SendError, toSendError } from '../errors.js';
import { afterAnswers } from './after-answers.js';
import { CallerLeft, discardRest } from './body.js';
import type { HttpAnswer } from './callers/caller.js';
import type { ClientAddressOf } from './client-address.js';
import { toProblemAnswer } from './problem.js';

/** What every request has. */
export interface RequestState {
  /** UUID, in the answer and in every log line. */
  id: string;
  /** `performance.now()` milliseconds when the request's header was whole. */
  receivedAt: number;
  /** Who sent it, for the log of refusals and nothing else: the kernel is asked for it. */
  client: () => string;
  /** The name of the caller, once it is known. */
  caller?: string;
  /** Whose it seems to be, of one that proved to be nobody's. */
  suspected?: string;
  /** How its caller wants to be told what failed; by default as problem details. */
  toAnswer?: (failure: SendError) => HttpAnswer;
}

/** A request and its answer, as far as what takes messages needs them; Koa's context is one. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly state: RequestState;
  /** False: the answer is written, or will never be. */
  respond?: boolean | undefined;
}

/** How much of a body that is too large is let pass before the connection is closed. */
const discardOctets = 1024 * 1024;
/** A refused request may keep its connection if no more than this of its body is still to come. */
const restOctets = 64 * 1024;

/** Told of each error that became an answer, after those of its turn. Must not throw. */
export type OnFailure = (
  failure: SendError,
  state: Pick<RequestState, 'caller' | 'suspected'>,
) => void;

/**
 * The outermost middleware, of Koa as of what goes past it: names the request, and is the one exit
 * of every error.
 */
export function errorExit(
  log: Logger,
  clientAddressOf: ClientAddressOf,
  onFailure: OnFailure = () => undefined,
): (ctx: Exchange, next: () => Promise<unknown>) => Promise<void> {
  return async (ctx, next) => {
    ctx.state.id = randomUUID();
    ctx.state.receivedAt = performance.now();
    ctx.state.client = () => clientAddressOf(ctx.req);
    try {
      await next();
      if (ctx.respond !== false) ctx.res.setHeader('Cache-Control', 'no-store');
    } catch (error) {
      await leaveWith(error, ctx, log, onFailure);
    }
  };
}

async function leaveWith(
  error: unknown,
  ctx: Exchange,
  log: Logger,
  onFailure: OnFailure,
): Promise<void> {
  const { state } = ctx;
  const { id } = state;
  if (error instanceof CallerLeft) {
    log.debug(error.message, { event: 'caller_left', id });
    ctx.respond = false;
    return;
  }
  const failure = toSendError(error);
  afterAnswers(() => onFailure(failure, state));
  if (failure.code === 'internal') {
    log.error('unexpected error', { event: 'internal_error', id, error: failure.cause ?? failure });
  }
  const answer = state.toAnswer?.(failure) ?? toProblemAnswer(failure, id);
  if (isLongRest(ctx.req)) await closeWith(answer, ctx);
  else writeAnswer(ctx, answer);
}

/**
 * Writes a whole answer, its header in one piece; Koa would set each field by itself, and check and
 * copy it for each that follows.
 */
export function writeAnswer(ctx: Exchange, { status, headers, body }: HttpAnswer): void {
  ctx.respond = false;
  if (!isWritable(ctx.res)) return;
  ctx.res.writeHead(status, {
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  ctx.res.end(body);
}

/** Answers at once and ends the connection, yet not before the caller could read the answer. */
async function closeWith({ status, headers, body }: HttpAnswer, ctx: Exchange): Promise<void> {
  ctx.respond = false;
  if (!isWritable(ctx.res)) return;
  ctx.res.setHeader('Connection', 'close').writeHead(status, headers);
  ctx.res.write(body);
  await discardRest(ctx.req, discardOctets);
  ctx.res.end();
}

/** A pipelined one that waits for its turn has no socket yet. */
function isWritable({ writableEnded, socket }: ServerResponse): boolean {
  return !writableEnded && (socket?.writable ?? true);
}

/**
 * Whether so much of the body may be still to come that a refusal is not worth reading it: Node
 * would, to the end.
 */
function isLongRest({ complete, headers }: IncomingMessage): boolean {
  const isChunked = headers['transfer-encoding'] !== undefined;
  return !complete && (isChunked || Number(headers['content-length'] ?? 0) > restOctets);
}
