import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { Webhook } from 'standardwebhooks';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { document, violations } from '../http/support/openapi.js';
import { Rig, secret } from './rig.js';

let rig: Rig;
afterEach(() => rig.stop());

const supabaseSecret = 'v1,whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=';

/** Every kind of caller, each with the same secret where its form allows it. */
function everyKind(more: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-callers-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'supabase'), supabaseSecret, { mode: 0o600 });
  const own: Record<string, string> = {
    bearer: 'path = "/bearer"',
    basic: 'username = "ory"',
    header: '',
    supabase: 'template = "Your code is {code}"',
    zitadel: '',
    logto: 'template = "{code}"\nwebotp_host = "example.com"',
    authgear: '',
    uptime_kuma: '',
    alerts: 'recipients = ["+4915112345678"]',
  };
  return Object.entries(own)
    .map(
      ([kind, keys]) =>
        `[[caller]]\nname = "${kind}"\nkind = "${kind}"\nsecret_file = "${kind === 'supabase' ? join(folder, 'supabase') : 'secret'}"\n${keys}\n${more[kind] ?? ''}\n`,
    )
    .join('');
}

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

async function post(path: string, headers: Record<string, string>, body: string): Promise<Answer> {
  const url = `http://127.0.0.1:${rig.port}${path}`;
  const answer = await fetch(url, { method: 'POST', headers, body });
  const text = await answer.text();
  const shown = { status: answer.status, header: (name: string) => answer.headers.get(name), text };
  expect(violations('post', path === '/bearer' ? '/sms' : path, shown)).toEqual([]);
  return { status: answer.status, headers: answer.headers, text };
}

const native = (body: string) => JSON.stringify({ recipient: '+4915112345678', body });
const supabase = (otp: string, uuid: string, at = new Date()) => {
  const body = JSON.stringify({
    metadata: { uuid, ip_address: '192.0.2.7' },
    user: { id: 'u', phone: '4915112345678' },
    sms: { otp, phone: '4915112345678' },
  });
  const id = `msg-${uuid}`;
  // The library that its own documentation names.
  const signature = new Webhook(supabaseSecret.replace('v1,', '')).sign(id, at, body);
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': signature,
  };
  return ['/supabase', headers, body] as const;
};
const zitadel = (text: string, atMs = Date.now()) => {
  const body = JSON.stringify({
    contextInfo: {
      eventType: 'session.otp.sms.challenged',
      recipientPhoneNumber: '+4915112345678',
    },
    templateData: { text },
  });
  const at = Math.floor(atMs / 1000);
  const hex = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
  return ['/zitadel', { 'ZITADEL-Signature': `t=${at},v1=${hex}` }, body] as const;
};
const authgear = (text: string) => {
  const body = JSON.stringify({ to: '+4915112345678', body: text, app_id: 'example' });
  const hex = createHmac('sha256', secret).update(body).digest('hex');
  return ['/authgear', { 'x-authgear-body-signature': hex }, body] as const;
};
const alert = JSON.stringify({
  version: '4',
  status: 'firing',
  groupKey: '{}:{alertname="Hot"}',
  alerts: [{ status: 'firing', labels: {}, fingerprint: 'f', startsAt: '2026-11-29T19:00:00Z' }],
  commonLabels: { alertname: 'Hot' },
  commonAnnotations: { summary: 'rack 3 is at 41 °C' },
});
const bearer = { authorization: `Bearer ${secret}` };

