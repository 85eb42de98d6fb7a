/** Auth0's Management API v2, in plain `fetch`: two kinds of credentials, rate limits, and errors in words. */

import * as v from 'valibot';
import { ControlError } from '../control/protocol.js';
import { escapeControls } from '../doctor/untrusted.js';
import { explainNetworkError, parseTenant, type Tenant } from './tenant.js';

/** A Management API token, or the id and secret of a machine-to-machine application that may ask for one. */
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

  constructor(message: string, status?: number, errorCode?: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.errorCode = errorCode;
  }
}

/** Milliseconds for one request, its answer's body included. */
const requestTimeoutMs = 30_000;
/** The longest wait for a rate limit that is worth a person's while; one of a minute or less is what Auth0's buckets take to refill. */
const longestRateWaitMs = 65_000;
/** Requests that a rate limit may turn away before the person is told to come back later. */
const maxAttempts = 4;
/** A token is renewed that long before it ends, so that it cannot end on its way. */
const tokenLeewayMs = 60_000;
/** Characters of Auth0's own words that are shown. */
const maxMessageLength = 400;

/** What may stand in a header; fetch would quote anything else in its complaint, and a token is not to be quoted. */
const visible = /^[\x21-\x7e]+$/;

const tokenSchema = v.object({ access_token: v.pipe(v.string(), v.regex(visible)), expires_in: v.number() });

/** Both ways in which Auth0 words errors: that of the Management API and that of OAuth (RFC 6749 5.2). */
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

/** One tenant's Management API. Requests are made one after the other by who uses it; none is repeated but for a rate limit. */
export class ManagementApi {
  /** As people know it, `example.eu.auth0.com`. */
  readonly domain: string;
  readonly #tenant: Tenant;
  readonly #credentials: Credentials;
  readonly #options: Required<ManagementApiOptions>;
  #token: { value: string; endsAt: number } | undefined;

  /** Throws {@link ControlError} for a domain that is none, or a token. Asks nothing yet. */
  constructor(domain: string, credentials: Credentials, options: ManagementApiOptions) {
    this.#tenant = parseTenant(domain);
    this.domain = this.#tenant.domain;
    if ('token' in credentials && !visible.test(credentials.token))
      throw new ControlError('the Management API token holds blanks or other characters that no token has');
    this.#credentials = credentials;
    this.#options = {
      env: process.env,
      fetch: globalThis.fetch,
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      ...options,
    };
  }

  /**
   * Sends `body` as JSON to `path` (as `/api/v2/connections`) and resolves with the answer's JSON, `undefined` for an empty one. `T` is
   * what the caller knows of it, unchecked: `unknown` and a schema are the careful way. A 429 is waited out, up to about a minute
   * a time. Rejects with {@link ManagementError}.
   */
  async request<T>(method: Method, path: string, body?: object): Promise<T> {
    const bearer = await this.#bearer();
    const answer = await this.#send(method, path, body, { authorization: `Bearer ${bearer}` });
    if (answer.status >= 300) throw this.#refusal(answer, `${method} ${path.replace(/\?.*/, '')}`);
    return (answer.text === '' ? undefined : this.#parse(answer)) as T;
  }

  /** The client-credentials grant (RFC 6749 4.4), whose token is kept while it lasts. */
  async #bearer(): Promise<string> {
    const credentials = this.#credentials;
    if ('token' in credentials) return credentials.token;
    if (this.#token !== undefined && performance.now() < this.#token.endsAt) return this.#token.value;
    const answer = await this.#send('POST', '/oauth/token', {
      grant_type: 'client_credentials',
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret,
      audience: `${this.#tenant.origin}/api/v2/`,
    });
    if (answer.status !== 200) throw this.#tokenRefusal(answer);
    const parsed = v.safeParse(tokenSchema, this.#parse(answer));
    if (!parsed.success) throw new ManagementError(`${this.domain} gave no token`, answer.status);
    const { access_token: value, expires_in: lifeS } = parsed.output;
    this.#token = { value, endsAt: performance.now() + lifeS * 1000 - tokenLeewayMs };
    return value;
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
      throw new ManagementError(message);
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
      );
    }
  }

  #refusal(answer: Answer, what: string): ManagementError {
    const { said, errorCode } = this.#wordsOf(answer);
    return new ManagementError(
      `${what} at ${this.domain}: ${explainStatus(answer.status, said, errorCode, this.#isOwnToken())}`,
      answer.status,
      errorCode,
    );
  }

  #tokenRefusal(answer: Answer): ManagementError {
    const { said, errorCode } = this.#wordsOf(answer);
    const wayOut =
      answer.status === 403
        ? "authorise the application for the API 'Auth0 Management API' (dashboard: Applications › APIs › Auth0 Management API › Machine to Machine Applications), with the scopes that docs/auth0.md lists"
        : 'see whether client id, client secret and domain belong together';
    return new ManagementError(
      `${this.domain} gives no token for this client id and secret (${answer.status}: ${said}): ${wayOut}`,
      answer.status,
      errorCode,
    );
  }

  #isOwnToken(): boolean {
    return 'token' in this.#credentials;
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
    return { said: escapeControls(this.#withoutSecrets(said)).slice(0, maxMessageLength), errorCode };
  }

  #withoutSecrets(text: string): string {
    const credentials = this.#credentials;
    const secrets = [
      'token' in credentials ? credentials.token : credentials.clientSecret,
      this.#token?.value,
    ];
    return secrets.reduce<string>(
      (rest, secret) => (secret === undefined || secret === '' ? rest : rest.replaceAll(secret, '…')),
      text,
    );
  }
}

/**
 * How long a 429 asks to wait, in milliseconds, 1 s at least. `X-RateLimit-Reset` is in seconds since the epoch and is held against the
 * `Date` of the same answer, for this machine's clock may be wrong; `Retry-After` (RFC 9110 10.2.3) is in seconds.
 */
function rateWaitMs(headers: Headers): number {
  const now = Date.parse(headers.get('date') ?? '');
  const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN) * 1000;
  const untilReset = reset - (Number.isNaN(now) ? Date.now() : now);
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN) * 1000;
  const [known = 2_000] = [untilReset, retryAfter].filter((ms) => Number.isFinite(ms));
  return Math.max(1_000, known);
}

function explainStatus(
  status: number,
  said: string,
  errorCode: string | undefined,
  isOwnToken: boolean,
): string {
  if (errorCode === 'insufficient_scope') {
    const [, scopes = 'the one it names'] = /expected any of: ?(.+?)\.?$/i.exec(said) ?? [];
    const where = isOwnToken ? 'the token' : 'the application';
    return `${where} lacks a scope: grant ${scopes.split(/,\s*/).join(' or ')} (403)`;
  }
  if (status === 401)
    return `the token is not accepted (401: ${said}). A token lives a day, and is good for its own tenant and the audience https://…/api/v2/ only`;
  if (status >= 500)
    return `Auth0 has a fault of its own (${status}: ${said}): see status.auth0.com and try again`;
  return `refused with ${status}: ${said}`;
}
