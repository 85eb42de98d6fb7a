import type { webcrypto } from 'node:crypto';
import { decodeJwt, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { SendError, type SendErrorCode } from '../errors.js';
import { importHs256Key } from '../token.js';
import type { LimitedLog } from './limited-log.js';

/** Who holds the secret. */
export interface Caller {
  sub: string;
}

/** What is checked of a token. */
export interface BearerOptions {
  /** HS256 keys: the one in use and, while it is rotated, the one before. */
  secrets: { current: Uint8Array; previous?: Uint8Array };
  expected: {
    subject: string;
    audience: string;
    /** Leeway for `exp`, `nbf` and `iat`, in seconds. */
    clockToleranceS: number;
    /** Oldest `iat` that is taken, in seconds; `undefined`: `iat` is not looked at. */
    maxTokenAgeS: number | undefined;
  };
  /** Where refused tokens are told, with what is wrong and their claims. */
  refusals: LimitedLog;
}

/**
 * Judges the value of an `Authorization` header (RFC 6750 2.1): a JWT (RFC 7519), HS256 and nothing else, with our `sub` and
 * `aud`; `exp` and `nbf` count when present. Rejects with a `SendError` of code `token_missing`, `token_invalid` or
 * `token_expired`. `requestId` ties the log line to the answer.
 */
export type VerifyBearer = (authorization: string, requestId: string) => Promise<Caller>;

/** Imports the keys, once, and gives the check. */
export async function createBearerVerifier(options: BearerOptions): Promise<VerifyBearer> {
  const { secrets, expected, refusals } = options;
  const keys = [await importHs256Key(secrets.current, 'verify')];
  if (secrets.previous) keys.push(await importHs256Key(secrets.previous, 'verify'));
  const checks: JWTVerifyOptions = {
    algorithms: ['HS256'],
    subject: expected.subject,
    audience: expected.audience,
    clockTolerance: expected.clockToleranceS,
    ...(expected.maxTokenAgeS !== undefined && { maxTokenAge: expected.maxTokenAgeS }),
  };
  return async (authorization, requestId) => {
    const token = /^bearer +(?<token>\S.*)$/i.exec(authorization)?.groups?.token;
    if (token === undefined) {
      refusals.warn('refused a request without a token: does the proxy pass the Authorization header on?', {
        event: 'token_refused',
        id: requestId,
        code: 'token_missing',
      });
      throw new SendError('token_missing', {
        detail: 'send the header "Authorization: Bearer …" with a JWT',
      });
    }
    try {
      await verifyWithAny(keys, token, checks);
    } catch (error) {
      const refusal = explain(error, claimsOf(token), expected);
      refusals.warn(`refused a token: ${refusal.reason}`, {
        event: 'token_refused',
        id: requestId,
        code: refusal.code,
        check: refusal.check,
        claims: shownClaims(claimsOf(token)),
      });
      throw new SendError(refusal.code, { detail: refusal.detail, cause: error });
    }
    return { sub: expected.subject };
  };
}

/** Only a signature that does not match is a reason to try the next key; a matching one settles which key it was. */
async function verifyWithAny(
  keys: readonly webcrypto.CryptoKey[],
  token: string,
  checks: JWTVerifyOptions,
): Promise<void> {
  for (const [index, key] of keys.entries()) {
    try {
      await jwtVerify(token, key, checks);
      return;
    } catch (error) {
      const isLast = index === keys.length - 1;
      if (isLast || !(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
}

interface Refusal {
  code: SendErrorCode;
  check: string;
  /** For the log: with what the token says. */
  reason: string;
  /** For the caller: without what we expect. */
  detail: string;
}

function explain(error: unknown, claims: JWTPayload, expected: BearerOptions['expected']): Refusal {
  if (error instanceof errors.JWTExpired) {
    const what = error.claim === 'iat' ? `iat is older than ${expected.maxTokenAgeS} s` : 'exp is past';
    const reason = `${what} (${shown(claims[error.claim])}); do the clocks agree?`;
    return { code: 'token_expired', check: error.claim, reason, detail: what };
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    const wanted = new Map([
      ['sub', expected.subject],
      ['aud', expected.audience],
    ]).get(claim);
    const is = error.reason === 'missing' ? `${claim} is missing` : `${claim} is ${shown(claims[claim])}`;
    const reason = wanted === undefined ? `${is}: ${error.message}` : `${is}, expected ${shown(wanted)}`;
    return { code: 'token_invalid', check: claim, reason, detail: `the claim ${claim} is not as expected` };
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    const detail = 'the signature does not match';
    const reason = `${detail}: is secret_base64_encoded right?`;
    return { code: 'token_invalid', check: 'signature', reason, detail };
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    const detail = 'the algorithm is not HS256';
    return { code: 'token_invalid', check: 'alg', reason: detail, detail };
  }
  if (error instanceof errors.JOSEError) {
    const detail = 'it is not a JWT signed with HS256';
    return { code: 'token_invalid', check: 'form', reason: `${detail} (${error.code})`, detail };
  }
  throw error;
}

/** The claims of a token that may not be genuine, for the log; none if it is no JWT at all. */
function claimsOf(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch (error) {
    if (error instanceof errors.JOSEError) return {};
    throw error;
  }
}

function shownClaims(claims: JWTPayload): Record<string, string> {
  const names = ['sub', 'aud', 'iat', 'exp', 'nbf', 'iss', 'jti'].filter(
    (name) => claims[name] !== undefined,
  );
  return Object.fromEntries(names.map((name) => [name, shown(claims[name])]));
}

/** At most 128 characters of what a stranger wrote. */
function shown(claim: unknown): string {
  const text = JSON.stringify(claim) ?? 'undefined';
  return text.length > 128 ? `${text.slice(0, 127)}…` : text;
}
