/** The kinds of callers that there are; another one is a file beside `auth0.ts` and a line here. */

import { auth0Caller } from './auth0.js';

export const callerKinds = { auth0: auth0Caller } as const;
