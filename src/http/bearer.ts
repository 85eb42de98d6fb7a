import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTClaimVerificationOptions,
  type JWTPayload,
  UnsecuredJWT,
} from 'jose';
import { foreignWords } from '../words/foreign.js';
import { type Proof, Unproven } from './callers/caller.js';

/** HS256 keys: the one in use and, while it is rotated, the one before. */
export interface BearerSecrets {
  current: Uint8Array;
  previous?: Uint8Array;
}

/** What a token must say. */
export interface ExpectedClaims {
  subject: string;
  audience: string;
  /** Leeway for `exp`, `nbf` and `iat`. */
  clockToleranceMs: number;
  /** Oldest `iat` that is taken; `undefined`: `iat` is not looked at. */
  maxTokenAgeMs: number | undefined;
}

/** What is checked of a token. */
export interface BearerOptions {
  secrets: BearerSecrets;
  expected: ExpectedClaims;
  /** Told once, when a token is taken that neither `exp` nor its age ends. Must not throw. */
  onEndless?: () => void;
  /** Wall-clock milliseconds for {@link BearerVerifier.lastUse}. */
  wallNow?: () => number;
  /**
   * The time that the wall clock would have, had it not leapt ahead; undefined when it has not, or
   * when the leap is known to be right. Default: it never leaps.
   */
  beforeLeap?: () => number | undefined;
}

/**
 * Judges the value of an `Authorization` header (RFC 6750 2.1): a JWT (RFC 7519), HS256 and nothing
 * else, with our `sub` and `aud`; `exp` and `nbf` count when present. With `ignoresTimes` no time
 * that it names is looked at. Throws an `Unproven`.
 */
export type VerifyBearer = (authorization: string, ignoresTimes?: boolean) => Proof;

/**
 * When a token was last taken by each secret, wall-clock milliseconds; absent if none was since the
 * daemon learnt of the secret.
 */
export interface SecretUse {
  current?: number;
  previous?: number;
}

/** A {@link VerifyBearer} whose secrets can be rotated while it is in use. */
export interface BearerVerifier extends VerifyBearer {
  /**
   * Tokens that come after it has resolved are judged by these; those that came before, by what was
   * in force then. A secret that stays keeps its last use, also when it becomes the previous one.
   * Rejects and changes nothing if a secret is no key.
   */
  replace(secrets: BearerSecrets, expected: ExpectedClaims): Promise<void>;
  lastUse(): SecretUse;
}

interface Secret {
  readonly octets: Uint8Array;
  readonly key: KeyObject;
  lastUsedMs?: number;
}

/** All that a token is judged by; replaced as a whole, never changed. */
interface Rules {
  /** The current one first. */
  readonly secrets: readonly Secret[];
  readonly expected: ExpectedClaims;
  readonly checks: JWTClaimVerificationOptions;
  readonly taken: TakenTokens;
}

/** What is needed of a token that was taken. */
interface Taken {
  readonly secret: Secret;
  readonly exp: number | undefined;
  readonly jti: unknown;
}

/** Most tokens that are remembered at a time (I5). */
const mostTaken = 64;

/**
 * The tokens that were taken in this second. Times are judged by whole seconds, so the verdict on
 * the same octets stays until the next one. Tokens that are minted within a second are the same
 * octets, for HS256 adds nothing of its own: of a burst the first is computed. Found by its hash,
 * a token is compared only with one that it is all but surely equal to.
 */
class TakenTokens {
  #second = Number.NaN;
  readonly #tokens = new Map<string, Taken>();

  find(token: string, second: number): Taken | undefined {
    return second === this.#second ? this.#tokens.get(token) : undefined;
  }