test('every kind of caller sends in its own words, and is known by its name', async () => {
  rig = await Rig.start([], everyKind());
  const basic = Buffer.from(`ory:${secret}`).toString('base64');
  const form = new URLSearchParams({ recipient: '+4915112345678', body: 'by a form' }).toString();
  const answers = [
    await post('/sms', { authorization: `Bearer ${rig.token}` }, native('by auth0')),
    await post('/bearer', bearer, native('by bearer')),
    await post('/sms', { authorization: `Basic ${basic}` }, native('by basic')),
    await post(
      '/sms',
      { 'x-api-key': secret, 'content-type': 'application/x-www-form-urlencoded' },
      form,
    ),
    await post(...supabase('417093', 'a')),
    await post(...zitadel('by zitadel')),
    await post(
      '/logto',
      bearer,
      JSON.stringify({ to: '4915112345678', type: 'SignIn', payload: { code: '417094' } }),
    ),
    await post(...authgear('by authgear')),
    await post(
      '/api/v1/sms/send',
      { 'x-api-key': secret },
      JSON.stringify({ to: '+4915112345678', body: 'by kuma' }),
    ),
    await post('/alerts', bearer, alert),
  ];
  expect(answers.map(({ status, text }) => (status === 200 ? 200 : text))).toEqual(
    answers.map(() => 200),
  );
  expect(rig.texts()).toEqual([
    'by auth0',
    'by bearer',
    'by basic',
    'by a form',
    'Your code is 417093',
    'by zitadel',
    '417094\n\n@example.com #417094',
    'by authgear',
    'by kuma',
    '[FIRING:1] Hot: rack 3 is at 41 deg C',
  ]);
  expect([answers[4], answers[7], answers[8]].map((answer) => JSON.parse(answer!.text))).toEqual([
    {},
    { code: 'ok' },
    { id: expect.any(String), status: 'sent' },
  ]);
  // Its lines come a moment after the answers.
  const logged = () =>
    rig.log.filter(({ event }) => event === 'message').map((line) => line.caller);
  await expect
    .poll(logged)
    .toEqual([
      'auth0',
      'bearer',
      'basic',
      'header',
      'supabase',
      'zitadel',
      'logto',
      'authgear',
      'uptime_kuma',
      'alerts',
    ]);
  const openapi = await fetch(`http://127.0.0.1:${rig.adminPort}/openapi.json`);
  expect([openapi.status, await openapi.json()]).toEqual([200, document]);
  const metrics = await (await fetch(`http://127.0.0.1:${rig.adminPort}/metrics`)).text();
  expect(metrics).toContain('simgate_messages_total{status="200",code="sent",caller="zitadel"} 1');
});

