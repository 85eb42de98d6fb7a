import { createHmac } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { kinds } from '../../../src/config/caller-kinds.js';
import type { HastyControl, Message, SendControl } from '../../../src/dispatch/message.js';
import { SendError, sendErrorCodes } from '../../../src/errors.js';
import { createApp } from '../../../src/http/app.js';
import { createBearerVerifier } from '../../../src/http/bearer.js';
import type { Caller } from '../../../src/http/callers/caller.js';
import { callerKinds } from '../../../src/http/callers/kinds.js';
import type { CallerSettings } from '../../../src/http/callers/settings.js';
import type { CallerTerms } from '../../../src/http/owner.js';
import { problems } from '../../../src/http/problem.js';
import type { KnownMessage } from '../../../src/http/read-route.js';
import { createServer } from '../../../src/http/server.js';
import { LimitedLog } from '../../../src/log.js';
import { mintToken } from '../../../src/secret/token.js';
import { accepted, audience, LogRecord, subject } from '../support/gateway.js';
import { document, statusesOf, violations } from '../support/openapi.js';

const keys = { production: Buffer.alloc(32, 1), staging: Buffer.alloc(32, 2) };
const credential = 'made-up-token-of-thirty-two-characters';
const terms: CallerTerms = {
  deadlineMs: 25_000,
  onSlow: '504',
  lateDeadlineMs: 25_000,
  repeatsMs: 0,
  class: 'login',
  modems: undefined,
  defaultCountry: undefined,
};

const settings = (name: string, path: string): CallerSettings => ({
  name,
  path,
  secrets: () => [Buffer.from(credential)],
  now: () => [Date.now()],
  templates: () => ({ template: '{code}', byOccasion: new Map(), webotpHost: undefined }),
  username: name,
  header: 'X-API-Key',
  recipients: () => ['+4915112345678', '+4915112345679'],
  maxSegments: () => 1,
});

interface Options {
  send?: (message: Message) => ReturnType<typeof accepted>;
  onSlow?: Partial<CallerTerms>;
  known?: (id: string, caller: string) => KnownMessage | undefined;
  clockIsSet?: () => boolean;
}

/** A gateway with two callers of Auth0 and one of each other kind that shares their path or not. */
async function gateway({ send, onSlow = {}, known, clockIsSet = () => true }: Options = {}) {
  const record = new LogRecord();
  const sent: { message: Message; control: SendControl | HastyControl }[] = [];
  const auth0 = async (name: keyof typeof keys): Promise<Caller> => {
    const expected = { subject, audience, clockToleranceMs: 0, maxTokenAgeMs: undefined };
    const verify = await createBearerVerifier({ secrets: { current: keys[name] }, expected });
    return callerKinds.auth0({ name, path: '/sms', verify });
  };
  const callers = [
    await auth0('production'),
    await auth0('staging'),
    callerKinds.header(settings('plain', '/sms')),
    callerKinds.zitadel(settings('zitadel', '/zitadel')),
    callerKinds.alerts(settings('alerts', '/alerts')),
    callerKinds.uptime_kuma(settings('kuma', '/api/v1/sms/send')),
  ];
  const take = (message: Message, control: SendControl) => {
    sent.push({ message, control });
    return (send ?? ((one: Message) => accepted(one, control)))(message);
  };
  const handler = createApp({
    send: take,
    sendOrPromise: async (message, control) => {
      sent.push({ message, control });
      return { id: message.id, settled: accepted(message, control) };
    },
    clients: callers.map((caller) => ({
      caller,
      mayRead: caller.name !== 'zitadel',
      terms: () => ({ ...terms, ...(caller.name === 'zitadel' && onSlow) }),
    })),
    recall: () => Promise.resolve(undefined),
    find: async (id, caller) => known?.(id, caller),
    isReady: () => true,
    clockIsSet,
    isShuttingDown: () => false,
    log: record.log,
    refusals: new LimitedLog(record.log),
  });
  const server = createServer({
    handler,
    listen: { host: '127.0.0.1', port: 0 },
    log: record.log,
    limits: {},
  });
  const { port } = await server.listen();
  onTestFinished(() => server.close(0));
  /** Each answer keeps to the document. */
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
    const shown = {
      status: answer.status,
      header: (name: string) => answer.headers.get(name),
      text: await answer.clone().text(),
    };
    const documented = path.startsWith('/sms/') ? '/sms/{id}' : path;
    const method = (init.method ?? 'GET').toLowerCase();
    expect(violations(method, documented, shown)).toEqual([]);
    return answer;
  };
  const post = (path: string, headers: Record<string, string>, body: string) =>
    ask(path, { method: 'POST', headers, body });
  return { ask, post, sent, record };
}

