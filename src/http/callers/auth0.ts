/**
 * Auth0's custom SMS gateway, and whoever else signs a JWT: `POST /sms` with a bearer token (RFC
 * 6750), the message as JSON whatever the content type says, problem details (RFC 9457) for what
 * failed. Auth0 shows its operator the status and nothing else.
 */

import type { VerifyBearer } from '../bearer.js';
import { parseBody } from '../body.js';
import { toProblemAnswer } from '../problem.js';
import type { Caller } from './caller.js';
import { acceptedAsJson, keyIn, readNative, takenAsJson } from './native.js';

export interface Auth0Options {
  name: string;
  path: string;
  verify: VerifyBearer;
}

export function auth0Caller({ name, path, verify }: Auth0Options): Caller {
  return {
    name,
    path,
    needsBody: () => false,
    prove: ({ headers, ignoresTimes }) => verify(headers.authorization ?? '', ignoresTimes),
    read: (body, headers) => [{ ...readNative(parseBody(body)), ...keyIn(headers) }],
    accepted: acceptedAsJson,
    taken: takenAsJson,
    failed: toProblemAnswer,
  };
}