test('repeats of those without a key never send twice, and another’s secret opens nothing', async () => {
  rig = await Rig.start([], everyKind());
  expect((await post(...zitadel('417093'))).status).toBe(200);
  const repeat = await post(...zitadel('417093'));
  expect([repeat.status, repeat.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  expect((await post(...supabase('417093', 'a'))).status).toBe(200);
  expect((await post(...supabase('417093', 'a'))).status).toBe(200);
  expect((await post('/alerts', bearer, alert)).status).toBe(200);
  expect((await post('/alerts', bearer, alert)).status).toBe(200);
  expect(rig.texts()).toHaveLength(3);
  const [path, headers, body] = authgear('x');
  const refused = [
    await post('/zitadel', headers, body),
    await post('/supabase', bearer, body),
    await post(path, headers, `${body} `),
    await post('/bearer', { authorization: `Bearer ${rig.token}` }, native('x')),
    await post('/logto', {}, native('x')),
  ];
  expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
  expect(rig.texts()).toHaveLength(3);
  expect(rig.raw).not.toContain(secret);
});

test('while the clock is behind, a repeat is told what became of the first, and nothing else is sent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simgate-leap-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const leapFile = join(folder, 'leap');
  writeFileSync(leapFile, '0');
  const preload = join(import.meta.dirname, '../faults/leaping-clock.mjs');
  const env = { NODE_OPTIONS: `--import=${preload}`, LEAP_FILE: leapFile };
  // These two have no key, and are not known to repeat.
  const repeating = { logto: 'repeats_s = 300', uptime_kuma: 'repeats_s = 300' };
  rig = await Rig.start([], everyKind(repeating), { env });
  const basic = `Basic ${Buffer.from(`ory:${secret}`).toString('base64')}`;
  const auth0 = { authorization: `Bearer ${rig.token}` };
  /** Twenty minutes old: no signature of that age is taken while the time is known. */
  const old = new Date(Date.now() - 1_200_000);
  /** A request of each kind, of the text or code `words`; `key` is its own where it has none. */
  const requests = (words: string, key: string, at?: Date): Parameters<typeof post>[] => [
    ['/sms', { ...auth0, 'idempotency-key': key }, native(words)],
    ['/bearer', { ...bearer, 'idempotency-key': key }, native(words)],
    ['/sms', { authorization: basic, 'idempotency-key': key }, native(words)],
    ['/sms', { 'x-api-key': secret, 'idempotency-key': key }, native(words)],
    [...supabase(words, key, at)],
    [...zitadel(words, at?.getTime())],
    [
      '/logto',
      bearer,
      JSON.stringify({ to: '4915112345678', type: 'SignIn', payload: { code: words } }),
    ],
    [...authgear(words)],
    [
      '/api/v1/sms/send',
      { 'x-api-key': secret },
      JSON.stringify({ to: '+4915112345678', body: words }),
    ],
    ['/alerts', bearer, alert.replace('rack 3', words).replace('"f"', `"${key}"`)],
  ];
  const statuses = async (asked: Parameters<typeof post>[]) =>
    (await Promise.all(asked.map((each) => post(...each)))).map(({ status }) => status);
  const all = (status: number) => Array.from({ length: 10 }, () => status);
  const firsts: Awaited<ReturnType<typeof post>>[] = [];
  for (const each of requests('417093', 'first')) firsts.push(await post(...each));
  expect(firsts.map(({ status }) => status)).toEqual(all(200));
  // Of one the network has it, and nobody knows.
  await rig.modem.control({ fault: 'hangup-after-ctrlz:200' });
  const lost = { ...auth0, 'idempotency-key': 'lost' };
  const from = rig.log.length;
  expect((await post('/sms', lost, native('lost'))).status).toBe(504);
  await rig.until(({ event, phase }) => event === 'modem' && phase === 'ready', from);
  const sent = rig.texts();
  expect(sent).toHaveLength(11);

  writeFileSync(leapFile, String(-2000 * 86_400_000));
  expect(await statuses(requests('417093', 'first'))).toEqual(all(200));
  const [auth0Repeat] = requests('417093', 'first');
  expect((await post(...auth0Repeat!)).headers.get('idempotent-replayed')).toBe('true');
  const unknown = await post('/sms', lost, native('lost'));
  expect([unknown.status, JSON.parse(unknown.text)]).toMatchObject([
    504,
    { code: 'outcome_unknown', submitted: 'unknown' },
  ]);
  // Whoever has the secret reads what became of its own, by the id that it was told.
  const read = async (id: string, headers: Record<string, string>) => {
    const answer = await fetch(`http://127.0.0.1:${rig.port}/sms/${id}`, { headers });
    const { code, state } = (await answer.json()) as Record<string, unknown>;
    return [answer.status, code ?? state];
  };
  const idOf = (index: number): string => (JSON.parse(firsts[index]!.text) as { id: string }).id;
  const readers = [auth0, bearer, { authorization: basic }, { 'x-api-key': secret }];
  for (const [index, headers] of readers.entries()) {
    expect(await read(idOf(index), headers)).toEqual([200, 'sent']);
    const another = idOf((index + 1) % readers.length);
    expect(await read(another, headers)).toEqual([503, 'clock_unset']);
  }
  expect(await read(idOf(0), {})).toEqual([503, 'clock_unset']);
  // A proof whose age cannot be judged tells what was sent with it, and sends nothing.
  expect(await statuses(requests('417093', 'first', old))).toEqual(all(200));
  expect(await statuses(requests('417094', 'second'))).toEqual(all(503));
  // The same key with another message is no repeat.
  const other = await post(auth0Repeat![0], auth0Repeat![1], native('another'));
  expect([other.status, JSON.parse(other.text)]).toMatchObject([
    503,
    { code: 'clock_unset', submitted: 'no' },
  ]);
  // Who has no secret is told nothing of anybody's messages.
  const forged = requests('417093', 'first').map(
    ([path, headers, body]): Parameters<typeof post> => [
      path,
      Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [
          name,
          /^(?:idempotency-key|webhook-(?:id|timestamp))$/.test(name)
            ? value
            : // Not the last one, of which base64 may mean but a part.
              value.replace(/[A-Za-z0-9](?=.{8}$)/, (one) => (one === '0' ? '1' : '0')),
        ]),
      ),
      body,
    ],
  );
  expect(await statuses(forged)).toEqual(all(503));
  // Nor who has another claim, or a token of any age that says of whom it is not.
  const asked = async (claims: object) => {
    const token = await new SignJWT({ sub: 'urn:Auth0', aud: 'urn:MySmsGateway', ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(secret));
    const headers = { authorization: `Bearer ${token}`, 'idempotency-key': 'first' };
    return (await post('/sms', headers, native('417093'))).status;
  };
  expect([await asked({ exp: 1 }), await asked({ nbf: 9e9 })]).toEqual([200, 200]);
  expect([await asked({ sub: 'x' }), await asked({ aud: 'x' })]).toEqual([503, 503]);
  expect(rig.texts()).toEqual(sent);

  writeFileSync(leapFile, '0');
  expect(await statuses(requests('417094', 'second'))).toEqual(all(200));
  expect(rig.texts()).toHaveLength(21);
}, 60_000);

