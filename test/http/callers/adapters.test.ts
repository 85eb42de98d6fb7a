import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SendError } from '../../../src/errors.js';
import type { Caller, ReadMessage } from '../../../src/http/callers/caller.js';
import { Unproven } from '../../../src/http/callers/caller.js';
import { callerKinds } from '../../../src/http/callers/kinds.js';
import type { CallerSettings } from '../../../src/http/callers/settings.js';

/** The time of the published vectors. */
const signedAtS = 1_795_978_800;

const settings = (secret: string, more: Partial<CallerSettings> = {}): CallerSettings => ({
  name: 'production',
  path: '/sms',
  secrets: () => [Buffer.from(secret)],
  now: () => [signedAtS * 1000],
  templates: () => ({
    template: 'Your code is {code}',
    byOccasion: new Map(),
    webotpHost: undefined,
  }),
  username: 'ory',
  header: 'X-API-Key',
  recipients: () => ['+4915112345678'],
  maxSegments: () => 1,
  ...more,
});

const octets = (body: string) => Buffer.from(body);

/** What a caller says of a request: its messages, or why it is not its own, or what is wrong. */
async function ask(
  caller: Caller,
  headers: Record<string, string>,
  body: string,
): Promise<ReadMessage[] | string> {
  try {
    caller.prove({ headers }, caller.needsBody(headers) ? octets(body) : undefined);
    return caller.read(octets(body), headers);
  } catch (error) {
    if (error instanceof Unproven) return error.code;
    if (error instanceof SendError) return `${error.code}: ${error.detail}`;
    throw error;
  }
}

const supabaseSecret = 'v1,whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=';
const supabaseBody =
  '{"metadata":{"uuid":"6f3c1a52-8f0e-4f1b-9a77-0d3c5b2e9a10","time":"2026-11-29T19:00:00Z","name":"send-sms","ip_address":"192.0.2.7"},"user":{"id":"11111111-2222-4333-8444-555555555555","phone":"4915112345678"},"sms":{"otp":"417093","phone":"4915112345678"}}';
const supabaseHeaders = {
  'webhook-id': '0b8d6f0e-1111-4c4c-9d9d-aaaaaaaaaaaa',
  'webhook-timestamp': String(signedAtS),
  'webhook-signature': 'v1,SQlok3rW9/HHVYC+xsIU2e2fl0OXe0UlHlkWbXMvIHI=',
};