  add(token: string, second: number, taken: Taken): void {
    if (second !== this.#second || this.#tokens.size >= mostTaken) this.#tokens.clear();
    this.#second = second;
    this.#tokens.set(token, taken);
  }
}

/** Imports the keys, once, and gives the check. Rejects if a secret is no key. */
export async function createBearerVerifier(options: BearerOptions): Promise<BearerVerifier> {
  const { wallNow = Date.now, beforeLeap = () => undefined, onEndless } = options;
  let rules = toRules(options.secrets, options.expected, []);
  let isEndlessTold = false;
  const verify: VerifyBearer = (authorization, ignoresTimes = false) => {
    const { expected, taken } = rules;
    const token = /^bearer +(?<token>\S.*)$/i.exec(authorization)?.groups?.token;
    if (token === undefined) {
      throw new Unproven('token_missing', {
        reason:
          'refused a request without a token: does the proxy pass the Authorization header on?',
        detail: 'send the header "Authorization: Bearer …" with a JWT',
      });
    }
    try {
      if (ignoresTimes) return proofOf(judgeWithoutTimes(token, rules));
      const second = Math.floor(Date.now() / 1000);
      const known = taken.find(token, second) ?? judge(token, second, rules, beforeLeap);
      const { secret, exp } = known;
      secret.lastUsedMs = wallNow();
      if (exp === undefined && expected.maxTokenAgeMs === undefined && !isEndlessTold) {
        isEndlessTold = true;
        onEndless?.();
      }
      return proofOf(known);
    } catch (error) {
      const { code, check, reason, detail } = explain(error, token, expected);
      const told = { reason: `refused a token: ${reason}`, detail, check };
      throw new Unproven(code, told, () => ({ claims: shownClaims(claimsOf(token)) }));
    }
  };
  return Object.assign(verify, {
    replace: async (secrets: BearerSecrets, expected: ExpectedClaims) => {
      rules = toRules(secrets, expected, rules.secrets);
    },
    lastUse: (): SecretUse => {
      const [current, previous] = rules.secrets.map(({ lastUsedMs }) => lastUsedMs);
      return {
        ...(current !== undefined && { current }),
        ...(previous !== undefined && { previous }),
      };
    },
  });
}

/** Throws if a secret is no key. */
function toRules(
  { current, previous }: BearerSecrets,
  expected: ExpectedClaims,
  known: readonly Secret[],
): Rules {
  const secrets = [current, ...(previous ? [previous] : [])].map(
    (octets): Secret =>
      known.find((secret) => Buffer.from(secret.octets).equals(octets)) ?? {
        octets,
        key: toKey(octets),
      },
  );
  return {
    secrets,
    expected,
    checks: {
      subject: expected.subject,
      audience: expected.audience,
      clockTolerance: expected.clockToleranceMs / 1000,
      ...(expected.maxTokenAgeMs !== undefined && { maxTokenAge: expected.maxTokenAgeMs / 1000 }),
    },
    taken: new TakenTokens(),
  };
}

/** Node takes an empty one, which anybody could sign with. */
function toKey(octets: Uint8Array): KeyObject {
  if (octets.length === 0) throw new RangeError('an empty secret is no key');
  return createSecretKey(octets);
}

/**
 * The secret that signed it, and the claims as they stand in it: JWS Compact Serialization (RFC
 * 7515 7.1), HS256 (RFC 7518 3.2) and no extension. The HMAC is made on this thread, in a tenth of
 * the time that WebCrypto takes to have another one make it.
 */
function verifySignature(secrets: readonly Secret[], token: string): [Secret, claims: string] {
  const [head = '', claims = '', signature = '', ...rest] = token.split('.');
  if (rest.length > 0) throw new errors.JWSInvalid('it has more than three parts');
  if (head !== lastGoodHead) checkHead(head, token);
  const given = Buffer.from(signature);
  const signer = secrets.find(({ key }) => {
    const own = Buffer.from(
      createHmac('sha256', key).update(`${head}.${claims}`).digest('base64url'),
    );
    return own.length === given.length && timingSafeEqual(own, given);
  });
  if (signer === undefined) throw notOurs;
  return [signer, claims];
}

/** One for all: it is no bug, and what a stack costs is more than the signature. */
const notOurs = new errors.JWSSignatureVerificationFailed();

/** Whoever signs writes the same head each time: one that was taken need not be read again. */
let lastGoodHead: string | undefined;

function checkHead(head: string, token: string): void {
  const { alg, crit } = headerOf(token);
  if (crit !== undefined) throw new errors.JOSENotSupported('no extension is understood');
  if (alg !== 'HS256') throw new errors.JOSEAlgNotAllowed('alg is not HS256');
  lastGoodHead = head;
}

function headerOf(token: string): ReturnType<typeof decodeProtectedHeader> {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw new errors.JWSInvalid('its header cannot be read', { cause });
  }
}

/** `{"alg":"none"}`, for claims whose signature was verified. */
const unsecuredHead = Buffer.from('{"alg":"none"}').toString('base64url');

/**
 * Whose token it is, and what of it is needed. Throws the errors of jose, which checks the claims
 * of a token without looking at signatures.
 * @param second of the wall clock, since 1970
 */
