/**
 * What differs between those who ask for messages: where they post, how they prove who they are,
 * how they write a message and want to be answered. One file a kind in this folder, listed in
 * `kinds.ts`; the rest of `http` knows none of them, and they know nothing of Koa, of modems and of
 * each other. A request goes `sendRoute` → `prove` → `read` → dispatch → `accepted`, `taken` or
 * `failed`.
 */

import type { IncomingHttpHeaders } from 'node:http';
import type { SendResult } from '../../dispatch/message.js';
import type { SendError, SendErrorCode } from '../../errors.js';

/** A request before its body is read. */
export interface CallerRequest {
  headers: IncomingHttpHeaders;
  /**
   * What a proof says of time is not looked at: our clock is behind, and only a repeat of what was
   * asked for before is to be told what became of it. All else is judged as ever.
   */
  ignoresTimes?: boolean;
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
  /** What makes another request a repeat, where there is no key; default: the text. */
  repeatOf?: string;
}

/** An answer before it is written. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** A value as JSON with a newline at its end: after curl the shell's prompt begins a line. */
export const jsonLine = (value: unknown): string => `${JSON.stringify(value)}\n`;

/** What of a proof binds the request to its message. */
export interface Proof {
  /**
   * Names this one token (`jti`, RFC 7519 4.1.7), which also expires: with it the same message is
   * asked for again, or the token is a stolen one.
   */
  tokenId?: string;
}

/** Why a request is not this caller's; any caller at the same path may still own it. */
export class Unproven extends Error {
  override readonly name = 'Unproven';
  readonly code: Extract<SendErrorCode, 'token_missing' | 'token_invalid' | 'token_expired'>;
  /** For who asked: without what we expect. */
  readonly detail: string;
  /** What was checked, as `signature`. */
  readonly check: string | undefined;
  readonly #more: () => Record<string, unknown>;

  /**
   * @param reason a sentence for the log
   * @param more whatever else may be told of the request; asked for where it is told only
   */
  constructor(
    code: Unproven['code'],
    { reason, detail, check }: { reason: string; detail: string; check?: string },
    more: () => Record<string, unknown> = () => ({}),
  ) {
    // Of ten callers at a path nine say that it is not theirs, and nobody reads where.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(reason);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.detail = detail;
    this.check = check;
    this.#more = more;
  }

  /** For the log. */
  get fields(): Record<string, unknown> {
    return { ...(this.check !== undefined && { check: this.check }), ...this.#more() };
  }
}

/** Who may ask for messages, in one format. */
export interface Caller {
  /** As configured: in logs, metrics and the journal; the scope of keys, limits and superseding. */
  readonly name: string;
  /** Of the public listener, as `/sms`. */
  readonly path: string;
  /**
   * Whether the proof covers the body of a request with such headers. Without, a stranger's body is
   * never read; with, {@link prove} gets its octets (64 KiB at most). A request whose headers
   * cannot be this caller's needs no body either.
   */
  needsBody(headers: IncomingHttpHeaders): boolean;
  /**
   * Returns when the request is this caller's.
   * @throws Unproven
   */
  prove(request: CallerRequest, body: Uint8Array | undefined): Proof;
  /**
   * The messages that are asked for, one or more.
   * @throws SendError `body_invalid` or `request_malformed`; its detail never quotes the body
   */
  read(body: Uint8Array, headers: IncomingHttpHeaders): ReadMessage[];
  /** The network has every segment of each message. */
  accepted(results: readonly [SendResult, ...SendResult[]]): HttpAnswer;
  /** It is on its way, and its caller waits no longer (`on_slow = "202"`). */
  taken(id: string): HttpAnswer;
  /**
   * Anything else, in the form that this caller shows to people; the status is that of the code.
   */
  failed(error: SendError, requestId: string): HttpAnswer;
}