describe('supabase', () => {
  const caller = callerKinds.supabase(settings(supabaseSecret));

  test('its published vector is a message with its code in our words', async () => {
    expect(await ask(caller, supabaseHeaders, supabaseBody)).toEqual([
      {
        recipient: '+4915112345678',
        text: 'Your code is 417093',
        clientIp: '192.0.2.7',
        idempotencyKey: '6f3c1a52-8f0e-4f1b-9a77-0d3c5b2e9a10',
      },
    ]);
  });

  test.each([
    ['joined by a comma and a blank', 'v1,AAAA, v1,'],
    ['joined by a blank', 'v1,AAAA v1,'],
    ['beside an asymmetric one', 'v1a,BBBB v1,'],
  ])('of several signatures one counts: %s', async (_, before) => {
    const signature = `${before}${supabaseHeaders['webhook-signature'].slice(3)}, `;
    const headers = { ...supabaseHeaders, 'webhook-signature': signature };
    expect(await ask(caller, headers, supabaseBody)).toHaveLength(1);
  });

  test('the secret before a rotation counts too', async () => {
    const secrets = () => [Buffer.from('v1,whsec_AAAA'), Buffer.from(supabaseSecret)];
    const rotated = callerKinds.supabase(settings('', { secrets }));
    expect(await ask(rotated, supabaseHeaders, supabaseBody)).toHaveLength(1);
  });

  test.each([
    ['a body that was changed', {}, supabaseBody.replace('417093', '417094'), 'token_invalid'],
    ['no signature', { 'webhook-signature': '' }, supabaseBody, 'token_missing'],
    ['no id', { 'webhook-id': '' }, supabaseBody, 'token_missing'],
    ['a signature of no form', { 'webhook-signature': 'sha256=00' }, supabaseBody, 'token_invalid'],
    ['301 s old', { 'webhook-timestamp': String(signedAtS - 301) }, supabaseBody, 'token_expired'],
    [
      '301 s ahead',
      { 'webhook-timestamp': String(signedAtS + 301) },
      supabaseBody,
      'token_expired',
    ],
    ['no time', { 'webhook-timestamp': 'now' }, supabaseBody, 'token_invalid'],
  ])('%s: refused', async (_, headers, body, code) => {
    expect(await ask(caller, { ...supabaseHeaders, ...headers }, body)).toBe(code);
  });

  test.each([
    ['a change of number', { phone: '4915100000001', new_phone: '4915100000002' }, {}, '2'],
    ['MFA', { phone: '4915100000001' }, { phone: '4915100000003', sms_type: 'mfa' }, '3'],
    ['an old server', { phone: '4915100000001', new_phone: '' }, {}, '1'],
  ])('the message of %s goes to the right number', (_, user, sms, last) => {
    const body = JSON.stringify({ user, sms: { otp: '1234', ...sms } });
    expect(caller.read(octets(body), {})[0]!.recipient).toBe(`+491510000000${last}`);
  });

  test.each([
    ['null for what it does not know', { metadata: null, user: null }, { sms_type: null }],
    ['an id that is null', { metadata: { uuid: null } }, {}],
    ['an empty number beside the user’s', { user: { phone: '491511234567' } }, { phone: '' }],
    ['a kind that is no text', {}, { sms_type: 7 }],
  ])('no login is lost to %s', (_, body, sms) => {
    const sent = { ...body, sms: { otp: '1234', phone: '491511234567', ...sms } };
    expect(caller.read(octets(JSON.stringify(sent)), {})).toEqual([
      { recipient: '+491511234567', text: 'Your code is 1234' },
    ]);
  });

  test('a sentence in place of the code is refused', () => {
    const body = JSON.stringify({ user: {}, sms: { otp: 'call me now', phone: '491511234567' } });
    expect(() => caller.read(octets(body), {})).toThrow('sms.otp must be a code');
  });

  test('its answers have the media type and the form that it asks for, and no Retry-After', () => {
    const { status, headers, body } = caller.failed(
      new SendError('rate_limited', { detail: 'too many', retryAfterMs: 5000 }),
      'id',
    );
    expect({ status, headers, body: JSON.parse(body) }).toEqual({
      status: 429,
      headers: { 'Content-Type': 'application/json' },
      body: { error: { http_code: 429, message: 'too many' } },
    });
    expect(caller.taken('id')).toEqual({
      status: 202,
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    });
  });
});

describe('zitadel', () => {
  const caller = callerKinds.zitadel(settings('made-up-signing-key'));
  const body =
    '{"contextInfo":{"eventType":"user.human.phone.code.added","provider":{"id":"1","description":"simgate"},"recipientPhoneNumber":"+4915112345678"},"templateData":{"text":"Your code is 417093"},"args":{"code":"417093"}}';
  const hex = '3aa0308ca644c57befe56421b9a134ab7c10044feafc0f40ac47b9888d9665a7';

  test.each([
    ['its published vector', `t=${signedAtS},v1=${hex}`],
    ['with another key beside', `t=${signedAtS},v1=${'0'.repeat(64)},v1=${hex}`],
  ])('%s is a message as it stands', async (_, signature) => {
    expect(await ask(caller, { 'zitadel-signature': signature }, body)).toEqual([
      {
        recipient: '+4915112345678',
        text: 'Your code is 417093',
        messageType: 'user.human.phone.code.added',
      },
    ]);
  });

  test.each([
    ['a signature of another body', `t=${signedAtS},v1=${hex}`, `${body} `, 'token_invalid'],
    ['one without a time', `v1=${hex}`, body, 'token_invalid'],
    ['one without a signature', `t=${signedAtS}`, body, 'token_invalid'],
    ['one that is old', `t=${signedAtS - 400},v1=${hex}`, body, 'token_expired'],
    ['one of the future', `t=${signedAtS + 400},v1=${hex}`, body, 'token_expired'],
  ])('%s is refused', async (_, signature, sent, code) => {
    expect(await ask(caller, { 'zitadel-signature': signature }, sent)).toBe(code);
  });

  test('without its header no body is asked for', async () => {
    expect(caller.needsBody({})).toBe(false);
    expect(await ask(caller, {}, body)).toBe('token_missing');
  });

  test.each([
    ['no kind', null, undefined],
    ['a kind that is no text', 7, undefined],
    ['a kind without end', 'é'.repeat(70), 'é'.repeat(64)],
    ['a kind with half a character', '\ud800', '\ufffd'],
  ])('no login is lost to %s', (_, eventType, messageType) => {
    const contextInfo = { recipientPhoneNumber: '+4915112345678', eventType };
    const sent = JSON.stringify({ contextInfo, templateData: { text: 'Your code is 1' } });
    expect(caller.read(octets(sent), {})).toEqual([
      {
        recipient: '+4915112345678',
        text: 'Your code is 1',
        ...(messageType !== undefined && { messageType }),
      },
    ]);
  });

  test('a message of no text is refused', () => {
    const empty = '{"contextInfo":{"recipientPhoneNumber":"+49"},"templateData":{"text":" "}}';
    expect(() => caller.read(octets(empty), {})).toThrow('templateData.text must not be blank');
  });

  test('its 202 names no address, for it has no credential to ask there', () => {
    expect(caller.taken('id').headers).not.toHaveProperty('Location');
  });
});

