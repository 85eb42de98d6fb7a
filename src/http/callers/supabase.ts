/**
 * Supabase Auth's "Send SMS" hook (supabase/auth, `internal/hooks`): Standard Webhooks
 * (https://www.standardwebhooks.com), a code and no text, a number without its plus, 5 s for all
 * tries together. It repeats 429 and 503 at once where there is a Retry-After, so it gets none.
 */

import * as v from 'valibot';
import { parseBody } from '../body.js';
import { problems, sentenceOf } from '../problem.js';
import { type Caller, type HttpAnswer, Unproven } from './caller.js';
import { clientIpIn, jsonAnswer } from './native.js';
import type { CallerSettings } from './settings.js';
import { checked, label } from './shape.js';
import { checkTimestamp, isSignedByAny, proofHeader, wrongSignature } from './signature.js';
import { checkedCode, fill } from './templates.js';

const phone = v.pipe(
  v.string('the phone must be a string'),
  v.regex(/^\+?[1-9]\d{1,14}$/, 'the phone must be digits with the country code'),
);

/** Of the user's record, which may be large, only the numbers are looked at. */
const hookBody = v.object(
  {
    metadata: v.nullish(
      v.object({
        uuid: v.nullish(v.pipe(v.string(), v.maxLength(200))),
        ip_address: v.optional(v.unknown()),
      }),
    ),
    user: v.nullish(v.object({ phone: v.nullish(v.string()), new_phone: v.nullish(v.string()) })),
    sms: v.object({
      otp: v.string('sms.otp must be a string'),
      sms_type: label,
      phone: v.nullish(v.string('sms.phone must be a string')),
    }),
  },
  'the body must be a JSON object',
);

/** The key of a secret as the dashboard shows it: `v1,whsec_` and base64. */
function standardWebhooksKey(secret: string): Uint8Array {
  return Buffer.from(secret.trim().replace(/^(?:v1,)?(?:whsec_)?/, ''), 'base64');
}

export function supabaseCaller(settings: CallerSettings): Caller {
  const { name, path, secrets, now, templates } = settings;
  return {
    name,
    path,
    needsBody: (headers) => headers['webhook-signature'] !== undefined,
    prove({ headers, ignoresTimes }, body) {
      const signature = proofHeader(headers, 'webhook-signature');
      const id = proofHeader(headers, 'webhook-id');
      const timestamp = proofHeader(headers, 'webhook-timestamp');
      checkTimestamp(timestamp, ignoresTimes ? undefined : now());
      // Several are joined by blanks as the standard says, or by a comma and a blank as its maker
      // does.
      const signatures = [...signature.matchAll(/v1,([A-Za-z0-9+/=]+)/g)].map(([, text]) =>
        Buffer.from(text!, 'base64'),
      );
      if (signatures.length === 0) {
        const detail = 'webhook-signature holds no signature of the form v1,BASE64';
        throw new Unproven('token_invalid', { check: 'form', reason: detail, detail });
      }
      const signed = [`${id}.${timestamp}.`, body ?? ''];
      const keys = secrets().map((octets) => standardWebhooksKey(Buffer.from(octets).toString()));
      if (!isSignedByAny(keys, signatures, signed)) throw wrongSignature();
      return {};
    },
    read(body) {
      const { metadata, user, sms } = checked(hookBody, parseBody(body));
      // The message goes to the new number in a change of number, and to the factor's in MFA; what
      // is older than `sms.phone` says it by `new_phone`.
      const to = sms.phone || user?.new_phone || user?.phone;
      const recipient = checked(phone, to ?? '');
      const type = sms.sms_type;
      const text = fill(templates(), { code: checkedCode(sms.otp, 'sms.otp'), type });
      return [
        {
          recipient: recipient.startsWith('+') ? recipient : `+${recipient}`,
          text,
          ...(type !== undefined && { messageType: type }),
          ...clientIpIn(metadata?.ip_address),
          ...(metadata?.uuid && { idempotencyKey: metadata.uuid }),
        },
      ];
    },
    accepted: () => json(200, {}),
    taken: () => json(202, {}),
    failed(error) {
      const { status } = problems[error.code];
      const message = sentenceOf(error);
      return json(status, { error: { http_code: status, message } });
    },
  };
}

/** Its media type has to be exactly this. */
const json = (status: number, value: object): HttpAnswer =>
  jsonAnswer(status, value, 'application/json');
