import { randomUUID } from 'node:crypto';
import type { Logger } from 'winston';
import {
  type CallerLeave,
  type HastyControl,
  isPromised,
  type Message,
  type Promised,
  type Recall,
  type Send,
  type SendControl,
  type SendOrPromise,
  type SendResult,
} from '../dispatch/message.js';
import { SendError, type SendErrorCode, toSendError } from '../errors.js';
import { readRecipient } from '../number/recipient.js';
import { afterAnswers } from './after-answers.js';
import { readOctets } from './body.js';
import type { HttpAnswer, Proof, ReadMessage } from './callers/caller.js';
import { type Exchange, writeAnswer } from './error-exit.js';
import { type LoggedRequest, logFailure, logPromised, logSuccess } from './message-log.js';
import {
  type CallerTerms,
  type ClientList,
  type JudgingOptions,
  type Owner,
  ownerOf,
  type Proving,
  refuseIfUnable,
  refuseUnjudged,
} from './owner.js';
import { waitMs } from './prefer.js';
import { problems } from './problem.js';

/** Longest body; a text of the longest template that Auth0 takes (5120 characters) has room. */
export const maxBodyOctets = 64 * 1024;

/** What a route that takes messages stands on. */
export interface SendRouteOptions extends JudgingOptions {
  send: Send;
  sendOrPromise: SendOrPromise;
  /** What became of a repeat: the one answer that needs no clock. */
  recall: Recall;
  log: Logger;
  /** What is worth counting; default: nobody does. */
  listener?: AnswerListener;
}

/** Counts answers; none of it may throw. `caller` is undefined while it is not known. */
export interface AnswerListener {
  /** The request has its answer: 200 with its times, 202, or the code of the problem body. */
  answered(
    answer: { caller?: string | undefined; suspected?: string | undefined } & (
      | { code?: undefined; isReplay: boolean; waitedMs: number; tookMs: number }
      | { code: SendErrorCode | 'promised' }
    ),
  ): void;
  /** The caller hung up before its answer. */
  callerLeft(): void;
}

