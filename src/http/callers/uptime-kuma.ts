/**
 * Uptime Kuma's notification "SMSGateway" (louislam/uptime-kuma, since 2.5.1): `{to, body}` with
 * `X-API-Key`. A status that is no 2xx, or `status: "failed"`, is a failure.
 */

import * as v from 'valibot';
import { parseBody } from '../body.js';
import { problems, sentenceOf } from '../problem.js';
import type { Caller } from './caller.js';
import { jsonAnswer, textField } from './native.js';
import type { CallerSettings } from './settings.js';
import { checked } from './shape.js';
import { headerProof } from './static.js';

const message = v.object(
  { to: v.string('to must be a string'), body: textField('body') },
  'the body must be a JSON object',
);

export function uptimeKumaCaller({ name, path, secrets }: CallerSettings): Caller {
  const proof = headerProof('X-API-Key');
  return {
    name,
    path,
    needsBody: () => false,
    prove: ({ headers }) => proof(headers, secrets()),
    read(octets) {
      const { to, body } = checked(message, parseBody(octets));
      return [{ recipient: to, text: body }];
    },
    accepted: ([{ id }]) => jsonAnswer(200, { id, status: 'sent' }),
    taken: (id) => jsonAnswer(202, { id, status: 'queued' }),
    failed(error, id) {
      const { code } = error;
      const message = sentenceOf(error);
      return jsonAnswer(problems[code].status, { id, status: 'failed', code, message });
    },
  };
}
