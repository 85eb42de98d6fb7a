/**
 * Auth0's custom SMS gateway, and whoever else signs a JWT: `POST /sms` with a bearer token (RFC
 * 6750), the message as JSON whatever the content type says, problem details (RFC 9457) for what
 * failed. Auth0 shows its operator the status and nothing else.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import * as v from 'valibot';
import { SendError } from '../../errors.js';
import type { VerifyBearer } from '../bearer.js';
import { parseBody } from '../body.js';
import { toProblemAnswer } from '../problem.js';
import type { Caller, ReadMessage } from './caller.js';

export interface Auth0Options {
  verify: VerifyBearer;
  /** Milliseconds, as configured now; Auth0 hangs up after 30 s. */
  deadlineMs: () => number;
}

/** The caller who holds the secret of `[auth0]`. */
export function auth0Caller({ verify, deadlineMs }: Auth0Options): Caller {
  return {
    path: '/sms',
    get longestWaitMs() {
      return deadlineMs();
    },
    provenBy: 'headers',
    authenticate: ({ headers, id, client }) => verify(headers.authorization ?? '', id, client),
    read: (body, headers) => ({ ...readMessage(parseBody(body)), ...keyIn(headers) }),
    accepted({ id, segments, modem, references, tookMs, isReplay }) {
      return {
        status: 200,
        headers: {
          'Content-Type': 'application/json; charset=utf-8',
          ...(isReplay && { 'Idempotent-Replayed': 'true' }),
        },
        body: JSON.stringify({ id, segments, modem, references, took_ms: Math.round(tookMs) }),
      };
    },
    failed: toProblemAnswer,
  };
}

/**
 * Opaque, but for a bound on its length and what a header may hold
 * (draft-ietf-httpapi-idempotency-key-header 2.1).
 */
function keyIn(headers: IncomingHttpHeaders): { idempotencyKey?: string } {
  const header = headers['idempotency-key'] ?? '';
  if (header === '') return {};
  if (typeof header === 'string' && /^[\x20-\x7e]{1,255}$/.test(header))
    return { idempotencyKey: header };
  throw new SendError('request_malformed', {
    detail: 'Idempotency-Key must be 1 to 255 printable ASCII characters',
  });
}

/**
 * Nothing that anybody could see: white space, controls, and what has no width or is drawn as a
 * blank.
 */
const blank = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/** Characters; it is remembered with the message and only compared. */
const maxMessageType = 64;

const optionalText = (message: string) => v.nullish(v.string(message));

/**
 * Unknown keys are left out. Of `req`, which describes the end user's own request, only the address
 * is of use, for a limit.
 */
const messageBody = v.object(
  {
    recipient: v.string('recipient must be a string'),
    body: v.pipe(
      v.string('body must be a string'),
      v.nonEmpty('body must not be empty'),
      v.check((text) => !blank.test(text), 'body must not be blank'),
      v.check(
        (text) => !/\p{Surrogate}/u.test(text),
        'body holds half a character (a lone surrogate)',
      ),
    ),
    sender: optionalText('sender must be a string'),
    message_type: v.nullish(
      v.pipe(
        v.string('message_type must be a string'),
        v.check(
          (text) => Array.from(text).length <= maxMessageType,
          `message_type must have ${maxMessageType} characters at most`,
        ),
      ),
    ),
    req: v.optional(v.unknown()),
  },
  'the body must be a JSON object',
);

/** @throws SendError `body_invalid` */
function readMessage(json: unknown): ReadMessage {
  const parsed = v.safeParse(messageBody, json, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const key = v.getDotPath(issue);
    const isMissing = key !== null && issue.input === undefined;
    throw new SendError('body_invalid', {
      detail: isMissing ? `${key} is missing` : issue.message,
    });
  }
  const { recipient, body, sender, message_type: messageType, req } = parsed.output;
  const clientIp = clientIpOf(req);
  return {
    recipient,
    text: body,
    ...(messageType != null && { messageType: wellFormed(messageType) }),
    ...(sender != null && { sender: wellFormed(sender) }),
    ...(clientIp !== undefined && { clientIp }),
  };
}

/**
 * What is no address is left out: what Auth0 sends there is not documented well enough to refuse a
 * login for it.
 */
function clientIpOf(req: unknown): string | undefined {
  if (typeof req !== 'object' || req === null || !('ip' in req)) return undefined;
  return typeof req.ip === 'string' && isIP(req.ip) !== 0 ? req.ip : undefined;
}

/** Lone surrogates in what is only compared are no reason to refuse a message. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
