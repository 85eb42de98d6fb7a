import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { askDaemon } from '../../src/control/client.js';
import { maxBodyOctets } from '../../src/http/send-route.js';
import { Rig, secret } from '../e2e/rig.js';
import { freePort } from './free-port.js';
import { proxyKinds, ReverseProxy } from './proxies-rig.js';
import { rawAnswer, Upstream } from './proxies-upstream.js';

/**
 * The shipped configurations in Debian's nginx and Caddy. What Auth0 reads is a number, so each of
 * simgate's must come through as it is, and the proxy's own must be none of simgate's.
 */
const message = (over: Record<string, unknown> = {}) =>
  JSON.stringify({ recipient: '+49 151 12345678', body: 'Your code is 417093', ...over });
const id = '0b8d6f0e-1111-4c4c-9d9d-aaaaaaaaaaaa';
const unreachable = { code: 'gateway_unreachable', status: 591, submitted: 'no' };
const silent = { code: 'gateway_silent', status: 594, submitted: 'unknown' };

describe.each(proxyKinds)('%s in front of simgate', (kind) => {
  let rig: Rig;
  let proxy: ReverseProxy;
  let bearer: { authorization: string };

  beforeAll(async () => {
    rig = await Rig.start();
    proxy = await ReverseProxy.start(kind, rig.port);
    bearer = { authorization: `Bearer ${rig.token}` };
  });
  afterAll(async () => {
    await proxy.stop();
    await rig.stop();
  });

  test('takes a signed request to the network and the answer back', async () => {
    const { status, body } = await proxy.call({
      headers: bearer,
      body: message({ body: 'through the proxy' }),
    });
    expect([status, JSON.parse(body)]).toEqual([
      200,
      expect.objectContaining({ segments: 1, modem: 'main' }),
    ]);
    expect(rig.texts()).toEqual(['through the proxy']);
  });

  test.each([
    [
      'a token that is not valid',
      { authorization: 'Bearer e30.e30.AA' },
      message(),
      401,
      'token_invalid',
    ],
    ['no token', {}, message(), 401, 'token_missing'],
    [
      'a recipient that is no number',
      'bearer',
      message({ recipient: '112' }),
      400,
      'recipient_invalid',
    ],
  ] as const)('passes simgate’s answer to %s', async (_, headers, body, status, code) => {
    const answer = await proxy.call({ headers: headers === 'bearer' ? bearer : headers, body });
    expect([answer.status, answer.headers['content-type']]).toEqual([
      status,
      'application/problem+json',
    ]);
    expect(JSON.parse(answer.body)).toMatchObject({ code, submitted: 'no' });
    expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401);
  });

  test.each(['GET', 'OPTIONS', 'PUT', 'TRACE'])('has %s refused with 405', async (method) => {
    expect((await proxy.call({ method, headers: bearer })).status).toBe(405);
  });

  test('passes a refusal of the network as simgate’s own 502', async () => {
    await rig.modem.control({ fault: 'cms:21' });
    const { status, body } = await proxy.call({ headers: bearer, body: message() });
    expect([status, JSON.parse(body).code]).toEqual([502, 'network_refused']);
  });

  test('lets simgate know that the caller hung up: what waited is not started', async () => {
    const before = rig.texts();
    const ctrlZs = () => rig.modem.record().filter((entry) => entry.kind === 'ctrl_z').length;
    const [from, sent] = [rig.log.length, ctrlZs()];
    await rig.modem.control({ fault: 'late:4000' });
    const first = proxy.call({
      headers: bearer,
      body: message({ body: 'first', recipient: '+4915112345601' }),
    });
    await expect.poll(ctrlZs).toBeGreaterThan(sent);
    const caller = new AbortController();
    const left = proxy
      .call({
        headers: bearer,
        body: message({ body: 'left', recipient: '+4915112345602' }),
        signal: caller.signal,
      })
      .catch((error: Error) => error.name);
    const third = proxy.call({
      headers: bearer,
      body: message({ body: 'third', recipient: '+4915112345603' }),
    });
    await expect.poll(() => waiting(rig)).toBe(2);
    caller.abort();
    expect(await left).toBe('AbortError');
    const logged = await rig.until(
      (line) => line.event === 'message' && line.caller_left === true,
      from,
    );
    expect(logged).toMatchObject({ submitted: 'no', recipient: '+49…02' });
    expect([(await first).status, (await third).status]).toEqual([200, 200]);
    expect(rig.texts()).toEqual([...before, 'first', 'third']);
  });

  test('writes no token, no text and no number into its log', async () => {
    const headers = { ...bearer, 'x-other': rig.token };
    await proxy.call({
      path: `/sms?${rig.token}`,
      headers,
      body: message({ body: 'secret text' }),
    });
    await proxy.call({
      path: '/none?15112345678',
      headers,
      body: message({ body: 'secret text' }),
    });
    await expect.poll(() => proxy.logs()).toContain('/none');
    const logs = proxy.logs();
    expect(logs).toContain('POST');
    for (const word of [rig.token.slice(-40), 'secret text', '417093', '15112345']) {
      expect(logs, `the log holds ${word}`).not.toContain(word);
    }
  });

  test('passes 503 with its Retry-After while there is no modem, and answers 591 once simgate is gone', async () => {
    await rig.modem.control({ hangup: true, reattach_ms: 60_000 });
    await rig.until((line) => line.phase === 'lost');
    const none = await proxy.call({ headers: bearer, body: message() });
    expect([none.status, none.headers['retry-after']]).toEqual([503, '10']);
    expect(JSON.parse(none.body)).toMatchObject({ code: 'no_modem_ready', submitted: 'no' });
    await rig.daemon.end('SIGTERM');
    const down = await proxy.call({ headers: bearer, body: message() });
    expect([down.status, down.headers['content-type']]).toEqual([591, 'application/problem+json']);
    expect(JSON.parse(down.body)).toMatchObject(unreachable);
  });
});