test('who cannot wait is told 202, and GET says what became of it', async () => {
  const slow = 'deadline_s = 1\non_slow = "202"';
  rig = await Rig.start(['--submit-latency', '3000'], everyKind({ header: slow }));
  const ask = async (location: string) => {
    const headers = { 'x-api-key': secret };
    const answer = await fetch(`http://127.0.0.1:${rig.port}${location}`, { headers });
    return [answer.status, await answer.json()] as [number, Record<string, unknown>];
  };
  const first = post('/sms', { 'x-api-key': secret }, native('first'));
  const second = post('/sms', { 'x-api-key': secret }, native('second'));
  const answers = [await first, await second];
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  const locations = answers.map(({ headers }) => headers.get('location') ?? '');
  expect(await ask(locations[0]!)).toMatchObject([200, { state: 'sending', segments: 1 }]);
  expect(await ask(locations[1]!)).toMatchObject([200, { state: 'waiting', segments: 1 }]);
  await expect
    .poll(() => ask(locations[1]!), { timeout: 15_000, interval: 200 })
    .toMatchObject([200, { state: 'sent', submitted: 'yes', modem: 'main' }]);
  expect(await ask(locations[0]!)).toMatchObject([
    200,
    { state: 'sent', references: [expect.any(Number)] },
  ]);
  const elsewhere = await fetch(`http://127.0.0.1:${rig.port}${locations[0]}`, {
    headers: { authorization: `Bearer ${rig.token}` },
  });
  expect(elsewhere.status).toBe(404);
  expect(rig.texts()).toEqual(['first', 'second']);
});

test('what was promised and not started when the gateway was killed has surely failed', async () => {
  const slow = 'deadline_s = 1\non_slow = "202"\nlate_deadline_s = 60';
  rig = await Rig.start(['--submit-latency', '5000'], everyKind({ header: slow }));
  const first = post('/sms', { 'x-api-key': secret }, native('first'));
  const second = post('/sms', { 'x-api-key': secret }, native('second'));
  const locations = [await first, await second].map(({ headers }) => headers.get('location') ?? '');
  await rig.daemon.end('SIGKILL');
  const from = rig.log.length;
  await rig.startDaemon();
  await rig.until((line) => line.event === 'modem' && line.phase === 'ready', from);
  const states = [];
  for (const location of locations) {
    const answer = await fetch(`http://127.0.0.1:${rig.port}${location}`, {
      headers: { 'x-api-key': secret },
    });
    states.push(await answer.json());
  }
  expect(states).toMatchObject([
    { state: expect.stringMatching(/^(unknown|sent)$/) },
    { state: 'failed', submitted: 'no' },
  ]);
  // It was surely not sent, so its caller may ask again.
  expect((await post('/sms', { 'x-api-key': secret }, native('second'))).status).toBe(202);
  await expect.poll(() => rig.texts(), { timeout: 20_000 }).toEqual(['first', 'second']);
});

test('what was promised is sent by a gateway that is told to stop', async () => {
  const slow = 'deadline_s = 1\non_slow = "202"';
  rig = await Rig.start(['--submit-latency', '3000'], everyKind({ header: slow }));
  const both = await Promise.all([
    post('/sms', { 'x-api-key': secret }, native('first')),
    post('/sms', { 'x-api-key': secret }, native('second')),
  ]);
  expect(both.map(({ status }) => status)).toEqual([202, 202]);
  await rig.daemon.end('SIGTERM');
  expect(rig.texts()).toEqual(['first', 'second']);
});