describe('logto', () => {
  const secret = 'made-up-token-of-thirty-two-characters';
  const byOccasion = new Map([
    ['signin.de', 'Dein Code: {code}'],
    ['register', 'Welcome: {code}'],
  ]);
  const templates = () => ({ template: '{code}', byOccasion, webotpHost: 'example.com' });
  const caller = callerKinds.logto(settings(secret, { templates }));
  const body = (type: string, locale?: string) =>
    JSON.stringify({ to: '4915112345678', type, payload: { code: '417093', locale }, ip: '::1' });

  test.each([
    ['SignIn', 'de-DE', 'Dein Code: 417093'],
    ['Register', 'de-DE', 'Welcome: 417093'],
    ['Generic', undefined, '417093'],
  ])('%s in %s: %s', async (type, locale, text) => {
    expect(await ask(caller, { authorization: secret }, body(type, locale))).toEqual([
      {
        recipient: '+4915112345678',
        text: `${text}\n\n@example.com #417093`,
        messageType: type,
        clientIp: '::1',
      },
    ]);
  });

  test.each([
    ['verbatim', secret, 1],
    ['as a bearer', `Bearer ${secret}`, 1],
  ])('its credential counts %s', async (_, authorization, messages) => {
    expect(await ask(caller, { authorization }, body('SignIn'))).toHaveLength(messages);
  });

  test('another credential is refused, and an invitation without a code', async () => {
    expect(await ask(caller, { authorization: 'x' }, body('SignIn'))).toBe('token_invalid');
    const link = JSON.stringify({ to: '491511234567', type: 'Invitation', payload: { link: 'x' } });
    expect(await ask(caller, { authorization: secret }, link)).toBe(
      'body_invalid: payload.code is missing',
    );
  });

  test('what it shows to people is a sentence', () => {
    expect(caller.failed(new SendError('queue_full', { detail: '5 wait' }), 'id')).toEqual({
      status: 503,
      headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      body: '5 wait (queue_full)',
    });
  });
});

