/** Whose a request is, and whether any can be judged now. */

import { SendError } from '../errors.js';
import type { LimitedLog } from '../log.js';
import { type Caller, type Proof, Unproven } from './callers/caller.js';
import type { Exchange, RequestState } from './error-exit.js';
import { problems } from './problem.js';

/** What holds for the messages of one caller, as configured now. */
export interface CallerTerms {
  /** Milliseconds from the request's header to its answer; `Prefer: wait=N` may shorten it. */
  deadlineMs: number;
  /** Whether a caller may be told 202 at its deadline. */
  onSlow: '202' | '504';
  /** Milliseconds from the request's header after which what was promised is given up. */
  lateDeadlineMs: number;
  /** See `Message.repeatsMs`. */
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

/** Whose a request is, and what its proof binds it to. */
export interface Owner extends Client {
  proof: Proof;
}

/** What decides whether a request can be judged, and where a refusal of a stranger goes. */
export interface JudgingOptions {
  /** Whether the wall clock can be trusted to judge a token's times. */
  clockIsSet: () => boolean;
  isShuttingDown: () => boolean;
  /** Where refusals go that anyone on the network can cause. */
  refusals: LimitedLog;
}

/** How a proof is looked at. */
export interface Proving {
  /**
   * No time is judged, for the clock is not set. Who is nobody's is told that then, and not whether
   * a token would do.
   */
  ignoresTimes: boolean;
}

/**
 * The caller at this path whose request it is. Undefined when only the body can tell: it is read
 * for a request whose headers may be those of a caller that signs it, and for no other.
 * @throws SendError `token_missing`, `token_invalid` or `token_expired`; with `ignoresTimes`
 *   `clock_unset` or `shutting_down` instead
 */
export function ownerOf(
  clients: ClientList,
  ctx: Exchange,
  body: Uint8Array | undefined,
  options: JudgingOptions,
  { ignoresTimes }: Proving,
): Owner | undefined {
  const { headers } = ctx.req;
  let best: { unproven: Unproven; caller: Caller } | undefined;
  let mayComeWithBody = false;
  for (const client of clients) {
    const { caller } = client;
    const needsBody = caller.needsBody(headers);
    mayComeWithBody ||= needsBody && body === undefined;
    if (needsBody !== (body !== undefined)) continue;
    try {
      const proof = caller.prove({ headers, ignoresTimes }, body);
      ctx.state.toAnswer = (error) => caller.failed(error, ctx.state.id);
      ctx.state.caller = caller.name;
      return { ...client, proof };
    } catch (error) {
      if (!(error instanceof Unproven)) throw error;
      if (best === undefined || nearness(error) > nearness(best.unproven))
        best = { unproven: error, caller };
    }
  }
  if (mayComeWithBody) return undefined;
  if (ignoresTimes) refuseUnjudged(options, ctx.state);
  if (best === undefined) throw new Error('no caller was asked');
  refuseUnproven(best.unproven, best.caller, ctx.state, options);
}

/** Of several callers that a request is not of, the one it is most likely to be of tells why. */
function nearness({ code, check }: Unproven): number {
  if (code === 'token_missing') return 0;
  if (check === 'scheme' || check === 'form') return 1;
  // Past the signature: it has the secret.
  return check === 'signature' || check === 'credential' ? 2 : 3;
}

function refuseUnproven(
  unproven: Unproven,
  caller: Caller,
  state: RequestState,
  { refusals }: JudgingOptions,
): never {
  state.suspected = caller.name;
  state.toAnswer = (error) => caller.failed(error, state.id);
  const { code, detail, message } = unproven;
  refusals.warn(message, () => ({
    event: 'token_refused',
    id: state.id,
    client: state.client(),
    code,
    ...unproven.fields,
  }));
  throw new SendError(code, { detail, cause: unproven });
}

/**
 * Before the token is looked at: with a clock that is not set, every token would look expired or
 * too young.
 * @throws SendError `shutting_down` or `clock_unset`
 */
export function refuseIfUnable(
  { isShuttingDown, clockIsSet, refusals }: JudgingOptions,
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
 * Nobody could be judged by times, also where the clock was set meanwhile.
 * @throws SendError `shutting_down` or `clock_unset`
 */
export function refuseUnjudged(options: JudgingOptions, state: RequestState): never {
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
