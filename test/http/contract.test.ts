import { afterAll, describe, expect, it } from 'vitest';
import type { Send } from '../../src/dispatch/message.js';
import {
  SendError,
  type SendErrorCode,
  type SendErrorOptions,
  sendErrorCodes,
} from '../../src/errors.js';
import { problems } from '../../src/http/problem.js';
import { mintToken } from '../../src/secret/token.js';
import {
  audience,
  type Gateway,
  type GatewayOptions,
  type Post,
  post,
  secret,
  startGateway,
  subject,
  validBody,
} from './support/gateway.js';
import { statusesOf, violations } from './support/openapi.js';
import { exchange, rawPost, Wire } from './support/wire.js';

interface Answer {
  status: number;
  header: (name: string) => string | null;
  body: Record<string, unknown>;
}

/** How a code is brought about by a real request, and what the answer must say besides. */
interface Provocation {
  gateway?: GatewayOptions;
  request: (gateway: Gateway) => Promise<Answer>;
  status: number;
  submitted?: 'partly' | 'unknown';
  headers?: Record<string, string>;
}

const byClient =
  (options: Post = {}) =>
  async (gateway: Gateway): Promise<Answer> => {
    const response = await post(gateway, options);
    const body = (await response.json()) as Answer['body'];
    return { status: response.status, header: (name) => response.headers.get(name), body };
  };

const byPath =
  (method: string, path: string) =>
  async ({ port }: Gateway): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    const body = (await response.json()) as Answer['body'];
    return { status: response.status, header: (name) => response.headers.get(name), body };
  };

const byWire =
  (bytes: string | (() => Promise<string>)) =>
  async ({ port }: Gateway): Promise<Answer> => {
    const answers = await exchange(port, typeof bytes === 'string' ? bytes : await bytes());
    expect(answers).toHaveLength(1);
    const [{ status, headers, body }] = answers as [(typeof answers)[0]];
    expect(headers.get('connection')).toBe('close');
    return {
      status,
      header: (name) => headers.get(name.toLowerCase()) ?? null,
      body: JSON.parse(body) as Answer['body'],
    };
  };

const failing = (code: SendErrorCode, options?: SendErrorOptions): GatewayOptions => ({
  send: () => Promise.reject(new SendError(code, options)),
});

const crash: Send = () => {
  throw new TypeError('a bug that names the text 482915');
};