describe('authgear', () => {
  const caller = callerKinds.authgear(settings('made-up-hook-secret'));
  const body =
    '{"to":"+4915112345678","body":"417093 is your Example code","app_id":"example","template_name":"verification_sms.txt","language_tag":"en","template_variables":{"code":"417093"}}';
  const header = 'x-authgear-body-signature';
  const hex = '8182186dbc0c2dba617f174fef9a064dbfa20e0b7e4ca3bb6bd81fdd96008043';

  test('its published vector is a message', async () => {
    expect(await ask(caller, { [header]: hex }, body)).toEqual([
      {
        recipient: '+4915112345678',
        text: '417093 is your Example code',
        messageType: 'verification_sms.txt',
      },
    ]);
    expect(await ask(caller, { [header]: hex }, `${body}\n`)).toBe('token_invalid');
    expect(await ask(caller, { [header]: 'abc' }, body)).toBe('token_invalid');
    expect(await ask(caller, {}, body)).toBe('token_missing');
  });

  test.each([
    ['null', null, undefined],
    ['of 80 characters', 'v'.repeat(80), 'v'.repeat(64)],
  ])('no login is lost to a template name that is %s', (_, name, messageType) => {
    const sent = JSON.stringify({ to: '+4915112345678', body: 'Code 1', template_name: name });
    const [read] = caller.read(octets(sent), {});
    expect(read!.messageType).toBe(messageType);
  });

  test.each([
    ['recipient_invalid', 'invalid_phone_number'],
    ['recipient_not_allowed', 'invalid_phone_number'],
    ['rate_limited', 'rate_limited'],
    ['token_invalid', 'authentication_failed'],
    ['network_refused', 'delivery_rejected'],
    ['queue_full', 'timeout'],
    ['outcome_unknown', 'timeout'],
    ['body_invalid', 'unsupported_request'],
    ['superseded', 'unknown_error'],
    ['internal', 'unknown_error'],
  ] as const)('%s is its %s', (code, word) => {
    expect(JSON.parse(caller.failed(new SendError(code), 'id').body)).toMatchObject({
      code: word,
      info: { provider_error_code: code },
    });
  });
});

describe('a static credential', () => {
  const secret = 'made-up-token-of-thirty-two-characters';
  const body = '{"recipient":"+4915112345678","body":"Your code is 417093"}';
  const basic = (user: string, password: string) =>
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

  test.each([
    ['bearer', { authorization: `Bearer ${secret}` }],
    ['bearer', { authorization: `bearer  ${secret}` }],
    ['basic', { authorization: basic('ory', secret) }],
    ['header', { 'x-api-key': secret }],
  ] as const)('%s: %o is known', async (kind, headers) => {
    const caller = callerKinds[kind](settings(secret));
    expect(await ask(caller, headers, body)).toMatchObject([{ recipient: '+4915112345678' }]);
  });

  test.each([
    ['bearer', {}, 'token_missing'],
    ['bearer', { authorization: `Bearer ${secret}x` }, 'token_invalid'],
    ['bearer', { authorization: basic('ory', secret) }, 'token_invalid'],
    ['basic', { authorization: basic('else', secret) }, 'token_invalid'],
    ['basic', { authorization: basic('ory', '') }, 'token_invalid'],
    ['basic', { authorization: 'Basic ???' }, 'token_invalid'],
    ['basic', { authorization: `${basic('ory', secret)}x` }, 'token_invalid'],
    ['header', { authorization: secret }, 'token_missing'],
    ['header', { 'x-api-key': secret.toUpperCase() }, 'token_invalid'],
  ] as const)('%s: %o is refused', async (kind, headers, code) => {
    expect(await ask(callerKinds[kind](settings(secret)), headers, body)).toBe(code);
  });

  test("Home Assistant's POST_JSON is a message, its title left out", async () => {
    // With the names that docs/callers.md sets (home-assistant/core, components/rest/notify.py).
    const sent = '{"body": "Water in the cellar", "title": "HA", "recipient": "+49 151 12345678"}';
    const caller = callerKinds.bearer(settings(secret));
    expect(await ask(caller, { authorization: `Bearer ${secret}` }, sent)).toEqual([
      { recipient: '+49 151 12345678', text: 'Water in the cellar' },
    ]);
  });

  const form = { 'x-api-key': secret, 'content-type': 'application/x-www-form-urlencoded' };

  test.each<[string, object, unknown]>([
    ['a message', {}, [{ recipient: '3035551212', text: 'Two Factor Code: 012345' }]],
    ['what says no type', { type: undefined }, expect.any(Array)],
    ['nulls for what it has not', { type: null, recipient: null }, expect.any(Array)],
    ['its type in small letters', { type: 'sms' }, expect.any(Array)],
    ['a call', { type: 'Voice' }, 'body_invalid: type must be "SMS": there is no voice here'],
    ['no text', { textMessage: undefined }, 'body_invalid: body is missing'],
  ])('FusionAuth’s own names are understood: %s', async (_, change, expected) => {
    const body = {
      code: '012345',
      phoneNumber: '3035551212',
      textMessage: 'Two Factor Code: 012345',
      type: 'SMS',
      userId: '00000000-0000-0001-0000-000000000000',
      ...change,
    };
    const caller = callerKinds.bearer(settings('s'.repeat(32)));
    const headers = { authorization: `Bearer ${'s'.repeat(32)}` };
    expect(await ask(caller, headers, JSON.stringify(body))).toEqual(expected);
  });

  test('a form has the same fields, and a key of its own', async () => {
    const fields = new URLSearchParams({
      recipient: '+4915112345678',
      body: 'Code "1234"\n@example.com #1234 – ä',
      sender: '',
      idempotency_key: 'a-uuid',
    });
    const caller = callerKinds.header(settings(secret));
    expect(await ask(caller, form, fields.toString())).toEqual([
      {
        recipient: '+4915112345678',
        text: 'Code "1234"\n@example.com #1234 – ä',
        sender: '',
        idempotencyKey: 'a-uuid',
      },
    ]);
  });

  test('a form whose letters are not percent-encoded is read as UTF-8', async () => {
    const caller = callerKinds.header(settings(secret));
    const read = await ask(caller, form, 'recipient=%2B49&body=Schlüssel+–+1');
    expect(read).toMatchObject([{ text: 'Schlüssel – 1' }]);
    expect(() => caller.read(Buffer.from('recipient=%2B49&body=\xfc', 'latin1'), form)).toThrow(
      expect.objectContaining({ code: 'body_invalid' }),
    );
  });

  test.each([
    ['recipient=%2B49&body=a&body=b', 'body_invalid: the form names a field twice'],
    ['recipient=%2B49&body=%ff', 'body_invalid: the form is not percent-encoded UTF-8'],
    ['recipient=%2B49', 'body_invalid: body is missing'],
    ['recipient=%2B49&body=a&idempotency_key=%00', expect.stringContaining('idempotency_key must')],
  ])('the form %s is refused', async (sent, said) => {
    expect(await ask(callerKinds.header(settings(secret)), form, sent)).toEqual(said);
  });
});