const message = JSON.stringify({ recipient: '+4915112345678', body: 'Your code is 417093' });
const tokenOf = async (name: keyof typeof keys) => ({
  authorization: `Bearer ${await mintToken({ secret: keys[name], subject, audience, expiresInS: 60 })}`,
});
const zitadel = (text: string) => {
  const body = JSON.stringify({
    contextInfo: { recipientPhoneNumber: '+4915112345678' },
    templateData: { text },
  });
  const at = Math.floor(Date.now() / 1000);
  const hex = createHmac('sha256', credential).update(`${at}.${body}`).digest('hex');
  return { body, headers: { 'ZITADEL-Signature': `t=${at},v1=${hex}` } };
};

it('a forged body that ends to come just as the clock is set is told of the clock', async () => {
  const asked = [false];
  const { post, sent } = await gateway({ clockIsSet: () => asked.shift() ?? true });
  const { headers } = zitadel('Your code is 417093');
  const answer = await post('/zitadel', headers, message);
  expect([answer.status, await answer.json()]).toMatchObject([
    503,
    { code: 'clock_unset', submitted: 'no' },
  ]);
  expect(sent).toEqual([]);
});

describe('several callers at one path', () => {
  it('are told apart by who signed', async () => {
    const { post, sent } = await gateway();
    for (const headers of [
      await tokenOf('staging'),
      await tokenOf('production'),
      { 'x-api-key': credential },
    ])
      expect((await post('/sms', headers, message)).status).toBe(200);
    expect(sent.map((one) => one.message.caller)).toEqual(['staging', 'production', 'plain']);
  });

  it.each([
    [{}, 'token_missing'],
    [{ authorization: 'Bearer x.y.z' }, 'token_invalid'],
    [{ 'x-api-key': 'wrong' }, 'token_invalid'],
  ])('%o is of none of them: %s, with one line in the log', async (headers, code) => {
    const { post, sent, record } = await gateway();
    const answer = await post('/sms', headers as Record<string, string>, message);
    expect([answer.status, await answer.json()]).toMatchObject([401, { code }]);
    expect(record.of('token_refused')).toMatchObject([{ code }]);
    expect(record.text).not.toContain(credential);
    expect(sent).toEqual([]);
  });

  it('an expired token of one says so, whatever the others say', async () => {
    const { post } = await gateway();
    const token = await mintToken({
      secret: keys.staging,
      subject,
      audience,
      expiresInS: 60,
      nowS: Math.floor(Date.now() / 1000) - 3600,
    });
    const answer = await post('/sms', { authorization: `Bearer ${token}` }, message);
    expect(await answer.json()).toMatchObject({ code: 'token_expired' });
  });
});

describe('a caller that signs the body', () => {
  it('is known by it', async () => {
    const { post, sent } = await gateway();
    const { body, headers } = zitadel('Your code is 417093');
    expect((await post('/zitadel', headers, body)).status).toBe(200);
    expect(sent).toMatchObject([{ message: { caller: 'zitadel', text: 'Your code is 417093' } }]);
    expect((await post('/zitadel', headers, body.replace('417093', '417094'))).status).toBe(401);
    expect(sent).toHaveLength(1);
  });

  it('without its header has its body left unread', async () => {
    const { post, record } = await gateway();
    const answer = await post('/zitadel', {}, zitadel('x').body);
    expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'token_missing' }]);
    expect(record.of('token_refused')).toHaveLength(1);
  });

  it('is told 202 where it cannot wait, and the outcome gets its line in the log', async () => {
    const { post, sent, record } = await gateway({ onSlow: { onSlow: '202', deadlineMs: 4_000 } });
    const { body, headers } = zitadel('Your code is 417093');
    const answer = await post('/zitadel', headers, body);
    expect([answer.status, answer.headers.get('location'), await answer.json()]).toEqual([
      202,
      null,
      { id: sent[0]!.message.id, state: 'sending' },
    ]);
    const { deadlineAt, answerBy } = sent[0]!.control as HastyControl;
    expect(deadlineAt - answerBy).toBeCloseTo(21_000);
    await expect.poll(() => record.of('message').map((line) => line.status)).toEqual([202, 200]);
  });
});

