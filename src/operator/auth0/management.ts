/**
 * Auth0's Management API v2, in plain `fetch`: two kinds of credentials, rate limits, and errors in
 * words.
 */

import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { OperatorError } from '../../errors.js';
import { foreignWords } from '../../words/foreign.js';
import {
  explainNetworkError,
  explainNoToken,
  explainRefusal,
  parseTenant,
  type Tenant,
} from './tenant.js';

/**
 * A Management API token, or the id and secret of a machine-to-machine application that may ask for
 * one.
 */
export type Credentials = { token: string } | { clientId: string; clientSecret: string };

export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

export interface ManagementApiOptions {
  /** Told what a person waits for, as a sentence. */
  say: (line: string) => void;
  /** Default: the environment of this process; only proxy variables are looked at. */
  env?: NodeJS.ProcessEnv;
  /** Default: the global one. */
  fetch?: typeof fetch;
  /** Waits that many milliseconds. */
  wait?: (ms: number) => Promise<void>;
}

/** Auth0 refused, or was not reached. The message is for people and holds no secret. */
export class ManagementError extends Error {
  override readonly name = 'ManagementError';
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** Auth0's own, as `insufficient_scope`. */
  readonly errorCode: string | undefined;
  /**
   * True when it says nothing of what became of the request: no answer, a fault of Auth0's own
   * (5xx), or a page of who knows what. A change may have been made all the same.
   */
  readonly isFault: boolean;

  constructor(message: string, status?: number, errorCode?: string, isFault = false) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
    this.isFault = isFault;
  }
}

/** Milliseconds for one request, its answer's body included. */
const requestTimeoutMs = 30_000;
/**
 * The longest wait for a rate limit that is worth a person's while; one of a minute or less is what
 * Auth0's buckets take to refill.
 */
const longestRateWaitMs = 65_000;
/** Before what only reads is asked once more, in milliseconds. */
const repeatAfterMs = 1_000;
/** Requests that a rate limit may turn away before the person is told to come back later. */
const maxAttempts = 4;
/** A token is renewed that long before it ends, so that it cannot end on its way. */
const tokenLeewayMs = 60_000;
/** Characters of Auth0's own words that are shown. */
const maxMessageLength = 400;

/**
 * What may stand in a header; fetch would quote anything else in its complaint, and a token is not
 * to be quoted.
 */
const visible = /^[\x21-\x7e]+$/;

const tokenSchema = v.object({
  access_token: v.pipe(v.string(), v.regex(visible)),
  expires_in: v.number(),
});
type TokenAnswer = v.InferOutput<typeof tokenSchema>;

/**
 * Both ways in which Auth0 words errors: that of the Management API and that of OAuth (RFC 6749
 * 5.2).
 */
const errorSchema = v.object({
  message: v.optional(v.string()),
  errorCode: v.optional(v.string()),
  error: v.optional(v.string()),
  error_description: v.optional(v.string()),
});

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/**
 * One tenant's Management API. Requests are made one after the other by who uses it; what changes
 * something is repeated for a rate limit only.
 */
export class ManagementApi {
  /** As people know it, `example.eu.auth0.com`. */
  readonly domain: string;
  readonly #tenant: Tenant;
  readonly #credentials: Credentials;
  readonly #options: Required<ManagementApiOptions>;
  #token: { value: string; endsAt: number } | undefined;

