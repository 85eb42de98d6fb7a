import { expect, it } from 'vitest';
import { callerText, pathsText } from '../../src/cli/caller-text.js';
import { asCaller, type CallerConfig } from '../../src/config/callers.js';

const auth0 = asCaller(
  {
    subject: 's',
    audience: 'a',
    secretFile: undefined,
    previousSecretFile: undefined,
    secretBase64Encoded: false,
    maxTokenAgeMs: undefined,
    clockToleranceMs: 0,
  },
  25_000,
);
const zitadel: CallerConfig = {
  ...auth0,
  name: 'identity',
  kind: 'zitadel',
  path: '/zitadel',
  deadlineMs: 4_000,
  onSlow: '202',
  repeatsMs: 300_000,
  mayRead: false,
};

it('a caller is told in one sentence', () => {
  expect(callerText(auth0)).toBe(
    'caller "auth0" (auth0): POST /sms is answered within 25 s, then 503 or 504; GET /sms/{id} tells what became of it',
  );
  expect(callerText(zitadel)).toBe(
    'caller "identity" (zitadel): POST /zitadel is answered within 4 s, then 202, and the message is given up after 25 s; a repeat within 300 s is not sent again',
  );
  expect(callerText({ ...auth0, class: 'alert', modems: ['main'], countries: ['DE'] })).toContain(
    'an alert: it waits behind all logins; sent by main only; to DE only',
  );
});

it('a proxy is told the paths, and that of GET only where there is one', () => {
  expect(pathsText([auth0, zitadel])).toBe('^(?:/sms|/zitadel|/sms/[0-9a-f-]{36})\\z');
  expect(pathsText([zitadel])).toBe('^(?:/zitadel)\\z');
});
