/**
 * A credential that never changes, on the native route: for whoever can post JSON or a form with a
 * header, and cannot sign. `bearer` (RFC 6750 2.1), `basic` (RFC 7617) and `header` (any name).
 */

import type { IncomingHttpHeaders } from 'node:http';
import { SendError } from '../../errors.js';
import { parseBody } from '../body.js';
import { toProblemAnswer } from '../problem.js';
import { type Caller, type Proof, Unproven } from './caller.js';
import { acceptedAsJson, keyBeside, keyIn, readNative, takenAsJson } from './native.js';
import type { CallerSettings } from './settings.js';
import { isOneOf, proofHeader, wrongCredential } from './signature.js';

/** What a request has to show, by the kind of the credential. */
export type StaticProof = (headers: IncomingHttpHeaders, secrets: readonly Uint8Array[]) => Proof;

/** `Authorization: Bearer SECRET`. */
export const bearerProof: StaticProof = (headers, secrets) => {
  const credential = /^bearer +(?<token>\S+)$/i.exec(proofHeader(headers, 'Authorization'));
  const token = credential?.groups?.token;
  if (token === undefined) throw otherScheme('Bearer');
  if (!isOneOf(secrets, token)) throw wrongCredential('Authorization');
  return {};
};

/** `Authorization: Basic …` with this user's name and the secret as password. */
export const basicProof =
  (username: string): StaticProof =>
  (headers, secrets) => {
    const value = proofHeader(headers, 'Authorization');
    const encoded = /^basic +(?<encoded>[A-Za-z0-9+/]+)={0,2}$/i.exec(value)?.groups?.encoded;
    const octets = Buffer.from(encoded ?? '', 'base64');
    // Node reads over what is no base64 (RFC 4648 4).
    if (encoded === undefined || octets.toString('base64').replace(/=+$/, '') !== encoded)
      throw otherScheme('Basic');
    const [user = '', ...password] = octets.toString('utf8').split(':');
    const isKnown = isOneOf(secrets, password.join(':'));
    if (!isOneOf([Buffer.from(username)], user) || !isKnown) throw wrongCredential('Authorization');
    return {};
  };

/** The whole value of a header; of `Authorization` with or without the word Bearer. */
export const headerProof =
  (name: string): StaticProof =>
  (headers, secrets) => {
    const value = proofHeader(headers, name);
    const bare = name.toLowerCase() === 'authorization' ? value.replace(/^bearer +/i, '') : value;
    const isKnown = isOneOf(secrets, value);
    if (!isOneOf(secrets, bare) && !isKnown) throw wrongCredential(name);
    return {};
  };

function otherScheme(expected: string): Unproven {
  const detail = `the Authorization header must be of the scheme ${expected}`;
  return new Unproven('token_invalid', { check: 'scheme', reason: detail, detail });
}

/** A caller on the native route that is known by such a credential. */
export function staticCaller(settings: CallerSettings, proof: StaticProof): Caller {
  return {
    name: settings.name,
    path: settings.path,
    needsBody: () => false,
    prove: ({ headers }) => proof(headers, settings.secrets()),
    read(body, headers) {
      const value = isForm(headers) ? parseForm(body) : parseBody(body);
      return [{ ...readNative(inOurWords(value)), ...keyBeside(value), ...keyIn(headers) }];
    },
    accepted: acceptedAsJson,
    taken: takenAsJson,
    failed: toProblemAnswer,
  };
}

/**
 * FusionAuth's generic messenger (`generic-message-request.json`) has names of its own, and nobody
 * can teach it others; `type` is there since it makes calls, too.
 * @throws SendError `body_invalid` for a call
 */
function inOurWords(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { recipient, phoneNumber, textMessage, type } = value as Record<string, unknown>;
  if (recipient != null || phoneNumber == null) return value;
  if (type != null && !/^sms$/i.test(typeof type === 'string' ? type : ''))
    throw new SendError('body_invalid', { detail: 'type must be "SMS": there is no voice here' });
  return { recipient: phoneNumber, body: textMessage };
}

function isForm(headers: IncomingHttpHeaders): boolean {
  return /^application\/x-www-form-urlencoded *(?:;|$)/i.test(headers['content-type'] ?? '');
}

/**
 * A form (https://url.spec.whatwg.org/#application/x-www-form-urlencoded) as an object. A name that
 * stands there twice is refused, for two readers could understand it differently.
 * @throws SendError `body_invalid`
 */
function parseForm(octets: Uint8Array): Record<string, string> {
  // Some write a letter as it is and not by its percent signs, and mean UTF-8. What is not is
  // found below.
  const fields = new URLSearchParams(Buffer.from(octets).toString('utf8'));
  const names = [...fields.keys()];
  if (new Set(names).size !== names.length)
    throw new SendError('body_invalid', { detail: 'the form names a field twice' });
  const form: Record<string, string> = Object.fromEntries(fields);
  if (Object.values(form).some((value) => value.includes('\ufffd')))
    throw new SendError('body_invalid', { detail: 'the form is not percent-encoded UTF-8' });
  return form;
}
