/**
 * Authgear's custom SMS gateway (authgear/authgear-server, `pkg/lib/infra/sms/custom`): the text as
 * it is to be sent, signed over the body without a time. The `code` in our answer decides, whatever
 * the status.
 */

import * as v from 'valibot';
import type { SendErrorCode } from '../../errors.js';
import { parseBody } from '../body.js';
import { problems, sentenceOf } from '../problem.js';
import { type Caller, Unproven } from './caller.js';
import { jsonAnswer, textField } from './native.js';
import type { CallerSettings } from './settings.js';
import { checked, label } from './shape.js';
import { isSignedByAny, proofHeader, wrongSignature } from './signature.js';

const header = 'x-authgear-body-signature';

const message = v.object(
  {
    to: v.string('to must be a string'),
    body: textField('body'),
    template_name: label,
  },
  'the body must be a JSON object',
);

export function authgearCaller({ name, path, secrets }: CallerSettings): Caller {
  return {
    name,
    path,
    needsBody: (headers) => headers[header] !== undefined,
    prove({ headers }, body) {
      const hex = proofHeader(headers, header);
      if (!/^[0-9a-f]{64}$/i.test(hex)) {
        const detail = `${header} is not 64 hexadecimal digits`;
        throw new Unproven('token_invalid', { check: 'form', reason: detail, detail });
      }
      if (!isSignedByAny(secrets(), [Buffer.from(hex, 'hex')], [body ?? '']))
        throw wrongSignature();
      return {};
    },
    read(octets) {
      const { to, body, template_name: type } = checked(message, parseBody(octets));
      return [{ recipient: to, text: body, ...(type !== undefined && { messageType: type }) }];
    },
    accepted: () => jsonAnswer(200, { code: 'ok' }),
    taken: () => jsonAnswer(202, { code: 'ok' }),
    failed(error) {
      const { code } = error;
      const { status } = problems[code];
      const description = sentenceOf(error);
      // These two names it shows in its own log.
      const info = { provider_name: 'simgate', provider_error_code: code };
      return jsonAnswer(status, { code: wordOf(code, status), description, info });
    },
  };
}

/** Its own words (docs/specs/sms_gateway.md), each with a sentence of its own for people. */
function wordOf(code: SendErrorCode, status: number): string {
  if (code === 'recipient_invalid' || status === 403) return 'invalid_phone_number';
  if (status === 429) return 'rate_limited';
  if (status === 401) return 'authentication_failed';
  if (status === 502) return 'delivery_rejected';
  if (status >= 503) return 'timeout';
  return status === 500 || status === 409 ? 'unknown_error' : 'unsupported_request';
}
