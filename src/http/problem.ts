import { STATUS_CODES } from 'node:http';
import type { SendError, SendErrorCode } from '../errors.js';
import { asItMayLeave, escapeControls, withoutNumbers } from '../words/foreign.js';
import { type HttpAnswer, jsonLine } from './callers/caller.js';

interface ProblemKind {
  /**
   * The HTTP status (RFC 9110 15, RFC 6585 5). Auth0 shows its operator nothing else, so each means
   * one thing.
   */
  status: number;
  title: string;
  /** `Retry-After` in seconds when the error knows no better; every 503 has one. */
  retryAfterS?: number;
}

/** THE table: the answer to each code. */
export const problems: Readonly<Record<SendErrorCode, ProblemKind>> = {
  body_invalid: { status: 400, title: 'The body of the request is not what was agreed' },
  recipient_invalid: {
    status: 400,
    title: 'The recipient is not an international telephone number',
  },
  text_too_long: { status: 400, title: 'The text needs more segments than are allowed' },
  request_malformed: { status: 400, title: 'The request is not proper HTTP' },
  token_missing: { status: 401, title: 'There is no bearer token' },
  token_invalid: { status: 401, title: 'The bearer token is not valid' },
  token_expired: { status: 401, title: 'The bearer token has expired' },
  recipient_not_allowed: { status: 403, title: 'The policy does not allow to send to this number' },
  not_found: { status: 404, title: 'There is nothing at this path' },
  method_not_allowed: { status: 405, title: 'This path does not take this method' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  superseded: {
    status: 409,
    title: 'A newer message to the same recipient took the place of this one',
  },
  body_too_large: { status: 413, title: 'The body of the request is too large' },
  expectation_failed: { status: 417, title: 'The expectation cannot be met' },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key was used for another request',
  },
  rate_limited: { status: 429, title: 'A limit on how often is reached', retryAfterS: 60 },
  headers_too_large: { status: 431, title: 'The header of the request is too large' },
  internal: { status: 500, title: 'An error within simgate' },
  network_refused: { status: 502, title: 'The network or the modem refused the message' },
  partly_submitted: { status: 502, title: 'Only a part of the message was submitted' },
  no_modem_ready: { status: 503, title: 'No modem is ready', retryAfterS: 10 },
  queue_full: { status: 503, title: 'Too many messages are waiting', retryAfterS: 5 },
  deadline_unreachable: {
    status: 503,
    title: 'The message cannot be sent in time',
    retryAfterS: 5,
  },
  sim_cap_reached: {
    status: 503,
    title: 'The cap on what the SIM may send is reached',
    retryAfterS: 600,
  },
  clock_unset: {
    status: 503,
    title: 'The clock of the gateway is not set, so it cannot judge tokens',
    retryAfterS: 30,
  },
  shutting_down: { status: 503, title: 'The gateway is stopping', retryAfterS: 10 },
  outcome_unknown: { status: 504, title: 'It is not known whether the network took the message' },
};

/**
 * The answer to `error` as problem details (RFC 9457). `id` is that of the request, as in the log.
 */
export function toProblemAnswer(error: SendError, id: string): HttpAnswer {
  const { status, title, retryAfterS } = problems[error.code];
  const silent = error.code === 'internal';
  const body = jsonLine({
    type: `urn:simgate:problem:${error.code}`,
    title,
    status,
    detail: silent ? undefined : asItMayLeave(error.detail),
    code: error.code,
    submitted: error.submitted,
    id,
    cause_code: silent ? undefined : asItMayLeave(error.causeCode),
  });
  const headers: Record<string, string> = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
  };
  if (status === 401) headers['WWW-Authenticate'] = challenge(error.code, title);
  if (status === 503 || status === 429)
    headers['Retry-After'] = retryAfter(error, retryAfterS ?? 1);
  return { status, headers, body };
}

/** The answer as one sentence, for callers that show it to people. */
export function sentenceOf({ code, detail }: SendError): string {
  const { title } = problems[code];
  return code === 'internal' ? title : escapeControls(withoutNumbers(detail ?? title));
}

/** The same for a socket on which Node has no response object; the connection ends after it. */
export function toRawAnswer({ status, headers, body }: HttpAnswer): string {
  const fields = { ...headers, Date: new Date().toUTCString(), Connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}

/** RFC 6750 3: no error code where there was no token at all. */
function challenge(code: SendErrorCode, title: string): string {
  const reason =
    code === 'token_missing' ? '' : `, error="invalid_token", error_description="${title}"`;
  return `Bearer realm="simgate"${reason}`;
}

/** Whole seconds, rounded up, so that nobody comes too early (RFC 9110 10.2.3). */
function retryAfter({ retryAfterMs }: SendError, otherwiseS: number): string {
  return String(
    retryAfterMs === undefined ? otherwiseS : Math.max(1, Math.ceil(retryAfterMs / 1000)),
  );
}
