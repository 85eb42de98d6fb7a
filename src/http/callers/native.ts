/**
 * simgate's own format, which most callers can be taught: `{recipient, body, sender?,
 * message_type?, req.ip?}` in, the verdict as JSON or problem details (RFC 9457) out.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import * as v from 'valibot';
import type { SendResult } from '../../dispatch/message.js';
import { SendError } from '../../errors.js';
import { isBlank } from '../../words/blank.js';
import { type HttpAnswer, jsonLine, type ReadMessage } from './caller.js';
import { checked, wellFormed } from './shape.js';

const jsonType = 'application/json; charset=utf-8';

/**
 * The key in the header.
 * Opaque, but for a bound on its length and what a header may hold
 * (draft-ietf-httpapi-idempotency-key-header 2.1).
 * @throws SendError `request_malformed`
 */
export function keyIn(headers: IncomingHttpHeaders): { idempotencyKey?: string } {
  const header = headers['idempotency-key'] ?? '';
  return header === '' ? {} : { idempotencyKey: checkedKey(header, 'Idempotency-Key') };
}

function checkedKey(value: unknown, name: string): string {
  if (typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value)) return value;
  throw new SendError('request_malformed', {
    detail: `${name} must be 1 to 255 printable ASCII characters`,
  });
}

/** Characters; it is remembered with the message and only compared. */
const maxMessageType = 64;

/** A text that is to be sent as it is, named `name` in what is said of it. */
export const textField = (name: string) =>
  v.pipe(
    v.string(`${name} must be a string`),
    v.nonEmpty(`${name} must not be empty`),
    v.check((text) => !isBlank(text), `${name} must not be blank`),
    v.check(
      (text) => !/\p{Surrogate}/u.test(text),
      `${name} holds half a character (a lone surrogate)`,
    ),
  );

const optionalText = (message: string) => v.nullish(v.string(message));

/**
 * Unknown keys are left out. Of `req`, which describes the end user's own request, only the address
 * is of use, for a limit.
 */
const messageBody = v.object(
  {
    recipient: v.string('recipient must be a string'),
    body: textField('body'),
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
export function readNative(value: unknown): ReadMessage {
  const { recipient, body, sender, message_type: messageType, req } = checked(messageBody, value);
  const clientIp = typeof req === 'object' && req !== null && 'ip' in req ? req.ip : undefined;
  return {
    recipient,
    text: body,
    ...(messageType != null && { messageType: wellFormed(messageType) }),
    ...(sender != null && { sender: wellFormed(sender) }),
    ...clientIpIn(clientIp),
  };
}

/** The key that stands beside the message, from a caller that cannot set a header of its own. */
export function keyBeside(value: unknown): { idempotencyKey?: string } {
  if (typeof value !== 'object' || value === null || !('idempotency_key' in value)) return {};
  const key = value.idempotency_key;
  return key == null || key === '' ? {} : { idempotencyKey: checkedKey(key, 'idempotency_key') };
}

/**
 * What is no address is left out: what callers send there is not documented well enough to refuse a
 * login for it.
 */
export function clientIpIn(value: unknown): { clientIp?: string } {
  return typeof value === 'string' && isIP(value) !== 0 ? { clientIp: value } : {};
}

/** 200: the network has it. */
export function acceptedAsJson([result]: readonly [SendResult, ...SendResult[]]): HttpAnswer {
  const { id, segments, modem, references, tookMs, isReplay } = result;
  return {
    status: 200,
    headers: {
      'Content-Type': jsonType,
      ...(isReplay && { 'Idempotent-Replayed': 'true' }),
    },
    body: jsonLine({ id, segments, modem, references, took_ms: Math.round(tookMs) }),
  };
}

/** 202 (RFC 9110 15.3.3): where its verdict can be read. */
export function takenAsJson(id: string): HttpAnswer {
  return {
    status: 202,
    headers: { 'Content-Type': jsonType, Location: `/sms/${id}` },
    body: jsonLine({ id, state: 'sending' }),
  };
}

/** An answer in JSON; `type` where a caller's format insists on another. */
export const jsonAnswer = (status: number, value: object, type = jsonType): HttpAnswer => ({
  status,
  headers: { 'Content-Type': type },
  body: JSON.stringify(value),
});
