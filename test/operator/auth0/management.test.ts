import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type Credentials,
  ManagementApi,
  ManagementError,
} from '../../../src/operator/auth0/management.js';
import { Auth0StandIn, management } from './stand-in.js';

let auth0: Auth0StandIn;
let said: string[];
let waits: number[];
beforeEach(async () => {
  auth0 = await Auth0StandIn.start();
  said = [];
  waits = [];
});
afterEach(() => auth0.stop());

function api(
  credentials: Credentials = { token: management.token },
  more: { fetch?: typeof fetch; env?: NodeJS.ProcessEnv } = {},
) {
  return new ManagementApi(auth0.origin, credentials, {
    say: (line) => void said.push(line),
    wait: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    env: {},
    ...more,
  });
}

const application = { clientId: management.clientId, clientSecret: management.clientSecret };
const connections = '/api/v2/connections?strategy=sms';

/** What a request is refused with. */
async function refusalOf(request: Promise<unknown>): Promise<ManagementError> {
  const error = await request.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ManagementError);
  return error as ManagementError;
}

it('asks for one token with the client-credentials grant and keeps it', async () => {
  const one = api(application);
  await one.request('GET', connections);
  await one.request('GET', connections);
  const grants = auth0.requests.filter(({ path }) => path === '/oauth/token');
  expect(grants.map(({ body }) => body)).toEqual([
    {
      grant_type: 'client_credentials',
      client_id: management.clientId,
      client_secret: management.clientSecret,
      audience: `${auth0.origin}/api/v2/`,
    },
  ]);
});

it('says so when client id and secret are not accepted, without the secret', async () => {
  const { message } = await refusalOf(
    api({ ...application, clientSecret: 'wrong-secret' }).request('GET', connections),
  );
  expect(message).toMatch(/gives no token .*401: Unauthorized/);
  expect(message).not.toContain('wrong-secret');
});

it('names the scope that is lacking', async () => {
  auth0.scopes.delete('read:connections');
  const error = await refusalOf(api().request('GET', connections));
  expect(error).toMatchObject({ status: 403, errorCode: 'insufficient_scope' });
  expect(error.message).toContain('the token lacks a scope: grant read:connections');
});

it('says what a refused token can be', async () => {
  const error = await refusalOf(api({ token: 'expired-token' }).request('GET', connections));
  expect(error.message).toContain('A token lives a day');
  expect(error.message).not.toContain('expired-token');
});

it('waits for a rate limit to end, says so, and goes on', async () => {
  auth0.rateLimit = { requests: 2, resetsInS: 7 };
  await expect(api().request('GET', connections)).resolves.toHaveLength(1);
  expect(waits).toHaveLength(2);
  for (const ms of waits) expect(ms).toSatisfy((value: number) => value >= 6_000 && value <= 8_000);
  expect(said[0]).toMatch(/429.*waiting [678] s/);
});

it('goes by the clock of Auth0 and not by its own for how long to wait', async () => {
  const reset = 1_800_000_030;
  const headers = {
    'x-ratelimit-reset': String(reset),
    date: new Date((reset - 12) * 1000).toUTCString(),
  };
  const answers = [
    Response.json({ errorCode: 'too_many_requests' }, { status: 429, headers }),
    Response.json([]),
  ];
  await api(undefined, { fetch: () => Promise.resolve(answers.shift()!) }).request(
    'GET',
    connections,
  );
  expect(waits).toEqual([12_000]);
});

it.each([
  ['is far off', { requests: 1, resetsInS: 3_600 }],
  ['never ends', { requests: 1_000, resetsInS: 2 }],
])('tells the person to come back when the end of the rate limit %s', async (_what, limit) => {
  auth0.rateLimit = limit;
  const { message, status } = await refusalOf(api().request('GET', connections));
  expect(status).toBe(429);
  expect(message).toMatch(/try again in \d+ s/);
  expect(waits.length).toBeLessThan(4);
});

it.each([
  ['ENOTFOUND', 'unknown to DNS'],
  ['EAI_AGAIN', 'DNS does not answer'],
  ['ECONNREFUSED', 'refuses the connection'],
  ['CERT_HAS_EXPIRED', "this machine's clock"],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'NODE_EXTRA_CA_CERTS'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS with'],
  ['UND_ERR_CONNECT_TIMEOUT', 'firewall'],
  ['ECONNRESET', 'ECONNRESET'],
])('says in words what %s means', async (code, words) => {
  const cause = Object.assign(new Error('low level'), { code });
  const { message } = await refusalOf(
    api(undefined, {
      fetch: () => Promise.reject(new TypeError('fetch failed', { cause })),
    }).request('GET', connections),
  );
  expect(message).toContain(words);
});