  /** Throws {@link OperatorError} for a domain that is none, or a token. Asks nothing yet. */
  constructor(domain: string, credentials: Credentials, options: ManagementApiOptions) {
    this.#tenant = parseTenant(domain);
    this.domain = this.#tenant.domain;
    if ('token' in credentials && !visible.test(credentials.token))
      throw new OperatorError(
        'the Management API token holds blanks or other characters that no token has',
      );
    this.#credentials = credentials;
    this.#options = {
      env: process.env,
      fetch: globalThis.fetch,
      wait: (ms) => delay(ms),
      ...options,
    };
  }

  /**
   * Sends `body` as JSON to `path` (as `/api/v2/connections`) and resolves with the answer's JSON,
   * `undefined` for an empty one. `T` is what the caller knows of it, unchecked: `unknown` and a
   * schema are the careful way. A 429 is waited out, up to about a minute a time; a GET that met a
   * fault is asked once more. Rejects with {@link ManagementError}.
   */
  async request<T>(method: Method, path: string, body?: object): Promise<T> {
    const ask = async () => {
      const headers = { authorization: `Bearer ${await this.#bearer()}` };
      const answer = await this.#send(method, path, body, headers);
      if (answer.status >= 300)
        throw this.#refusal(answer, `${method} ${path.replace(/\?.*/, '')}`);
      return (answer.text === '' ? undefined : this.#parse(answer)) as T;
    };
    return method === 'GET' ? this.#twice(ask) : ask();
  }

  async #twice<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ManagementError && error.isFault)) throw error;
      await this.#options.wait(repeatAfterMs);
      return ask();
    }
  }

  /** The client-credentials grant (RFC 6749 4.4), whose token is kept while it lasts. */
  async #bearer(): Promise<string> {
    const credentials = this.#credentials;
    if ('token' in credentials) return credentials.token;
    if (this.#token !== undefined && performance.now() < this.#token.endsAt)
      return this.#token.value;
    const { access_token: value, expires_in: lifeS } = await this.#twice(() =>
      this.#askForToken(credentials),
    );
    this.#token = { value, endsAt: performance.now() + lifeS * 1000 - tokenLeewayMs };
    return value;
  }

  async #askForToken(credentials: {
    clientId: string;
    clientSecret: string;
  }): Promise<TokenAnswer> {
    const answer = await this.#send('POST', '/oauth/token', {
      grant_type: 'client_credentials',
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret,
      audience: `${this.#tenant.origin}/api/v2/`,
    });
    if (answer.status !== 200) throw this.#tokenRefusal(answer);
    const parsed = v.safeParse(tokenSchema, this.#parse(answer));
    if (!parsed.success) throw new ManagementError(`${this.domain} gave no token`, answer.status);
    return parsed.output;
  }

  /** Sends, and sends again what a rate limit turned away. */
  async #send(
    method: Method,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#sendOnce(method, path, body, headers);
      if (answer.status !== 429) return answer;
      const waitMs = rateWaitMs(answer.headers);
      if (waitMs > longestRateWaitMs || attempt === maxAttempts)
        throw new ManagementError(
          `the rate limit of ${this.domain} is used up: try again in ${Math.ceil(waitMs / 1000)} s. Nothing was changed by this request`,
          429,
          'too_many_requests',
        );
      this.#options.say(
        `Auth0 allows no more requests for now (429): waiting ${Math.ceil(waitMs / 1000)} s …`,
      );
      await this.#options.wait(waitMs);
    }
  }

  async #sendOnce(
    method: Method,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Answer> {
    const { fetch: send, env } = this.#options;
    try {
      const response = await send(`${this.#tenant.origin}${path}`, {
        method,
        headers: { ...headers, accept: 'application/json', 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // Followed, it would carry the token to wherever it points.
        redirect: 'manual',
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (thrown) {
      const message = explainNetworkError(thrown, this.domain, env);
      if (message === undefined) throw thrown;
      // The cause is left out on purpose: undici's errors may hold the request, and that the token.
      throw new ManagementError(message, undefined, undefined, true);
    }
  }

  #parse({ status, text }: Answer): unknown {
    try {
      return JSON.parse(text);
    } catch {
      // A page of HTML: what it says helps nobody.
      throw new ManagementError(
        `what answers at ${this.domain} is not Auth0 (status ${status}, no JSON): is the domain right, or a proxy in between?`,
        status,
        undefined,
        true,
      );
    }
  }

  #refusal(answer: Answer, what: string): ManagementError {
    const { said, errorCode } = this.#wordsOf(answer);
    const credentials = this.#credentials;
    const token = 'token' in credentials ? credentials.token : undefined;
    return new ManagementError(
      `${what} at ${this.domain}: ${explainRefusal(answer.status, said, errorCode, this.domain, token)}`,
      answer.status,
      errorCode,
      answer.status >= 500,
    );
  }

  #tokenRefusal(answer: Answer): ManagementError {
    const { said, errorCode } = this.#wordsOf(answer);
    return new ManagementError(
      `${this.domain} gives no token for this client id and secret (${answer.status}: ${said}): ${explainNoToken(answer.status, this.domain)}`,
      answer.status,
      errorCode,
      answer.status >= 500,
    );
  }

  /** What Auth0 said, short, fit for a terminal, and without anything that only we should know. */
  #wordsOf(answer: Answer): { said: string; errorCode: string | undefined } {
    if (answer.status >= 300 && answer.status < 400)
      return {
        said: 'a redirect, which Auth0 does not answer with: is the domain right?',
        errorCode: undefined,
      };
    const parsed = v.safeParse(errorSchema, this.#parse(answer));
    if (!parsed.success) return { said: 'no reason given', errorCode: undefined };
    const { message, errorCode, error, error_description: description } = parsed.output;
    const said = message ?? description ?? error ?? 'no reason given';
    return { said: foreignWords(this.#withoutSecrets(said), maxMessageLength), errorCode };
  }

  #withoutSecrets(text: string): string {
    const credentials = this.#credentials;
    const secrets = [
      'token' in credentials ? credentials.token : credentials.clientSecret,
      this.#token?.value,
    ];
    return secrets.reduce<string>(
      (rest, secret) =>
        secret === undefined || secret === '' ? rest : rest.replaceAll(secret, '…'),
      text,
    );
  }
}

/** What Auth0 answered, held against what is needed of it. Throws {@link ManagementError}. */
export function understood<Schema extends v.GenericSchema>(
  schema: Schema,
  answer: unknown,
  what: string,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, answer);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ManagementError(
    `Auth0 gave ${what} in a form that simgate does not know (${v.getDotPath(issue) ?? 'whole'}: expected ${issue.expected}): a newer simgate may`,
  );
}

/**
 * How long a 429 asks to wait, in milliseconds, 1 s at least. `X-RateLimit-Reset` is in seconds
 * since the epoch and is held against the `Date` of the same answer, for this machine's clock may
 * be wrong; `Retry-After` (RFC 9110 10.2.3) is in seconds.
 */
function rateWaitMs(headers: Headers): number {
  const now = Date.parse(headers.get('date') ?? '');
  const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN) * 1000;
  const untilReset = reset - (Number.isNaN(now) ? Date.now() : now);
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN) * 1000;
  const [known = 2_000] = [untilReset, retryAfter].filter((ms) => Number.isFinite(ms));
  return Math.max(1_000, known);
}