function judge(
  token: string,
  second: number,
  { secrets, checks, taken }: Rules,
  beforeLeap: () => number | undefined,
): Taken {
  const [secret, claims] = verifySignature(secrets, token);
  const takenAt = (currentDate: Date): Taken => {
    const unsecured = `${unsecuredHead}.${claims}.`;
    const { exp, jti } = UnsecuredJWT.decode(unsecured, { ...checks, currentDate }).payload;
    return { secret, exp, jti };
  };
  try {
    const good = takenAt(new Date(second * 1000));
    taken.add(token, second, good);
    return good;
  } catch (error) {
    const otherNow = isAboutTime(error) ? beforeLeap() : undefined;
    if (otherNow === undefined) throw error;
    return takenAt(new Date(otherNow));
  }
}

/** Whose a token is, whenever it was made and however long it is good for. */
function judgeWithoutTimes(token: string, { secrets, checks }: Rules): Omit<Taken, 'secret'> {
  const [, claims] = verifySignature(secrets, token);
  const { exp, jti } = UnsecuredJWT.decode(`${unsecuredHead}.${claims}.`, {
    ...checks,
    // Seconds; jose takes no infinity.
    clockTolerance: Number.MAX_SAFE_INTEGER,
  }).payload;
  return { exp, jti };
}

/** A `jti` names one message only where the token ends. */
function proofOf({ exp, jti }: Omit<Taken, 'secret'>): Proof {
  return exp !== undefined && typeof jti === 'string' && jti !== '' ? { tokenId: jti } : {};
}

/** Whether another time of day might judge otherwise. */
function isAboutTime(error: unknown): boolean {
  if (error instanceof errors.JWTExpired) return true;
  return (
    error instanceof errors.JWTClaimValidationFailed && ['exp', 'nbf', 'iat'].includes(error.claim)
  );
}

interface TokenFault {
  code: Unproven['code'];
  check: string;
  /** For the log: with what the token says. */
  reason: string;
  /** For the caller: without what we expect. */
  detail: string;
}

function explain(error: unknown, token: string, expected: BearerOptions['expected']): TokenFault {
  if (error === notOurs) {
    const detail = 'the signature does not match';
    const reason = `${detail}: is secret_base64_encoded right?`;
    return { code: 'token_invalid', check: 'signature', reason, detail };
  }
  const claims = claimsOf(token);
  if (error instanceof errors.JWTExpired) {
    const mostS = (expected.maxTokenAgeMs ?? 0) / 1000;
    const what = error.claim === 'iat' ? `iat is older than ${mostS} s` : 'exp is past';
    const reason = `${what} (${shown(claims, error.claim)}); do the clocks agree?`;
    return { code: 'token_expired', check: error.claim, reason, detail: what };
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    const wanted = new Map([
      ['sub', expected.subject],
      ['aud', expected.audience],
    ]).get(claim);
    const is =
      error.reason === 'missing' ? `${claim} is missing` : `${claim} is ${shown(claims, claim)}`;
    const reason =
      wanted === undefined
        ? `${is}: ${error.message}`
        : `${is}, expected ${JSON.stringify(wanted)}`;
    return {
      code: 'token_invalid',
      check: claim,
      reason,
      detail: `the claim ${claim} is not as expected`,
    };
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
  return Object.fromEntries(names.map((name) => [name, shown(claims, name)]));
}

/** Claims that are a time (RFC 7519 4.1). */
const times: ReadonlySet<string> = new Set(['exp', 'nbf', 'iat']);

/**
 * At most 128 characters of what a stranger wrote, through the one door for foreign words. Lists
 * are shown one level deep: `JSON.stringify` recurses, and a deep one ends it.
 */
function shown(claims: JWTPayload, name: string): string {
  const claim = claims[name];
  const text = Array.isArray(claim)
    ? `[${claim.slice(0, 16).map(shownScalar).join(',')}]`
    : shownScalar(claim);
  const time = times.has(name) ? asTime(claim) : undefined;
  return time ?? foreignWords(text, 128);
}

/** A NumericDate (RFC 7519 2) as ISO 8601, which nobody takes for a number that could be called. */
function asTime(claim: unknown): string | undefined {
  const date = typeof claim === 'number' ? new Date(claim * 1000) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function shownScalar(value: unknown): string {
  if (Array.isArray(value)) return '[…]';
  if (typeof value === 'object' && value !== null) return '{…}';
  // Masked before it is quoted: the escapes of JSON are digits too.
  return (
    JSON.stringify(typeof value === 'string' ? foreignWords(value, 128) : value) ?? 'undefined'
  );
}