test('Uptime Kuma is told in its own words', async () => {
  const secret = 'made-up-token-of-thirty-two-characters';
  const caller = callerKinds.uptime_kuma(settings(secret));
  expect(
    await ask(caller, { 'x-api-key': secret }, '{"to":"+4915112345678","body":"[rack] down"}'),
  ).toEqual([{ recipient: '+4915112345678', text: '[rack] down' }]);
  const { status, body } = caller.failed(new SendError('no_modem_ready', { detail: 'none' }), 'i');
  expect([status, JSON.parse(body)]).toEqual([
    503,
    { id: 'i', status: 'failed', code: 'no_modem_ready', message: 'none' },
  ]);
});

describe('alerts', () => {
  const secret = 'made-up';
  const recipients = () => ['+4915112345678', '+4915112345679'];
  const caller = callerKinds.alerts(settings(secret, { recipients }));
  const firing = (more: object = {}) =>
    JSON.stringify({
      version: '4',
      status: 'firing',
      groupKey: '{}:{alertname="Hot"}',
      alerts: [
        { status: 'firing', labels: { alertname: 'Hot' }, startsAt: '2026-11-29T19:00:00Z' },
        { status: 'firing', labels: { alertname: 'Hot' }, startsAt: '2026-11-29T19:01:00Z' },
      ],
      commonLabels: { alertname: 'Hot' },
      commonAnnotations: { summary: 'rack 3 is at 41 °C – “hot”' },
      ...more,
    });
  const bearer = { authorization: `Bearer ${secret}` };

  test('goes to whom the configuration names, in the GSM alphabet', async () => {
    const read = (await ask(caller, bearer, firing())) as ReadMessage[];
    expect(read.map(({ recipient }) => recipient)).toEqual(recipients());
    expect(read[0]!.text).toBe('[FIRING:2] Hot: rack 3 is at 41 deg C - "hot"');
  });

  test('a repeat is known as one, the end is another', async () => {
    const key = async (body: string) =>
      ((await ask(caller, bearer, body)) as ReadMessage[])[0]!.repeatOf;
    expect(await key(firing())).toBe(await key(firing({ externalURL: 'http://x' })));
    expect(await key(firing())).not.toBe(await key(firing({ status: 'resolved' })));
    const later = firing().replaceAll('19:00:00', '20:00:00');
    expect(await key(later)).not.toBe(await key(firing()));
    // A value in its words that has changed makes no other alert of it.
    const warmer = firing({ commonAnnotations: { summary: 'rack 3 is at 42 °C' } });
    expect(await key(warmer)).toBe(await key(firing()));
  });

  test.each([
    ['where max_alerts left some out', { truncatedAlerts: 7 }, '[FIRING:2+] Hot: '],
    ['without alerts', { alerts: null, commonAnnotations: null }, '[FIRING] Hot'],
    ['with null for a count', { truncatedAlerts: null, groupKey: null }, '[FIRING:2] Hot: '],
    [
      'with null within an alert',
      { alerts: [{ status: null, labels: null, startsAt: null, endsAt: null, fingerprint: null }] },
      '[FIRING:1] Hot: ',
    ],
    [
      'of no name and no title',
      { commonLabels: {}, alerts: [], commonAnnotations: {}, title: null },
      '[FIRING] alert',
    ],
    [
      'with one of two at its end',
      { alerts: [{ status: 'firing' }, { status: 'resolved' }] },
      '[FIRING:1] Hot: ',
    ],
    ['of no common name', { commonLabels: null, groupLabels: { alertname: 'Cold' } }, '] Cold: '],
    [
      'of no name',
      { commonLabels: {}, alerts: [], commonAnnotations: {}, title: 'Disk' },
      '] Disk',
    ],
  ])('%s', async (_, more, said) => {
    const [{ text }] = (await ask(caller, bearer, firing(more))) as [ReadMessage];
    expect(text).toContain(said);
  });

  test('is cut to its segments', async () => {
    const long = firing({ commonAnnotations: { summary: '{'.repeat(400) } });
    const [{ text }] = (await ask(caller, bearer, long)) as [ReadMessage];
    expect(text).toMatch(/^\[FIRING:2\] Hot: \{+\.\.\.$/);
    expect(text.length + text.replace(/[^{[\]]/g, '').length).toBeLessThanOrEqual(160);
  });

  test.each([
    ['over the body', {}, 'f087c7c97ee082aba17c66190d0baff86cd6493e8bec3d3f9c3a36f0e4128d55', 2],
    [
      'over time and body',
      { 'x-grafana-alerting-timestamp': String(signedAtS) },
      '1579732e994b811a67b5e2729d3d5eb5db6a1d655124e24735c9ed5861e5d99c',
      2,
    ],
  ])("Grafana's published signature %s is known", async (_, headers, hex, messages) => {
    const signed = { ...headers, 'x-grafana-alerting-signature': hex };
    expect(await ask(caller, signed, '{"status":"firing"}')).toHaveLength(messages);
    expect(await ask(caller, signed, '{"status":"resolved"}')).toBe('token_invalid');
  });

  test("Grafana's own form, as it signs it, is one message", async () => {
    // Made up, with the fields and in the order of grafana/alerting, receivers/webhook/v1.
    const alert = {
      status: 'firing',
      labels: { alertname: 'Disk full', grafana_folder: 'Hosts', instance: 'nas' },
      annotations: { summary: 'nas has 3 % left' },
      startsAt: '2026-11-29T19:00:00Z',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'https://grafana.example.com/alerting/grafana/a1/view?orgId=1',
      fingerprint: '57c6d9296de2ad39',
      silenceURL: 'https://grafana.example.com/alerting/silence/new',
      dashboardURL: '',
      panelURL: '',
      values: { B: 97, C: 1 },
      valueString: "[ var='B' labels={instance=nas} value=97 ]",
      orgId: 1,
    };
    const body = JSON.stringify({
      receiver: 'sms',
      status: 'firing',
      alerts: [alert],
      groupLabels: { alertname: 'Disk full', grafana_folder: 'Hosts' },
      commonLabels: alert.labels,
      commonAnnotations: alert.annotations,
      externalURL: 'https://grafana.example.com/',
      version: '1',
      groupKey: '{}:{alertname="Disk full", grafana_folder="Hosts"}',
      truncatedAlerts: 0,
      orgId: 1,
      title: '[FIRING:1] Disk full Hosts (nas)',
      state: 'alerting',
      message: '**Firing** …',
    });
    const timestamp = String(signedAtS);
    const headers = {
      'x-grafana-alerting-timestamp': timestamp,
      'x-grafana-alerting-signature': createHmac('sha256', secret)
        .update(`${timestamp}:${body}`)
        .digest('hex'),
    };
    const read = (await ask(caller, headers, body)) as ReadMessage[];
    expect(read.map(({ text }) => text)).toEqual(
      recipients().map(() => '[FIRING:1] Disk full: nas has 3 % left'),
    );
  });

  test('a signature that is old is refused', async () => {
    const timestamp = String(signedAtS - 1000);
    const hex = createHmac('sha256', secret)
      .update(`${timestamp}:{"status":"firing"}`)
      .digest('hex');
    const headers = {
      'x-grafana-alerting-signature': hex,
      'x-grafana-alerting-timestamp': timestamp,
    };
    expect(await ask(caller, headers, '{"status":"firing"}')).toBe('token_expired');
  });

  test.each([
    ['nothing of an alert', '{}', 'body_invalid: status is missing'],
    ['another status', '{"status":"maybe"}', 'body_invalid: status must be "firing" or "resolved"'],
  ])('%s is refused', async (_, body, said) => {
    expect(await ask(caller, bearer, body)).toBe(said);
  });
});

/** Values of another type at every place of a body, all of them secret. */
function* mistyped(body: unknown): Generator<unknown> {
  if (typeof body !== 'object' || body === null) return;
  for (const [key, value] of Object.entries(body)) {
    const others = [
      '417093',
      4_915_112_345_678,
      ['417093'],
      { otp: '417093' },
      '417093'.repeat(99),
    ];
    for (const other of others) yield Object.assign(structuredClone(body), { [key]: other });
    for (const inner of mistyped(value)) {
      yield Object.assign(structuredClone(body), { [key]: inner });
    }
  }
}

test('what is said of a body of another shape never quotes it', () => {
  const recipients = () => ['+4915112345678'];
  const bodies: Record<string, unknown> = {
    bearer: { recipient: '+49', body: 'x', sender: 's', message_type: 't', req: { ip: '::1' } },
    supabase: {
      metadata: { uuid: 'u', name: 'n', ip_address: '::1' },
      user: { phone: '49', new_phone: '49' },
      sms: { otp: '1', sms_type: 't', phone: '49' },
    },
    zitadel: {
      contextInfo: { eventType: 'e', recipientPhoneNumber: '+49' },
      templateData: { text: 'x' },
    },
    logto: { to: '49', type: 't', payload: { code: '1', locale: 'de' }, ip: '::1' },
    authgear: { to: '+49', body: 'x', template_name: 't' },
    uptime_kuma: { to: '+49', body: 'x' },
    alerts: {
      status: 'firing',
      groupKey: 'g',
      alerts: [
        {
          status: 'firing',
          labels: {},
          annotations: {},
          startsAt: '',
          endsAt: '',
          fingerprint: '',
        },
      ],
      groupLabels: {},
      commonLabels: {},
      commonAnnotations: {},
      title: 't',
    },
  };
  const said = Object.entries(bodies).flatMap(([kind, body]) => {
    const caller = callerKinds[kind as 'bearer'](settings('made-up', { recipients }));
    return [...mistyped(body)].flatMap((wrong) => {
      try {
        caller.read(octets(JSON.stringify(wrong)), {});
        return [];
      } catch (error) {
        if (error instanceof SendError) return [`${kind}: ${error.detail}`];
        throw error;
      }
    });
  });
  expect(said.length).toBeGreaterThan(100);
  expect(said.filter((detail) => /4170|49151|received/i.test(detail))).toEqual([]);
});
