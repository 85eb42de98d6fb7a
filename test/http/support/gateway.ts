import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { ListenAddress } from '../../../src/config/config.js';
import type { Message, Recall, Send, SendControl } from '../../../src/dispatch/message.js';
import { createApp } from '../../../src/http/app.js';
import { createBearerVerifier } from '../../../src/http/bearer.js';
import { callerKinds } from '../../../src/http/callers/kinds.js';
import type { CallerTerms } from '../../../src/http/owner.js';
import type { FindMessage } from '../../../src/http/read-route.js';
import { createServer, type HttpServer, type ServerLimits } from '../../../src/http/server.js';
import { createLog, LimitedLog } from '../../../src/log.js';
import { mintToken } from '../../../src/secret/token.js';

export const subject = 'urn:Auth0';
export const audience = 'urn:MySmsGateway';
export const secret = Buffer.from('test-secret-of-the-http-tests-0123456789');

/** One line of the log, parsed. */
export type Entry = Record<string, unknown>;

/** A real log at debug level whose lines are kept, and can be waited for. */
export class LogRecord {
  readonly entries: Entry[] = [];
  readonly #waiting = new Set<() => void>();
  text = '';
  readonly log = createLog({
    level: 'debug',
    format: 'json',
    stream: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.text += chunk.toString();
        this.entries.push(JSON.parse(chunk.toString()) as Entry);
        for (const look of this.#waiting) look();
        done();
      },
    }),
  });

  /** The first entry of an event, now or when it comes. */
  next(event: string): Promise<Entry> {
    return new Promise((resolve) => {
      const look = () => {
        const entry = this.entries.find((candidate) => candidate.event === event);
        if (!entry) return;
        this.#waiting.delete(look);
        resolve(entry);
      };
      this.#waiting.add(look);
      look();
    });
  }

  of(event: string): Entry[] {
    return this.entries.filter((entry) => entry.event === event);
  }
}

export interface GatewayOptions {
  send?: Send;
  recall?: Recall;
  find?: FindMessage;
  isReady?: () => boolean;
  clockIsSet?: () => boolean;
  isShuttingDown?: () => boolean;
  terms?: Partial<CallerTerms>;
  previous?: Uint8Array;
  current?: Uint8Array;
  maxTokenAgeMs?: number;
  beforeLeap?: () => number | undefined;
  limits?: Partial<ServerLimits>;
}

export interface Gateway {
  port: number;
  record: LogRecord;
  server: HttpServer<ListenAddress>;
  /** What reached `send`, in order. */
  sent: { message: Message; control: SendControl }[];
}

/** What holds for the messages of the one caller. */
const terms: CallerTerms = {
  deadlineMs: 25_000,
  onSlow: '504',
  lateDeadlineMs: 25_000,
  repeatsMs: 0,
  class: 'login',
  modems: undefined,
  defaultCountry: undefined,
};

export const accepted: Send = ({ id }) =>
  Promise.resolve({
    id,
    segments: 1,
    modem: 'main',
    references: [7],
    waitedMs: 0.4,
    tookMs: 1234.5,
  });

/**
 * The whole HTTP side on a port of its own; only `send` is not the real one. Closed when the test
 * ends.
 */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const record = new LogRecord();
  const sent: Gateway['sent'] = [];
  const send = options.send ?? accepted;
  const refusals = new LimitedLog(record.log);
  const verify = await createBearerVerifier({
    secrets: {
      current: options.current ?? secret,
      ...(options.previous && { previous: options.previous }),
    },
    expected: { subject, audience, clockToleranceMs: 30_000, maxTokenAgeMs: options.maxTokenAgeMs },
    ...(options.beforeLeap && { beforeLeap: options.beforeLeap }),
  });
  const caller = callerKinds.auth0({ name: 'auth0', path: '/sms', verify });
  const handler = createApp({
    send: (message, control) => {
      sent.push({ message, control });
      return send(message, control);
    },
    sendOrPromise: () => Promise.reject(new Error('no caller of this gateway is hasty')),
    recall: options.recall ?? (() => Promise.resolve(undefined)),
    clients: [{ caller, mayRead: true, terms: () => ({ ...terms, ...options.terms }) }],
    find: options.find ?? (() => Promise.resolve(undefined)),
    isReady: options.isReady ?? (() => true),
    clockIsSet: options.clockIsSet ?? (() => true),
    isShuttingDown: options.isShuttingDown ?? (() => false),
    log: record.log,
    refusals,
  });
  const server = createServer({
    handler,
    listen: { host: '127.0.0.1', port: 0 },
    log: record.log,
    limits: options.limits ?? {},
  });
  const { port } = await server.listen();
  onTestFinished(() => server.close(0));
  return { port, record, server, sent };
}

export function validToken(): Promise<string> {
  return mintToken({ secret, subject, audience, expiresInS: 300 });
}

export const validBody = { recipient: '+4915112345678', body: 'Your code is 482915' };

export interface Post {
  /** `undefined`: a valid one; `null`: none. */
  token?: string | null;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** `POST /sms` by a real client. */
export async function post(
  { port }: Gateway,
  { token, headers = {}, body }: Post = {},
): Promise<Response> {
  const authorization =
    token === null ? {} : { authorization: `Bearer ${token ?? (await validToken())}` };
  return fetch(`http://127.0.0.1:${port}/sms`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization, ...headers },
    body: body ?? JSON.stringify(validBody),
  });
}

/** `GET /sms/{id}` by a real client. */
export function read({ port }: Gateway, id: string, token: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`http://127.0.0.1:${port}/sms/${id}`, { headers });
}

/** The JSON of an answer. */
export async function json(response: Response): Promise<Entry> {
  return (await response.json()) as Entry;
}
