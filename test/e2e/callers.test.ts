import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
const supabase = (otp: string, uuid: string) => {
  const body = JSON.stringify({
    metadata: { uuid, ip_address: '192.0.2.7' },
    user: { id: 'u', phone: '4915112345678' },
    sms: { otp, phone: '4915112345678' },
  });
  const at = new Date();
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
const zitadel = (text: string) => {
  const body = JSON.stringify({
    contextInfo: {
      eventType: 'session.otp.sms.challenged',
      recipientPhoneNumber: '+4915112345678',
    },
    templateData: { text },
  });
  const at = Math.floor(Date.now() / 1000);
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
