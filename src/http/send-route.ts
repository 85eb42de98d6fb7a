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
import { failureWords, SendError, type SendErrorCode, toSendError } from '../errors.js';
import type { LimitedLog } from '../log.js';
import { maskNumber } from '../number/mask.js';
import { readRecipient } from '../number/recipient.js';
import { afterAnswers } from './after-answers.js';
import { readOctets } from './body.js';
import {
  type Caller,
  type HttpAnswer,
  type Proof,
  type ReadMessage,
  Unproven,
} from './callers/caller.js';
import { type Exchange, type RequestState, writeAnswer } from './error-exit.js';
import { problems } from './problem.js';

/** Longest body; a text of the longest template that Auth0 takes (5120 characters) has room. */
export const maxBodyOctets = 64 * 1024;

/** What holds for the messages of one caller, as configured now. */
export interface CallerTerms {
  /** Milliseconds from the request's header to its answer; `Prefer: wait=N` may shorten it. */
  deadlineMs: number;
  /** Whether a caller may be told 202 at its deadline. */
  onSlow: '202' | '504';
  /** Milliseconds from the request's header after which what was promised is given up. */
  lateDeadlineMs: number;
  /** See {@link Message.repeatsMs}. */
  repeatsMs: number;
  class: 'login' | 'alert';
  /** Names of the modems that may send for it; default: any. */
  modems: readonly string[] | undefined;
  /** Whether it wants status reports; default: as the modem is set. */
  statusReport?: boolean | undefined;
  /** ISO 3166-1 alpha-2, of numbers without a country code; default: they are refused. */
  defaultCountry: string | undefined;
}

/** A caller and its terms. */
export interface Client {
  caller: Caller;
  terms: () => CallerTerms;
  /** Whether it may ask what became of its messages. */
  mayRead: boolean;
}

/** Those of one path. */
export type ClientList = readonly [Client, ...Client[]];

