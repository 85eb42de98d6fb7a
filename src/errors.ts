/**
 * The one error class that crosses layers, and the words for it (DESIGN: "Errors"). Lower layers
 * raise their own errors; `modem.submit` turns them into a {@link SendError} once, and `http` maps
 * its `code` to a status once.
 */

/**
 * Every `code` a caller can meet in a problem body (RFC 9457). `http/problem.ts` holds the status
 * of each.
 */
export const sendErrorCodes = [
  'body_invalid',
  'recipient_invalid',
  'text_too_long',
  'token_missing',
  'token_invalid',
  'token_expired',
  'recipient_not_allowed',
  'not_found',
  'method_not_allowed',
  'request_timeout',
  'body_too_large',
  'expectation_failed',
  'headers_too_large',
  'request_malformed',
  'superseded',
  'idempotency_key_reused',
  'rate_limited',
  'network_refused',
  'partly_submitted',
  'no_modem_ready',
  'queue_full',
  'deadline_unreachable',
  'sim_cap_reached',
  'clock_unset',
  'shutting_down',
  'outcome_unknown',
  'internal',
] as const;

export type SendErrorCode = (typeof sendErrorCodes)[number];

export function isSendErrorCode(text: string | undefined): text is SendErrorCode {
  return sendErrorCodes.some((code) => code === text);
}

/** What is known of the message at the network: nothing of it, some segments, or not known. */
export type Submitted = 'no' | 'partly' | 'unknown';

/** What the log says of a message that got no 200: what its caller is told, and no more. */
export const failureWords: Readonly<Record<Submitted, string>> = {
  no: 'message not sent',
  partly: 'message sent in part only',
  unknown: 'message may have been sent: its outcome is unknown',
};

export interface SendErrorOptions {
  /** Default `no`. */
  submitted?: Submitted;
  /**
   * What a person should read: names the thing, the place and the way out. Never a text, token, PIN
   * or whole number.
   */
  detail?: string;
  /** Milliseconds after which another try may succeed; becomes `Retry-After`. */
  retryAfterMs?: number;
  /**
   * True when the message was surely not sent and another modem, or this one a moment later, may
   * take it.
   */
  elsewhere?: boolean;
  /**
   * True when the refusal may lie with the SIM (no credit, barred) rather than with this message.
   */
  simSuspected?: boolean;
  /**
   * The network's or modem's own code, as `CMS 38` (3GPP TS 27.005 3.2.5) or `CME 14` (27.007 9.2).
   */
  causeCode?: string;
  cause?: unknown;
}

/**
 * How far a message came before it failed, for the log line and the journal; filled in by
 * `dispatch`.
 */
export interface SendProgress {
  segments?: number;
  modem?: string;
  waitedMs?: number;
  tookMs?: number;
}

/** Why a message was not (or not surely) submitted. */
export class SendError extends Error {
  override readonly name = 'SendError';
  readonly code: SendErrorCode;
  readonly submitted: Submitted;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly elsewhere: boolean;
  readonly simSuspected: boolean;
  readonly causeCode: string | undefined;
  progress: SendProgress = {};
  /** A row of the journal tells of it; what has none is counted (set by `dispatch`). */
  hasRow = false;

  constructor(code: SendErrorCode, options: SendErrorOptions = {}) {
    // A refusal is an answer and no bug: its stack, which nobody reads, would cost as much as all
    // the rest of it.
    const { stackTraceLimit } = Error;
    if (code !== 'internal') Error.stackTraceLimit = 0;
    super(options.detail ?? code, { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.submitted = options.submitted ?? 'no';
    this.detail = options.detail;
    this.retryAfterMs = options.retryAfterMs;
    this.elsewhere = options.elsewhere ?? false;
    this.simSuspected = options.simSuspected ?? false;
    this.causeCode = options.causeCode;
  }
}

/**
 * Anything thrown as a `SendError`: what is none is a bug, and then nobody knows what became of the
 * message.
 */
export function toSendError(error: unknown): SendError {
  return error instanceof SendError
    ? error
    : new SendError('internal', { submitted: 'unknown', cause: error });
}

/**
 * What the operator asked for cannot be done: a sentence for people that names the thing, the place
 * and the way out.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}