const provocations: Record<SendErrorCode, Provocation> = {
  body_invalid: { request: byClient({ body: '{' }), status: 400 },
  recipient_invalid: {
    request: byClient({ body: '{"recipient":"0151","body":"x"}' }),
    status: 400,
  },
  text_too_long: { gateway: failing('text_too_long'), request: byClient(), status: 400 },
  request_malformed: { request: byWire('this is not HTTP\r\n\r\n'), status: 400 },
  token_missing: {
    request: byClient({ token: null }),
    status: 401,
    headers: { 'www-authenticate': 'Bearer realm="simgate"' },
  },
  token_invalid: {
    request: byClient({ token: 'no.jwt.atall' }),
    status: 401,
    headers: {
      'www-authenticate':
        'Bearer realm="simgate", error="invalid_token", error_description="The bearer token is not valid"',
    },
  },
  token_expired: {
    request: async (gateway) => {
      const nowS = Math.floor(Date.now() / 1000) - 600;
      const token = await mintToken({ secret, subject, audience, expiresInS: 300, nowS });
      return byClient({ token })(gateway);
    },
    status: 401,
    headers: {
      'www-authenticate':
        'Bearer realm="simgate", error="invalid_token", error_description="The bearer token has expired"',
    },
  },
  recipient_not_allowed: {
    gateway: failing('recipient_not_allowed'),
    request: byClient(),
    status: 403,
  },
  not_found: { request: byPath('POST', '/SMS'), status: 404 },
  method_not_allowed: {
    request: byPath('OPTIONS', '/sms'),
    status: 405,
    headers: { allow: 'POST' },
  },
  request_timeout: {
    gateway: { limits: { headersTimeoutMs: 50, requestTimeoutMs: 50, checkIntervalMs: 10 } },
    request: byWire('POST /sms HTTP/1.1\r\nHost: localhost\r\nX-Slow: '),
    status: 408,
  },
  superseded: { gateway: failing('superseded'), request: byClient(), status: 409 },
  body_too_large: {
    // Not the whole of it: who has sent all need not lose its connection.
    gateway: { limits: { headersTimeoutMs: 300, requestTimeoutMs: 300, checkIntervalMs: 20 } },
    request: byWire(() => rawPost('{', { 'Content-Length': '70000' })),
    status: 413,
  },
  expectation_failed: {
    request: byWire(() => rawPost('{}', { Expect: 'a miracle' })),
    status: 417,
  },
  headers_too_large: {
    request: byWire(`GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
    status: 431,
  },
  idempotency_key_reused: {
    gateway: failing('idempotency_key_reused'),
    request: byClient(),
    status: 422,
  },
  rate_limited: {
    gateway: failing('rate_limited', { retryAfterMs: 90_500 }),
    request: byClient(),
    status: 429,
    headers: { 'retry-after': '91' },
  },
  internal: { gateway: { send: crash }, request: byClient(), status: 500, submitted: 'unknown' },
  network_refused: {
    gateway: failing('network_refused', { causeCode: 'CMS 38' }),
    request: byClient(),
    status: 502,
  },
  partly_submitted: {
    gateway: failing('partly_submitted', { submitted: 'partly' }),
    request: byClient(),
    status: 502,
    submitted: 'partly',
  },
  no_modem_ready: {
    gateway: failing('no_modem_ready', { retryAfterMs: 12_001 }),
    request: byClient(),
    status: 503,
    headers: { 'retry-after': '13' },
  },
  queue_full: {
    gateway: failing('queue_full', { retryAfterMs: 1 }),
    request: byClient(),
    status: 503,
    headers: { 'retry-after': '1' },
  },
  deadline_unreachable: {
    gateway: failing('deadline_unreachable', { retryAfterMs: 0 }),
    request: byClient(),
    status: 503,
    headers: { 'retry-after': '1' },
  },
  sim_cap_reached: {
    gateway: failing('sim_cap_reached'),
    request: byClient(),
    status: 503,
    headers: { 'retry-after': '600' },
  },
  clock_unset: {
    gateway: { clockIsSet: () => false },
    request: byClient({ token: null }),
    status: 503,
    headers: { 'retry-after': '30' },
  },
  shutting_down: {
    gateway: failing('shutting_down'),
    request: byClient(),
    status: 503,
    headers: { 'retry-after': '10' },
  },
  outcome_unknown: {
    gateway: failing('outcome_unknown', { submitted: 'unknown' }),
    request: byClient(),
    status: 504,
    submitted: 'unknown',
  },
};

describe('the table of problems', () => {
  const answered = new Set<unknown>();
  // What is sent or promised is shown by callers/route.test.ts.
  const statuses = new Set([200, 202]);

  it.each(sendErrorCodes)('answers %s to a real request as the contract says', async (code) => {
    const { gateway, request, status, submitted = 'no', headers = {} } = provocations[code];
    const answer = await request(await startGateway(gateway));
    answered.add(answer.body.code);
    statuses.add(answer.status);
    // What is at no path of a caller is not in the document.
    if (code !== 'not_found') {
      const shown = { ...answer, text: JSON.stringify(answer.body) };
      expect(violations('post', '/sms', shown)).toEqual([]);
    }
    expect(answer.status).toBe(status);
    expect(answer.header('content-type')).toBe('application/problem+json');
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.body).toMatchObject({
      type: `urn:simgate:problem:${code}`,
      title: problems[code].title,
      status,
      code,
      submitted,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    for (const [name, value] of Object.entries(headers)) expect(answer.header(name)).toBe(value);
    expect(answer.header('retry-after') !== null).toBe(status === 503 || status === 429);
    expect(answer.header('www-authenticate') !== null).toBe(status === 401);
  });

  it('has exactly the codes that there are', () => {
    expect(Object.keys(problems).sort()).toEqual([...sendErrorCodes].sort());
  });

  afterAll(() => {
    // Each code was read from a body that a client received.
    expect(answered).toEqual(new Set(sendErrorCodes));
    // Each status of the document was met.
    expect(statusesOf('post', '/sms').filter((status) => !statuses.has(status))).toEqual([]);
  });
});

describe('a problem body', () => {
  it("carries the network's own code and the detail", async () => {
    const gateway = await startGateway(
      failing('network_refused', { causeCode: 'CMS 38', detail: 'the network is out of order' }),
    );
    const { body } = await byClient()(gateway);
    expect(body).toMatchObject({ cause_code: 'CMS 38', detail: 'the network is out of order' });
  });

  it('keeps a bug to the log: the stack is there, and nothing of it in the body', async () => {
    const gateway = await startGateway({ send: crash });
    const { body } = await byClient()(gateway);
    expect(Object.keys(body).sort()).toEqual([
      'code',
      'id',
      'status',
      'submitted',
      'title',
      'type',
    ]);
    const entry = await gateway.record.next('internal_error');
    expect(entry).toMatchObject({ level: 'error', id: body.id });
    expect(JSON.stringify(entry)).toContain('contract.test.ts');
  });

  it('is complete on HTTP errors of a request that came slowly', async () => {
    const { port } = await startGateway({
      limits: { headersTimeoutMs: 40, requestTimeoutMs: 60, checkIntervalMs: 10 },
    });
    const wire = await Wire.open(port);
    const [answer] = await wire
      .write((await rawPost(JSON.stringify(validBody))).slice(0, -5))
      .untilClosed();
    expect(answer?.status).toBe(408);
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({
      code: 'request_timeout',
      submitted: 'no',
    });
  });
});
