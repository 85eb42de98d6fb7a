import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { webhookWay } from '../../src/alerts/webhook.js';
import type { WebhookConfig } from '../../src/config/alert-settings.js';
import { reasonOf } from '../../src/outgoing/call.js';
import { notice } from './support.js';

interface Call {
  path: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

const folder = mkdtempSync(join(tmpdir(), 'simgate-webhook-'));
let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Answers each call with what `answer` says, and keeps it. */
async function receiver(
  answer: (call: Call) => {
    status?: number;
    headers?: Record<string, string>;
    body?: string;
  } = () => ({}),
): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const call = {
        path: request.url ?? '',
        headers: request.headers,
        body: body === '' ? undefined : (JSON.parse(body) as unknown),
      };
      calls.push(call);
      const { status = 200, headers = {}, body: said = 'ok' } = answer(call);
      response.writeHead(status, headers).end(said);
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

function file(name: string, text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'simgate-webhook-')), name);
  writeFileSync(path, `${text}\n`);
  return path;
}

const wayOf = (more: Partial<WebhookConfig>) =>
  webhookWay({
    config: {
      name: 'telephone',
      shape: 'json',
      url: undefined,
      urlFile: undefined,
      tokenFile: undefined,
      chatId: undefined,
      template: undefined,
      onlySevere: false,
      ...more,
    },
    box: () => 'gate-1',
  });

const deliver = (
  more: Partial<WebhookConfig>,
  told = notice(),
  signal = new AbortController().signal,
) => wayOf(more).deliver(told, signal);

const title = 'gate-1: no modem is ready';
const text =
  'No code goes out: modem main is absent: no modem is plugged in.\nWhat to do: do what the sentence says.';

it('calls with JSON, and a token that is read anew each time', async () => {
  const { url, calls } = await receiver();
  const tokenFile = file('token', 'first');
  await deliver({ url: `${url}/hook`, tokenFile });
  writeFileSync(tokenFile, 'second');
  await deliver(
    { url: `${url}/hook`, tokenFile },
    notice({ state: 'cleared', atMs: 1_700_000_840_000 }),
  );
  expect(calls.map(({ path, headers }) => [path, headers.authorization])).toEqual([
    ['/hook', 'Bearer first'],
    ['/hook', 'Bearer second'],
  ]);
  expect(calls.map(({ body }) => body)).toEqual([
    {
      id: 'no_modem_ready:1700000000000',
      state: 'raised',
      kind: 'no_modem_ready',
      severity: 'severe',
      title,
      text,
      raised_at: '2023-11-14T22:15:20.000Z',
      at: '2023-11-14T22:15:20.000Z',
    },
    expect.objectContaining({
      state: 'cleared',
      title: 'gate-1: over: no modem is ready',
      text: 'It is over, after 12 min (since 2023-11-14 22:15 UTC). It was: no code goes out: modem main is absent: no modem is plugged in.',
    }),
  ]);
});

it('has the shapes of ntfy, Gotify, Telegram and Slack, and of a template', async () => {
  const { url, calls } = await receiver();
  const tokenFile = file('token', 'tok:en');
  await deliver({ shape: 'ntfy', url: `${url}/my-topic/`, tokenFile });
  await deliver({ shape: 'gotify', url: `${url}/gotify/`, tokenFile });
  await deliver({ shape: 'telegram', url, tokenFile, chatId: '-100123' });
  await deliver({ shape: 'slack', urlFile: file('url', `${url}/services/T/B/x`) });
  const template =
    '{"content": "{title} \\"quoted\\" {unknown}", "embeds": [{"n": 1, "text": "{text}"}]}';
  await deliver({ shape: 'template', url, template }, notice({ what: 'it said "no"' }));
  expect(calls.map(({ path, body }) => [path, body])).toEqual([
    ['/', { topic: 'my-topic', title, message: text, priority: 4, tags: ['warning'] }],
    ['/gotify/message', { title, message: text, priority: 8 }],
    ['/bottok:en/sendMessage', { chat_id: '-100123', text: `${title}\n\n${text}` }],
    ['/services/T/B/x', { text: `${title}\n${text}` }],
    [
      '/',
      {
        content: `${title} "quoted" {unknown}`,
        embeds: [{ n: 1, text: 'It said "no".\nWhat to do: do what the sentence says.' }],
      },
    ],
  ]);
  expect(calls[1]?.headers['x-gotify-key']).toBe('tok:en');
});

it('tells nobody a whole number, whatever is in a sentence', async () => {
  const { url, calls } = await receiver();
  await deliver({ url }, notice({ what: 'modem main is lost: it said +4915112345678\u001b[2J' }));
  expect(calls[0]?.body).toMatchObject({ text: expect.stringContaining('said +49…78\\u001b[2J') });
});

it.each([
  ['refuses', { status: 500, body: 'out of order' }, 'it answers 500 (out of order)'],
  ['names our token', { status: 401, body: 'bad token s3cret' }, 'it answers 401'],
  ['says nothing', { status: 404, body: '' }, 'it answers 404'],
  [
    'redirects',
    { status: 302, headers: { location: 'https://elsewhere.example' } },
    'it answers 302 (it redirects, which is not followed: write the address that it leads to)',
  ],
])('a receiver that %s is a failure, said without a secret', async (_, answer, why) => {
  const { url, calls } = await receiver(() => answer);
  await expect(deliver({ url, tokenFile: file('token', 's3cret') })).rejects.toThrow(why);
  expect(calls).toHaveLength(1);
});

it('takes the time that a receiver asks for', async () => {
  const { url } = await receiver(() => ({ status: 429, headers: { 'retry-after': '30' } }));
  await expect(deliver({ url })).rejects.toMatchObject({ retryAfterMs: 30_000 });
});

it('gives up a receiver that hangs when it is told to', async () => {
  server = createServer(() => undefined);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = new AbortController();
  const asked = new Promise((resolve) => server!.once('request', resolve));
  const told = deliver({ url }, notice(), stop.signal);
  await asked;
  stop.abort();
  await expect(told).rejects.toThrow('simgate was stopped');
});

it('gives up a receiver that hangs by itself, though memory is swept meanwhile', async () => {
  setFlagsFromString('--expose-gc');
  const sweep = runInNewContext('gc') as () => void;
  server = createServer(() => undefined);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const asked = new Promise((resolve) => server!.once('request', resolve));
  const told = deliver({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  await asked;
  for (let time = 0; time < 3; time += 1) {
    sweep();
    await setImmediate();
  }
  await expect(told).rejects.toThrow('it did not answer within 10 s');
}, 30_000);

it('names no address when nobody listens', async () => {
  const { url } = await receiver();
  await new Promise((resolve) => server!.close(resolve));
  server = undefined;
  await expect(deliver({ url })).rejects.toThrow(/^nobody listens there$/);
});

it('says of what the firewall of the unit drops where to let it out', () => {
  const late = new DOMException('', 'TimeoutError');
  expect(reasonOf(late, false)).toBe('it did not answer within 10 s');
  expect(reasonOf(late, true)).toContain('IPAddressAllow=');
  const refused = new TypeError('fetch failed', {
    cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }),
  });
  expect(reasonOf(refused, true)).toBe('nobody listens there');
});

it.each([
  [
    'is away',
    '/nowhere/token',
    'the file with its secret cannot be read: there is no such file or folder (ENOENT)',
  ],
  ['holds two words', file('token', 'two words'), 'the file with its token must hold it alone'],
])('says so when the file with its token %s', async (_, tokenFile, why) => {
  await expect(deliver({ url: 'http://127.0.0.1:1', tokenFile })).rejects.toThrow(why);
});
