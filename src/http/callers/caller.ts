/**
 * What differs between those who ask for messages: where they post, how they prove who they are,
 * how they write a message and want to be answered. One file a kind in this folder, listed in
 * `kinds.ts`; the rest of `http` knows none of them, and they know nothing of Koa, of modems and of
 * each other. A request goes `sendRoute` → `authenticate` → `read` → dispatch → `accepted`, or
 * `failed`.
 */

import type { IncomingHttpHeaders } from 'node:http';
import type { SendResult } from '../../dispatch/message.js';
import type { SendError } from '../../errors.js';

/** A request before its body is read. */
export interface CallerRequest {
  headers: IncomingHttpHeaders;
  /** UUID, in the answer and in every log line. */
  id: string;
  /** Its address, for the log of refusals and nothing else. */
  client: string;
}

/**
 * A message as a caller wrote it; what is common to all kinds is checked later, the number above
 * all.
 */
export interface ReadMessage {
  /** As it was written. */
  recipient: string;
  /** Whole characters (no lone surrogates), and not blank. */
  text: string;
  messageType?: string;
  sender?: string;
  /** An IP address. */
  clientIp?: string;
  /** 1–255 characters. */
  idempotencyKey?: string;
}

/** An answer before it is written. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Caller {
  /** Of the public listener, as `/sms`. */
  readonly path: string;
  /**
   * Milliseconds from the request's header to its answer, at most; `Prefer: wait=N` may shorten it.
   */
  readonly longestWaitMs: number;
  /**
   * What proves who it is. With `headers` a stranger's body is never read; with `body`, which a
   * signature covers, {@link authenticate} gets its octets (64 KiB at most).
   */
  readonly provenBy: 'headers' | 'body';
  /**
   * Names the caller: the scope of its keys, limits and superseding.
   * @throws SendError `token_missing`, `token_invalid` or `token_expired`
   */
  authenticate(request: CallerRequest, body: Uint8Array | undefined): Promise<string>;
  /** @throws SendError `body_invalid` or `request_malformed`; its detail never quotes the body */
  read(body: Uint8Array, headers: IncomingHttpHeaders): ReadMessage;
  /** The network has every segment. */
  accepted(result: SendResult): HttpAnswer;
  /**
   * Anything else, in the form that this caller shows to people; the status is that of the code.
   */
  failed(error: SendError, requestId: string): HttpAnswer;
}