/** The route of the callers at one path: prove, read, send, and say what happened. */
export function sendRoute(
  clients: ClientList,
  options: SendRouteOptions,
): (ctx: Exchange) => Promise<void> {
  return async (ctx) => {
    const { id, receivedAt } = ctx.state;
    // Until it is known whose the request is, in the form of the first.
    ctx.state.toAnswer = (error) => clients[0].caller.failed(error, id);
    // While it stops the queue refuses what is new; a repeat is told what became of the first.
    const isClockSet = options.clockIsSet();
    if (!isClockSet && options.isShuttingDown()) refuseIfUnable(options, ctx.state);
    const proving: Proving = { ignoresTimes: !isClockSet };
    const byHeaders = ownerOf(clients, ctx, undefined, options, proving);
    const { socket } = ctx.req;
    const left = new HangUp();
    const leave = () => left.abort();
    // The socket's `close`, not the response's: a pipelined response that waits for its turn has no
    // socket to hear of.
    socket.on('close', leave);
    const request: LoggedRequest = { id, receivedAt, callerLeft: left };
    try {
      const body = await readOctets(ctx.req, maxBodyOctets);
      const owner = byHeaders ?? ownerOf(clients, ctx, body, options, proving);
      if (owner === undefined) throw new Error('no caller owns the request, and none refused it');
      const ways = isClockSet ? options : recalling(ctx, options);
      const answer = await serve(owner, request, body, ctx, ways);
      writeAnswer(ctx, answer);
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

/**
 * The ways of a message while the clock is not set: a token of any age may ask what became of what
 * was sent with it, and nothing starts. To call such a repeat not submitted would be untrue, and
 * would have its caller send the code by another way, too.
 */
function recalling({ state }: Exchange, options: SendRouteOptions): SendRouteOptions {
  const recall = async (message: Message, control: SendControl | HastyControl) => {
    const known = await options.recall(message, control);
    return known ?? refuseUnjudged(options, state);
  };
  const send: Send = async (message, control) => {
    const answer = await recall(message, control);
    return isPromised(answer) ? answer.settled : answer;
  };
  return { ...options, send, sendOrPromise: recall };
}

/** What its caller is answered, once all its messages have settled or are promised. */
async function serve(
  { caller, terms, proof }: Owner,
  request: LoggedRequest,
  body: Uint8Array,
  ctx: Exchange,
  options: SendRouteOptions,
): Promise<HttpAnswer> {
  const held = terms();
  const control = controlOf(ctx, held, request);
  const messages = reading(request, options, () =>
    caller
      .read(body, ctx.req.headers)
      .map((read, index) =>
        toMessage(read, index === 0 ? request.id : randomUUID(), caller.name, held, proof),
      ),
  );
  const [only] = messages;
  const outcomes =
    only !== undefined && messages.length === 1
      ? [await deliver(only, control, request, options)]
      : await Promise.all(messages.map((message) => deliver(message, control, request, options)));
  const failure = failureOf(outcomes);
  if (failure !== undefined) throw failure;
  const promised = outcomes.find((outcome) => 'promised' in outcome)?.promised;
  if (promised !== undefined) {
    options.listener?.answered({ code: 'promised', caller: caller.name });
    return caller.taken(promised.id);
  }
  const [first, ...rest] = outcomes.flatMap((outcome) =>
    'result' in outcome ? [outcome.result] : [],
  );
  if (first === undefined) throw new SendError('body_invalid', { detail: 'it asks for nothing' });
  const { isReplay = false, waitedMs, tookMs } = first;
  options.listener?.answered({ caller: caller.name, isReplay, waitedMs, tookMs });
  return caller.accepted([first, ...rest]);
}

type Delivered = { result: SendResult } | { promised: Promised } | { error: SendError };

/**
 * What of several failures is told: what may have been sent before what surely was not, and what
 * another try may mend before what it cannot, for it is the status that makes a caller try again.
 */
function failureOf(outcomes: readonly Delivered[]): SendError | undefined {
  const [first] = outcomes;
  if (outcomes.length === 1 && first !== undefined)
    return 'error' in first ? first.error : undefined;
  const errors = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
  const weight = ({ submitted, code }: SendError) =>
    Number(submitted !== 'no') * 2 + Number(problems[code].status >= 500);
  const [worst] = errors.toSorted((a, b) => weight(b) - weight(a));
  if (worst === undefined || errors.length === outcomes.length || worst.submitted !== 'no')
    return worst;
  const { code, detail, retryAfterMs, causeCode } = worst;
  const partly = new SendError(code, {
    submitted: 'partly',
    cause: worst,
    ...(detail !== undefined && { detail }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(causeCode !== undefined && { causeCode }),
  });
  partly.hasRow = worst.hasRow;
  return partly;
}

/** One message, with its line in the log; a promised one gets its line when it has settled. */
async function deliver(
  message: Message,
  control: SendControl | HastyControl,
  request: LoggedRequest,
  { send, sendOrPromise, log }: SendRouteOptions,
): Promise<Delivered> {
  const told = { ...request, message };
  try {
    const answer =
      'answerBy' in control ? await sendOrPromise(message, control) : await send(message, control);
    if (!isPromised(answer)) {
      // The modem gets its next message first, which follows in this very turn.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      logSuccess(log, told, answer);
      return { result: answer };
    }
    logPromised(log, told);
    void answer.settled.then(
      (result) => logSuccess(log, told, result),
      (error: unknown) => logFailure(log, told, toSendError(error)),
    );
    return { promised: answer };
  } catch (error) {
    const failure = toSendError(error);
    // Its line has been written already, at a bounded rate: whose it is was not proven for good.
    const failedAt = performance.now();
    if (failure.code !== 'clock_unset')
      afterAnswers(() => logFailure(log, told, failure, failedAt));
    return { error: failure };
  }
}

/** What `read` says; a body that cannot be read has its line in the log, too. */
function reading<T>(request: LoggedRequest, { log }: SendRouteOptions, read: () => T): T {
  try {
    return read();
  } catch (error) {
    logFailure(log, request, toSendError(error));
    throw error;
  }
}

function controlOf(
  ctx: Exchange,
  { deadlineMs, onSlow, lateDeadlineMs }: CallerTerms,
  { receivedAt, callerLeft }: LoggedRequest,
): SendControl | HastyControl {
  const answerBy = receivedAt + waitMs(ctx, deadlineMs);
  if (onSlow === '504') return { deadlineAt: answerBy, callerLeft };
  return { deadlineAt: receivedAt + Math.max(lateDeadlineMs, deadlineMs), answerBy, callerLeft };
}

/** @throws SendError `recipient_invalid` */
function toMessage(
  { recipient, ...read }: ReadMessage,
  id: string,
  caller: string,
  { repeatsMs, class: ofClass, modems, defaultCountry, statusReport }: CallerTerms,
  { tokenId }: Proof,
): Message {
  const reading = readRecipient(recipient, defaultCountry);
  if (reading.objection !== undefined)
    throw new SendError('recipient_invalid', { detail: `recipient ${reading.objection}` });
  return {
    id,
    caller,
    recipient: reading.number,
    ...read,
    ...(repeatsMs > 0 && { repeatsMs }),
    ...(tokenId !== undefined && { tokenId }),
    ...(ofClass === 'alert' && { isAlert: true }),
    ...(modems !== undefined && { modems }),
    ...(statusReport !== undefined && { statusReport }),
  };
}