describe.each(proxyKinds)('%s before an upstream that sees every octet', (kind) => {
  let upstream: Upstream;
  let proxy: ReverseProxy;

  beforeAll(async () => {
    upstream = await Upstream.start();
    proxy = await ReverseProxy.start(kind, upstream.port);
  });
  afterEach(() => upstream.reset());
  afterAll(async () => {
    await proxy.stop();
    await upstream.stop();
  });

  test.each([500, 502, 503, 504, 429])('passes an answer of %i unchanged', async (status) => {
    upstream.onRequest = (socket) =>
      socket.end(rawAnswer(status, '{"code":"theirs"}', 'Retry-After: 7\r\n'));
    const answer = await proxy.call({ body: message() });
    expect([answer.status, answer.body, answer.headers['retry-after']]).toEqual([
      status,
      '{"code":"theirs"}',
      '7',
    ]);
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });

  test.each([
    ['closes', ''],
    ['breaks off in its header', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ])('answers 594, and has sent the request once, when the upstream %s', async (_, octets) => {
    upstream.onRequest = (socket) => socket.end(octets);
    // A key tells clients, and Go's among them, that a request may be repeated.
    const answer = await proxy.call({ body: message(), headers: { 'idempotency-key': 'k' } });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      594,
      expect.objectContaining(silent),
    ]);
    expect(upstream.received).toHaveLength(1);
    expect(upstream.received[0]?.match(/^POST \/sms /gm)).toHaveLength(1);
  });

  test('answers 594 and not twice when the upstream resets a connection that it kept', async () => {
    upstream.onRequest = (socket) => socket.write(rawAnswer(200));
    expect((await proxy.call({ body: message() })).status).toBe(200);
    upstream.onRequest = (socket) => socket.resetAndDestroy();
    expect((await proxy.call({ body: message() })).status).toBe(594);
    // Each on a connection of its own: none was kept.
    expect(upstream.received.map((octets) => octets.match(/^POST /gm)?.length)).toEqual([1, 1]);
  });

  test('sets X-Forwarded-For, whatever the caller wrote', async () => {
    await proxy.call({
      body: message(),
      headers: { 'x-forwarded-for': '203.0.113.7, 198.51.100.9' },
    });
    expect(upstream.received[0]?.match(/^x-forwarded-for:.*$/gim)).toEqual([
      'X-Forwarded-For: 127.0.0.1',
    ]);
  });

  test('passes on the token and the body, octet for octet', async () => {
    const body = message({ body: 'Grüße 🔐\n\n@example.com #417093' });
    await proxy.call({
      body,
      headers: { authorization: 'Bearer t', prefer: 'wait=15', 'idempotency-key': 'k' },
    });
    const [octets = ''] = upstream.received;
    expect(octets.slice(octets.indexOf('\r\n\r\n') + 4)).toBe(Buffer.from(body).toString('latin1'));
    for (const header of ['authorization: Bearer t', 'prefer: wait=15', 'idempotency-key: k']) {
      expect(octets.toLowerCase()).toContain(`\r\n${header.toLowerCase()}\r\n`);
    }
  });

  test.each([
    ['with its length', 'x'.repeat(maxBodyOctets)],
    ['in chunks', ['x'.repeat(maxBodyOctets - 1), 'x']],
  ])('takes a body of 64 KiB %s, and none of one octet more', async (_, body) => {
    expect((await proxy.call({ body })).status).toBe(200);
    const larger = typeof body === 'string' ? `${body}x` : [...body, 'x'];
    const answer = await proxy.call({ body: larger });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      413,
      expect.objectContaining({ code: 'body_too_large', submitted: 'no' }),
    ]);
    // Whether anything of it reached the upstream: a whole request did not.
    expect(
      upstream.received.slice(1).filter((octets) => octets.length > maxBodyOctets + 1000),
    ).toEqual([]);
  });

  test('passes a question for one message on, and 202 with its Location back', async () => {
    upstream.onRequest = (socket) =>
      socket.end(rawAnswer(202, '{"state":"sending"}', `Location: /sms/${id}\r\n`));
    const taken = await proxy.call({ body: message(), headers: { prefer: 'wait=2' } });
    expect([taken.status, taken.headers.location, taken.body]).toEqual([
      202,
      `/sms/${id}`,
      '{"state":"sending"}',
    ]);
    await proxy.call({ method: 'GET', path: `/sms/${id}`, headers: { 'x-api-key': 'k' } });
    expect(upstream.requestLines).toEqual(['POST /sms HTTP/1.1', `GET /sms/${id} HTTP/1.1`]);
    const [first = '', second = ''] = upstream.received.map((octets) => octets.toLowerCase());
    expect([first, second]).toEqual([
      expect.stringContaining('\r\nprefer: wait=2\r\n'),
      expect.stringContaining('\r\nx-api-key: k\r\n'),
    ]);
  });

  test.each([
    '/',
    '/livez',
    '/readyz',
    '/metrics',
    '/openapi.json',
    '/supabase',
    '/api/v1/sms/send',
    '/SMS',
    '/sms/',
    '/sms/x',
    '/smsx',
    '/sms%2F',
    '/sms%0a',
    '/sms%0d%0aX:%20y',
    '/sms/../readyz',
    '/readyz/%2e%2e/livez',
    `/sms/${id}/`,
    `/sms/${id}x`,
    `/sms/${id}%0a`,
    `/sms/${id.toUpperCase()}`,
    `/sms/${id}/../../readyz`,
    `/sms/${id}/%2e%2e/%2e%2e/metrics`,
    `/sms/${id};/../../livez`,
    '/sms/x/../../livez',
    '/sms/%2e%2e/livez',
    `/sms/${'.'.repeat(36)}`,
    `/sms/..%2f${id.slice(5)}`,
  ])('answers 404 to %s', async (path) => {
    for (const method of ['POST', 'GET']) {
      const answer = await proxy.call({ method, path, body: method === 'GET' ? '' : message() });
      expect([answer.status, JSON.parse(answer.body).code]).toEqual([404, 'not_found']);
    }
    expect(upstream.requestLines).toEqual([]);
  });

  test.each([
    '//sms',
    '/./sms',
    '/x/../sms',
    '/readyz/../sms',
    '/%73ms',
    '/sms?next=/readyz',
    `/sms/${id}/../${id}`,
    `/sms/${id}/../../sms`,
    `/sms/${id}?next=/readyz`,
  ])('lets nothing but /sms through for %s', async (path) => {
    const { status } = await proxy.call({ path, body: message() });
    const passed = [
      expect.stringMatching(/^POST \/sms(\/[0-9a-f-]{36})?(\?next=\/readyz)? HTTP\/1\.1$/),
    ];
    expect(upstream.requestLines).toEqual(status === 404 ? [] : passed);
  });

  test('passes nothing on that came in the clear, and redirects nothing', async () => {
    for (const port of [proxy.httpPort, proxy.httpsPort]) {
      for (const host of ['sms.example.com', '127.0.0.1']) {
        const answer = await proxy.call({ inClearTo: port, body: message(), headers: { host } });
        expect([answer.status, answer.headers.location]).toEqual([
          port === proxy.httpPort ? 404 : 400,
          undefined,
        ]);
      }
    }
    expect(upstream.received).toEqual([]);
  });

  test('never answers 200 under another name', async () => {
    upstream.onRequest = (socket) => socket.end(rawAnswer(401));
    const answer = await proxy.call({ body: message(), headers: { host: 'other.example.com' } });
    expect([401, 404]).toContain(answer.status);
  });
});