describe('alerts', () => {
  const body = '{"status":"firing","groupKey":"k","commonLabels":{"alertname":"Hot"}}';
  const headers = { authorization: `Bearer ${credential}` };

  it('go to each that is configured, with an id and a line each', async () => {
    const { post, sent, record } = await gateway();
    const answer = await post('/alerts', headers, body);
    expect(answer.status).toBe(200);
    const messages = sent.map((one) => one.message);
    expect(messages.map(({ recipient }) => recipient)).toEqual([
      '+4915112345678',
      '+4915112345679',
    ]);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(2);
    expect(record.of('message')).toHaveLength(2);
  });

  it('are answered by the worst that became of one', async () => {
    let sends = 0;
    const { post } = await gateway({
      send: (one) => {
        sends += 1;
        if (sends === 1) return accepted(one, {} as SendControl);
        return Promise.reject(new SendError('queue_full', { detail: '1 alert is waiting' }));
      },
    });
    const answer = await post('/alerts', headers, body);
    // To the other one it was sent.
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { code: 'queue_full', submitted: 'partly' },
    ]);
  });

  it('are answered so that they are repeated where that may help one of them', async () => {
    const { post } = await gateway({
      send: ({ recipient }) =>
        Promise.reject(
          new SendError(recipient.endsWith('8') ? 'recipient_not_allowed' : 'no_modem_ready'),
        ),
    });
    const answer = await post('/alerts', headers, body);
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { code: 'no_modem_ready', submitted: 'no' },
    ]);
  });
});

describe('GET /sms/{id}', () => {
  const id = '0b8d6f0e-1111-4c4c-9d9d-aaaaaaaaaaaa';
  const known = (asked: string, caller: string): KnownMessage | undefined =>
    asked === id && caller === 'plain'
      ? { standing: 'sent', atMs: 0, submitted: 'yes', segments: 1, references: [7], modem: 'main' }
      : undefined;

  it('says what became of a message to the caller whose it is', async () => {
    const { ask } = await gateway({ known });
    const answer = await ask(`/sms/${id}`, { headers: { 'x-api-key': credential } });
    expect([answer.status, answer.headers.get('cache-control'), await answer.json()]).toEqual([
      200,
      'no-store',
      {
        id,
        state: 'sent',
        at: '1970-01-01T00:00:00.000Z',
        submitted: 'yes',
        segments: 1,
        modem: 'main',
        references: [7],
      },
    ]);
  });

  it('says it to each of two whose credential is the same, and whose paths differ', async () => {
    const ofKuma = (asked: string, caller: string) =>
      caller === 'kuma' ? known(asked, 'plain') : undefined;
    const { ask } = await gateway({ known: ofKuma });
    const answer = await ask(`/sms/${id}`, { headers: { 'x-api-key': credential } });
    expect([answer.status, await answer.json()]).toMatchObject([200, { state: 'sent' }]);
  });

  it.each([
    ['another caller', id, 'staging', 404],
    ['another id', id.replace('0', '1'), 'plain', 404],
    ['what is no id', 'x', 'plain', 404],
    ['nobody', id, undefined, 401],
  ] as const)('of %s is refused', async (_, asked, caller, status) => {
    const { ask } = await gateway({ known });
    const headers: Record<string, string> =
      caller === undefined
        ? {}
        : caller === 'plain'
          ? { 'x-api-key': credential }
          : await tokenOf(caller);
    const answer = await ask(`/sms/${asked}`, { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });
});

describe('the document', () => {
  it('is OpenAPI 3.1 and names the path of each kind of caller', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    const paths = Object.values(kinds).map(({ defaults }) => defaults.path);
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([...paths, '/sms/{id}', '/livez', '/readyz']),
    );
  });

  it('names every code, and the statuses that they have', () => {
    const text = JSON.stringify(document);
    for (const code of sendErrorCodes) expect(text).toContain(`"${code}"`);
    const statuses = new Set(Object.values(problems).map(({ status }) => status));
    expect([...statuses].filter((status) => !statusesOf('post', '/sms').includes(status))).toEqual([
      404,
    ]);
  });
});
