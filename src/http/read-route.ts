import type { IncomingHttpHeaders } from 'node:http';
import type Koa from 'koa';
import { SendError, type Submitted } from '../errors.js';
import { type Caller, jsonLine, Unproven } from './callers/caller.js';
import type { RequestState } from './error-exit.js';
import {
  type ClientList,
  type JudgingOptions,
  type Owner,
  ownerOf,
  type Proving,
  refuseIfUnable,
  refuseUnjudged,
} from './owner.js';

/**
 * What is known of a message. `waiting`: no modem has it; `sending`: one has; `sent`: the network
 * has accepted it; `delivered`: the recipient has it; `failed`: not all of it was submitted;
 * `unknown`: nobody knows.
 */
export type MessageStanding = 'waiting' | 'sending' | 'sent' | 'delivered' | 'failed' | 'unknown';

export interface KnownMessage {
  standing: MessageStanding;
  /** Wall-clock milliseconds at which it was asked for. */
  atMs: number;
  /** Of the problem, where it failed or is unknown. */
  code?: string | undefined;
  submitted?: 'yes' | Submitted | undefined;
  segments?: number | undefined;
  modem?: string | undefined;
  references?: readonly number[] | undefined;
  waitedMs?: number | undefined;
  tookMs?: number | undefined;
  /** Wall-clock milliseconds at which the last was learnt, where that was after its answer. */
  settledAtMs?: number | undefined;
  /** What the network has reported; undefined where no report was asked for. */
  delivery?: KnownDelivery | undefined;
}

/** What is known of a message's delivery. */
export interface KnownDelivery {
  /** `none`: nothing came yet, and nothing may ever. */
  state: string;
  /** Wall-clock milliseconds at which the last report came. */
  atMs?: number | undefined;
  /** TP-ST of the segment that decides (3GPP TS 23.040 9.2.3.15). */
  status?: number | undefined;
  /** Milliseconds from the network's taking it to its delivery. */
  tookMs?: number | undefined;
}

/** Looks a caller's message up by its id; undefined when there is none of that caller. */
export type FindMessage = (id: string, caller: string) => Promise<KnownMessage | undefined>;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * What became of a message, for the caller who asked for it: `GET /sms/{id}`. While the clock is
 * not set, a proof of any age may ask, as it may by a repeat: an id that nobody can guess was told
 * to who had the secret alone, and neither number nor text is told. Whoever asks in vain then is
 * told of the clock, and not whether the proof would do.
 */
export function readRoute(
  clients: ClientList,
  options: JudgingOptions & { find: FindMessage },
): Koa.Middleware<RequestState> {
  return async (ctx) => {
    const isClockSet = options.clockIsSet();
    if (isClockSet || options.isShuttingDown()) refuseIfUnable(options, ctx.state);
    const proving: Proving = { ignoresTimes: !isClockSet };
    const owner = ownerHere(clients, ctx, proving, options);
    const id = String(ctx.params.id);
    const found =
      owner && uuid.test(id) ? await findFor(clients, ctx, id, proving, options) : undefined;
    if (found === undefined && !isClockSet) refuseUnjudged(options, ctx.state);
    if (found === undefined)
      throw new SendError('not_found', { detail: 'there is no message of yours with this id' });
    const { standing, atMs, settledAtMs, waitedMs, tookMs, code, submitted, segments } = found;
    ctx.set('Content-Type', 'application/json; charset=utf-8');
    ctx.body = jsonLine({
      id,
      state: standing,
      at: new Date(atMs).toISOString(),
      code,
      submitted,
      segments,
      modem: found.modem,
      references: found.references,
      waited_ms: waitedMs,
      took_ms: tookMs,
      settled_at: settledAtMs === undefined ? undefined : new Date(settledAtMs).toISOString(),
      delivery: found.delivery && deliveryAsJson(found.delivery),
    });
  };
}

function deliveryAsJson({ state, atMs, status, tookMs }: KnownDelivery): object {
  const at = atMs === undefined ? undefined : new Date(atMs).toISOString();
  return { state, at, tp_status: status, took_ms: tookMs };
}

/** Only what is posted is answered in the caller's own form. */
function ownerHere(
  clients: ClientList,
  ctx: Koa.ParameterizedContext<RequestState>,
  proving: Proving,
  options: JudgingOptions,
): Owner | undefined {
  try {
    return ownerOf(clients, ctx, undefined, options, proving);
  } finally {
    delete ctx.state.toAnswer;
  }
}

/**
 * Of whichever caller the credential fits: two at different paths, which tell them apart when they
 * post, may have the same.
 */
async function findFor(
  clients: ClientList,
  { req: { headers } }: Koa.ParameterizedContext<RequestState>,
  id: string,
  proving: Proving,
  { find }: { find: FindMessage },
): Promise<KnownMessage | undefined> {
  for (const { caller } of clients) {
    const found = isProven(caller, headers, proving) ? await find(id, caller.name) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isProven(caller: Caller, headers: IncomingHttpHeaders, proving: Proving): boolean {
  if (caller.needsBody(headers)) return false;
  try {
    caller.prove({ headers, ...proving }, undefined);
    return true;
  } catch (error) {
    if (error instanceof Unproven) return false;
    throw error;
  }
}