it('says that Node does not heed a proxy variable by itself', async () => {
  const cause = Object.assign(new Error('low level'), { code: 'ECONNREFUSED' });
  const failing = () => Promise.reject(new TypeError('fetch failed', { cause }));
  const request = (env: NodeJS.ProcessEnv) =>
    api(undefined, { fetch: failing, env }).request('GET', connections);
  const proxied = { HTTPS_PROXY: 'http://user:hidden@proxy:3128' };
  const { message } = await refusalOf(request(proxied));
  expect(message).toContain('NODE_USE_ENV_PROXY=1');
  expect(message).not.toContain('hidden');
  expect((await refusalOf(request({ ...proxied, NODE_USE_ENV_PROXY: '1' }))).message).not.toContain(
    'NODE_USE',
  );
});

it('says so for a failure that has no code, as a port that fetch blocks', async () => {
  const one = new ManagementApi('127.0.0.1:9', { token: 't' }, { say: () => undefined, env: {} });
  expect((await refusalOf(one.request('GET', connections))).message).toContain('(bad port)');
});

it.each(['two words', 'a\nb', 'ü', ''])('takes no %j for a token, and does not say it', (token) => {
  const make = () => new ManagementApi('x.auth0.com', { token }, { say: () => undefined });
  expect(make).toThrow(
    /^the Management API token holds blanks or other characters that no token has$/,
  );
});

it('does not follow a redirect with its token', async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const one = new ManagementApi(origin, { token: 't' }, { say: () => undefined });
  const { message } = await refusalOf(one.request('GET', '/api/v2/connections'));
  server.close();
  expect(message).toContain('a redirect');
  expect(seen).toEqual(['GET /api/v2/connections']);
});

it('knows a page that is not from Auth0', async () => {
  const page = () => Promise.resolve(new Response('<html>log in to the hotel</html>'));
  expect(
    (await refusalOf(api(undefined, { fetch: page }).request('GET', connections))).message,
  ).toContain('is not Auth0');
});

it('shows nothing that steers a terminal, and no secret that Auth0 says back', async () => {
  const message = `bad \u001b[31m ${management.token}`;
  const answer = () => Promise.resolve(Response.json({ message }, { status: 400 }));
  const error = await refusalOf(
    api(undefined, { fetch: answer }).request('PATCH', '/api/v2/connections/x', {}),
  );
  expect(error.message).toContain('bad \\u001b[31m …');
});

it.each([
  '',
  'a b',
  'http://example.eu.auth0.com',
  'https://example.eu.auth0.com/path',
  'https://user@example.com',
  'ftp://x',
])('takes no %j for a domain', (domain) => {
  expect(() => new ManagementApi(domain, { token: 't' }, { say: () => undefined })).toThrow(
    'the domain must be',
  );
});

it.each(['example.eu.auth0.com', 'https://example.eu.auth0.com', 'https://example.eu.auth0.com/'])(
  'takes %s for a domain',
  (domain) => {
    const one = new ManagementApi(domain, { token: 't' }, { say: () => undefined });
    expect(one.domain).toBe('example.eu.auth0.com');
  },
);

it.each([
  ['GET', 2],
  ['POST', 1],
  ['PATCH', 1],
  ['DELETE', 1],
] as const)('asks a %s that met a fault %i times', async (method, times) => {
  for (const answer of [
    () => new Response('<html>', { status: 502 }),
    () => new Response('<html>'),
    () => Response.json({ message: 'Internal Server Error' }, { status: 500 }),
    () => {
      throw new DOMException('late', 'TimeoutError');
    },
  ]) {
    let asked = 0;
    const send = async () => {
      asked += 1;
      return answer();
    };
    const error = await refusalOf(api(undefined, { fetch: send }).request(method, '/api/v2/x'));
    expect(error.isFault).toBe(true);
    expect(asked).toBe(times);
  }
});

it('takes a refusal for an answer, and asks once', async () => {
  auth0.scopes.delete('read:connections');
  const error = await refusalOf(api().request('GET', connections));
  expect(error.isFault).toBe(false);
  expect(auth0.requests).toHaveLength(1);
});

it('asks for a token once more when the first time met a fault', async () => {
  auth0.faults = [{ method: 'POST', path: /oauth/, as: 503, isDone: false, times: 1 }];
  await expect(api(application).request('GET', connections)).resolves.toBeDefined();
});

it('says that a custom domain is none that the Management API goes by', async () => {
  const custom = new ManagementApi(auth0.origin.replace('127.0.0.1', 'localhost'), application, {
    say: () => undefined,
    env: {},
  });
  expect((await refusalOf(custom.request('GET', connections))).message).toMatch(
    /Is localhost:\d+ a custom domain\? .*Settings › General › Domain/,
  );
});

it('reads from a token that is refused whose it is', async () => {
  const claims = {
    aud: ['https://example.eu.auth0.com/api/v2/', 'https://example.eu.auth0.com/userinfo'],
  };
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
  const { message } = await refusalOf(api({ token }).request('GET', connections));
  expect(message).toContain(
    'it is one for example.eu.auth0.com, so give --domain example.eu.auth0.com',
  );
  expect(message).not.toContain(token);
});
