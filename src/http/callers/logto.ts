/**
 * Logto's HTTP SMS connector (logto-io/logto, `packages/connectors/connector-http-sms`): a code and
 * no text, a number of digits alone, the configured string as the whole Authorization header. What
 * we answer on a failure is shown to people as it is.
 */

import * as v from 'valibot';
import { parseBody } from '../body.js';
import { problems, sentenceOf } from '../problem.js';
import type { Caller } from './caller.js';
import { acceptedAsJson, clientIpIn, takenAsJson } from './native.js';
import type { CallerSettings } from './settings.js';
import { checked } from './shape.js';
import { headerProof } from './static.js';
import { checkedCode, fill } from './templates.js';

const message = v.object(
  {
    to: v.pipe(
      v.string('to must be a string'),
      v.regex(/^\+?\d{1,15}$/, 'to must be digits with the country code'),
    ),
    type: v.pipe(v.string('type must be a string'), v.maxLength(64)),
    payload: v.object({
      code: v.string('payload.code must be a string'),
      locale: v.nullish(v.pipe(v.string(), v.maxLength(64))),
    }),
    ip: v.optional(v.unknown()),
  },
  'the body must be a JSON object',
);

export function logtoCaller({ name, path, secrets, templates }: CallerSettings): Caller {
  const proof = headerProof('Authorization');
  return {
    name,
    path,
    needsBody: () => false,
    prove: ({ headers }) => proof(headers, secrets()),
    read(body) {
      const { to, type, payload, ip } = checked(message, parseBody(body));
      const code = checkedCode(payload.code, 'payload.code');
      return [
        {
          recipient: to.startsWith('+') ? to : `+${to}`,
          text: fill(templates(), { code, type, locale: payload.locale ?? undefined }),
          messageType: type,
          ...clientIpIn(ip),
        },
      ];
    },
    accepted: acceptedAsJson,
    taken: takenAsJson,
    failed(error) {
      return {
        status: problems[error.code].status,
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
        body: `${sentenceOf(error)} (${error.code})`,
      };
    },
  };
}