describe.each(proxyKinds)('%s that publishes the paths of further callers', (kind) => {
  const webhookSecret = `v1,whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const credential = { 'x-api-key': secret };
  const folder = mkdtempSync(join(tmpdir(), 'simgate-webhook-'));
  let rig: Rig;
  let proxy: ReverseProxy;

  beforeAll(async () => {
    const file = join(folder, 'secret');
    writeFileSync(file, webhookSecret, { mode: 0o600 });
    rig = await Rig.start(
      ['--submit-latency', '2500'],
      `[[caller]]
name = "supabase"
kind = "supabase"
secret_file = "${file}"
template = "Your code is {code}"
[[caller]]
name = "script"
kind = "header"
secret_file = "secret"
on_slow = "202"
`,
    );
    proxy = await ReverseProxy.start(kind, rig.port, 'documented');
  });
  afterAll(async () => {
    await proxy.stop();
    await rig.stop();
    rmSync(folder, { recursive: true });
  });

  test('passes a signed body octet for octet, so that its signature holds', async () => {
    const body =
      '{ "user" : { "phone":"4915112345678" }, "sms" : {"otp":"41\\u0037093","phone":"4915112345678"},\r\n\t"x":"Grüße 🔐" }\n';
    const at = new Date();
    const headers = {
      'content-type': 'application/json',
      'webhook-id': 'an-id',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(webhookSecret.replace('v1,', '')).sign('an-id', at, body),
    };
    const call = { path: '/supabase', headers, body };
    const answer = await proxy.call(call);
    expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([
      200,
      'application/json',
      '{}',
    ]);
    expect(rig.texts()).toEqual(['Your code is 417093']);
    expect((await proxy.call({ ...call, body: body.trim() })).status).toBe(401);
  });

  test('passes 202 at the time that Prefer names, and the answer to what became of it', async () => {
    const headers = { ...credential, prefer: 'wait=1' };
    const taken = await proxy.call({ headers, body: message({ body: 'in no hurry' }) });
    const { location = '' } = taken.headers;
    expect([taken.status, taken.headers['preference-applied'], location]).toEqual([
      202,
      'wait=1',
      expect.stringMatching(/^\/sms\/[0-9a-f-]{36}$/),
    ]);
    const ask = async (asWhom: Record<string, string>) => {
      const { status, body } = await proxy.call({ method: 'GET', path: location, headers: asWhom });
      return [status, JSON.parse(body)] as const;
    };
    await expect
      .poll(() => ask(credential), { timeout: 10_000 })
      .toEqual([200, expect.objectContaining({ state: 'sent' })]);
    expect(await ask({ authorization: `Bearer ${rig.token}` })).toMatchObject([404, {}]);
    expect(await ask({})).toMatchObject([401, { code: 'token_missing' }]);
    expect(rig.texts()).toContain('in no hurry');
  });

  test('has what simgate does not serve answered by simgate, and the rest by itself', async () => {
    const statuses = [];
    for (const path of ['/zitadel', '/supabase/', '/supabase%0a', '/logto', '/supabase/../livez']) {
      const { status, body } = await proxy.call({ path, body: message() });
      statuses.push([path, status, JSON.parse(body).type]);
    }
    const type = 'urn:simgate:problem:not_found';
    expect(statuses).toEqual(statuses.map(([path]) => [path, 404, type]));
  });
});

// Debian's Caddy (2.6) tells such a caller 200, and there is no setting against it: docs/proxy.md
// says so.
test('nginx never answers 200 to a caller who closes its sending side while it waits', async () => {
  const upstream = await Upstream.start();
  const proxy = await ReverseProxy.start('nginx', upstream.port);
  try {
    const arrived = new Promise<void>((resolve) => {
      upstream.onRequest = () => resolve();
    });
    const answer = await proxy.exchange(
      'POST /sms HTTP/1.1\r\nHost: sms.example.com\r\nContent-Length: 2\r\n\r\n{}',
      arrived,
    );
    expect(answer).not.toMatch(/^HTTP\/1\.1 2/);
    expect(upstream.requestLines).toEqual(['POST /sms HTTP/1.1']);
  } finally {
    await proxy.stop();
    await upstream.stop();
  }
});

test('nginx lets Let’s Encrypt read its challenge, and nothing else beside it', async () => {
  const proxy = await ReverseProxy.start('nginx', await freePort());
  try {
    const get = (path: string) => proxy.call({ method: 'GET', path, inClearTo: proxy.httpPort });
    expect(await get('/.well-known/acme-challenge/token')).toMatchObject({
      status: 200,
      body: 'proof',
    });
    expect((await get('/.well-known/acme-challenge/none')).status).toBe(404);
    expect((await get('/.well-known/acme-challenge/../../../nginx.conf')).status).not.toBe(200);
  } finally {
    await proxy.stop();
  }
});

/** How many messages wait for the modem, as the daemon says. */
async function waiting(rig: Rig): Promise<unknown> {
  for await (const status of askDaemon(join(rig.folder, 'state.sock'), { command: 'status' }))
    return status.waiting;
  throw new Error('the daemon said nothing');
}
