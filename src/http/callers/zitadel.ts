/**
 * Zitadel's HTTP SMS provider (zitadel/zitadel, `internal/notification/channels/webhook` and
 * `pkg/actions/signing.go`): the text as it is to be sent, signed with `ZITADEL-Signature`, 5 s for
 * a call, repeated by its worker with the same text and no key.
 */

import * as v from 'valibot';
import { parseBody } from '../body.js';
import { toProblemAnswer } from '../problem.js';
import { type Caller, Unproven } from './caller.js';
import { acceptedAsJson, takenAsJson, textField } from './native.js';
import type { CallerSettings } from './settings.js';
import { checked, label } from './shape.js';
import { checkTimestamp, isSignedByAny, proofHeader, wrongSignature } from './signature.js';

const notification = v.object(
  {
    contextInfo: v.object({
      eventType: label,
      recipientPhoneNumber: v.string('contextInfo.recipientPhoneNumber must be a string'),
    }),
    templateData: v.object({ text: textField('templateData.text') }),
  },
  'the body must be a JSON object',
);

export function zitadelCaller({ name, path, secrets, now }: CallerSettings): Caller {
  return {
    name,
    path,
    needsBody: (headers) => headers['zitadel-signature'] !== undefined,
    prove({ headers, ignoresTimes }, body) {
      // t=SECONDS,v1=HEX and, while the key changes, more of v1.
      const fields = proofHeader(headers, 'ZITADEL-Signature')
        .split(',')
        .map((field) => field.trim().split('='));
      const [, timestamp = ''] = fields.find(([field]) => field === 't') ?? [];
      const signatures = fields
        .filter(([field, hex = '']) => field === 'v1' && /^[0-9a-f]{64}$/i.test(hex))
        .map(([, hex]) => Buffer.from(hex!, 'hex'));
      if (signatures.length === 0) {
        const detail = 'ZITADEL-Signature holds no signature of the form v1=HEX';
        throw new Unproven('token_invalid', { check: 'form', reason: detail, detail });
      }
      checkTimestamp(timestamp, ignoresTimes ? undefined : now());
      if (!isSignedByAny(secrets(), signatures, [`${timestamp}.`, body ?? '']))
        throw wrongSignature();
      return {};
    },
    read(body) {
      const { contextInfo, templateData } = checked(notification, parseBody(body));
      return [
        {
          recipient: contextInfo.recipientPhoneNumber,
          text: templateData.text,
          ...(contextInfo.eventType !== undefined && { messageType: contextInfo.eventType }),
        },
      ];
    },
    accepted: acceptedAsJson,
    taken(id) {
      const { Location: _, ...headers } = takenAsJson(id).headers;
      return { ...takenAsJson(id), headers };
    },
    failed: toProblemAnswer,
  };
}