/** What a route that takes messages stands on. */
export interface SendRouteOptions {
  send: Send;
  sendOrPromise: SendOrPromise;
  /** What became of a repeat: the one answer that needs no clock. */
  recall: Recall;
  /** Whether the wall clock can be trusted to judge a token's times. */
  clockIsSet: () => boolean;
  isShuttingDown: () => boolean;
  log: Logger;
  /** Where refusals go that anyone on the network can cause. */
  refusals: LimitedLog;
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
    const find = isClockSet ? ownerOf : ownerWithoutTimes;
    const byHeaders = find(clients, ctx, undefined, options);
    const { socket } = ctx.req;
    const left = new HangUp();
    const leave = () => left.abort();
    // The socket's `close`, not the response's: a pipelined response that waits for its turn has no
    // socket to hear of.
    socket.on('close', leave);
    const request: Request = { id, receivedAt, callerLeft: left };
    try {
      const body = await readOctets(ctx.req, maxBodyOctets);
      const owner = byHeaders ?? find(clients, ctx, body, options);
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

/** Whose a request is, and what its proof binds it to. */
export interface Owner extends Client {
  proof: Proof;
}

/**
 * The caller at this path whose request it is. Undefined when only the body can tell: it is read
 * for a request whose headers may be those of a caller that signs it, and for no other.
 * @throws SendError `token_missing`, `token_invalid` or `token_expired`
 */
export function ownerOf(
  clients: ClientList,
  ctx: Exchange,
  body: Uint8Array | undefined,
  { refusals }: Pick<SendRouteOptions, 'refusals'>,
): Owner | undefined {
  const { headers } = ctx.req;
  let best: { unproven: Unproven; client: Client } | undefined;
  for (const client of clients) {
    const { caller } = client;
    if (caller.needsBody(headers) !== (body !== undefined)) continue;
    try {
      const proof = caller.prove({ headers }, body);
      ctx.state.toAnswer = (error) => caller.failed(error, ctx.state.id);
      ctx.state.caller = caller.name;
      return { ...client, proof };
    } catch (error) {
      if (!(error instanceof Unproven)) throw error;
      if (best === undefined || nearness(error) > nearness(best.unproven))
        best = { unproven: error, client };
    }
  }
  const mayComeWithBody =
    body === undefined && clients.some(({ caller }) => caller.needsBody(headers));
  if (mayComeWithBody) return undefined;
  if (best === undefined) throw new Error('no caller was asked');
  const { unproven, client } = best;
  ctx.state.suspected = client.caller.name;
  ctx.state.toAnswer = (error) => client.caller.failed(error, ctx.state.id);
  const { code, detail, message } = unproven;
  refusals.warn(message, () => ({
    event: 'token_refused',
    id: ctx.state.id,
    client: ctx.state.client(),
    code,
    ...unproven.fields,
  }));
  throw new SendError(code, { detail, cause: unproven });
}

/**
 * As {@link ownerOf} while no time can be judged. Whoever else asks is told that, and not whether a
 * token would do.
 * @throws SendError `clock_unset`
 */
export function ownerWithoutTimes(
  clients: ClientList,
  ctx: Exchange,
  body: Uint8Array | undefined,
  options: SendRouteOptions,
): Owner | undefined {
  const { headers } = ctx.req;
  let mayComeWithBody = false;
  for (const client of clients) {
    const { caller } = client;
    const needsBody = caller.needsBody(headers);
    mayComeWithBody ||= needsBody && body === undefined;
    if (needsBody !== (body !== undefined)) continue;
    try {
      const proof = caller.prove({ headers, ignoresTimes: true }, body);
      ctx.state.toAnswer = (error) => caller.failed(error, ctx.state.id);
      ctx.state.caller = caller.name;
      return { ...client, proof };
    } catch (error) {
      if (!(error instanceof Unproven)) throw error;
    }
  }
  if (!mayComeWithBody) refuseIfUnable(options, ctx.state);
  return undefined;
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

/** Of several callers that a request is not of, the one it is most likely to be of tells why. */
function nearness({ code, check }: Unproven): number {
  if (code === 'token_missing') return 0;
  if (check === 'scheme' || check === 'form') return 1;
  // Past the signature: it has the secret.
  return check === 'signature' || check === 'credential' ? 2 : 3;
}

/** What its caller is answered, once all its messages have settled or are promised. */
async function serve(
  { caller, terms, proof }: Owner,
  request: Request,
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
  request: Request,
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
    log.info('message promised', { ...commonFields(told), status: 202 });
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
function reading<T>(request: Request, { log }: SendRouteOptions, read: () => T): T {
  try {
    return read();
  } catch (error) {
    logFailure(log, request, toSendError(error));
    throw error;
  }
}

/** A caller may shorten its time, never lengthen it. */
function controlOf(
  ctx: Exchange,
  { deadlineMs, onSlow, lateDeadlineMs }: CallerTerms,
  { receivedAt, callerLeft }: Request,
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

/**
 * Before the token is looked at: with a clock that is not set, every token would look expired or
 * too young.
 */
export function refuseIfUnable(
  { isShuttingDown, clockIsSet, refusals }: SendRouteOptions,
  { id, client }: RequestState,
): void {
  const code = isShuttingDown() ? 'shutting_down' : clockIsSet() ? undefined : 'clock_unset';
  if (code === undefined) return;
  const detail = inabilities[code];
  refusals.warn(`refused a request: ${detail}`, () => ({
    event: 'request_refused',
    id,
    client: client(),
    status: problems[code].status,
    code,
  }));
  throw new SendError(code, { detail });
}

/**
 * Whose proof was taken without its times, and who is to be told nothing by it, also where the
 * clock was set meanwhile.
 * @throws SendError `shutting_down` or `clock_unset`
 */
export function refuseUnjudged(options: SendRouteOptions, state: RequestState): never {
  refuseIfUnable(options, state);
  throw new SendError('clock_unset', { detail: inabilities.clock_unset });
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
function waitMs(ctx: Exchange, longestMs: number): number {
  const { prefer } = ctx.req.headers;
  const waitS = prefer === undefined ? undefined : preferredWaitS(String(prefer));
  if (waitS === undefined || waitS * 1000 >= longestMs) return longestMs;
  ctx.res.setHeader('Preference-Applied', `wait=${waitS}`);
  return waitS * 1000;
}

/** What is told of a request in the log. */
interface Request {
  id: string;
  receivedAt: number;
  callerLeft: CallerLeave;
  /** Known once the body was valid. */
  message?: Message;
}

function logSuccess(log: Logger, outcome: Request, result: SendResult): void {
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

function logFailure(
  log: Logger,
  outcome: Request,
  error: SendError,
  failedAt = performance.now(),
): void {
  const { segments, modem, waitedMs, tookMs = failedAt - outcome.receivedAt } = error.progress;
  const { message } = outcome;
  // Written out: to spread common fields costs a refusal more than all else of its line.
  log.warn(failureWords[error.submitted], {
    event: 'message',
    id: message?.id ?? outcome.id,
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
    caller_left: outcome.callerLeft.aborted,
  });
}

function commonFields({ id, message }: Request) {
  return {
    event: 'message',
    id: message?.id ?? id,
    caller: message?.caller,
    recipient: message && maskNumber(message.recipient),
  };
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
