/** An alert as a web call, in the form that the receiver wants. */

import type { WebhookConfig } from '../config/alert-settings.js';
import { addressIn, call, NotTaken, secretIn } from '../outgoing/call.js';
import type { AlertNotice, Wording } from './notice.js';
import { wordingOf } from './notice.js';
import type { AlertWay } from './way.js';

/** What is called, once all files were read. */
interface Target {
  url: string;
  token: string | undefined;
  chatId: string | undefined;
  template: string | undefined;
}

interface Form {
  url: string;
  headers?: Record<string, string>;
  body: unknown;
}

type Shape = (notice: AlertNotice, words: Wording, target: Target) => Form;

/** `https://ntfy.sh/topic` and the like, without the slash at its end. */
const bare = (url: string): string => url.replace(/\/+$/, '');

const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

const shapes: Readonly<Record<WebhookConfig['shape'], Shape>> = {
  json: (notice, words, { url, token }) => ({
    url,
    headers: bearer(token),
    body: asJson(notice, words),
  }),
  /** ntfy's form for JSON is posted to its root, and names the topic (docs.ntfy.sh/publish). */
  ntfy: (notice, words, { url, token }) => {
    const [, root = '', topic = ''] = /^(.*)\/([^/]+)$/.exec(bare(url)) ?? [];
    return {
      url: `${root}/`,
      headers: bearer(token),
      body: {
        topic,
        title: words.title,
        message: words.text,
        priority: notice.severity === 'severe' && notice.state !== 'cleared' ? 4 : 3,
        tags: [notice.state === 'cleared' ? 'white_check_mark' : 'warning'],
      },
    };
  },
  gotify: (notice, words, { url, token = '' }) => ({
    url: bare(url).endsWith('/message') ? bare(url) : `${bare(url)}/message`,
    headers: { 'x-gotify-key': token },
    body: {
      title: words.title,
      message: words.text,
      priority: notice.severity === 'severe' && notice.state !== 'cleared' ? 8 : 4,
    },
  }),
  telegram: (_, words, { url, token = '', chatId }) => ({
    url: `${bare(url)}/bot${token}/sendMessage`,
    body: { chat_id: chatId, text: `${words.title}\n\n${words.text}` },
  }),
  slack: (_, words, { url, token }) => ({
    url,
    headers: bearer(token),
    body: { text: `${words.title}\n${words.text}` },
  }),
  template: (notice, words, { url, token, template = '{}' }) => ({
    url,
    headers: bearer(token),
    body: filled(JSON.parse(template), placeholders(notice, words)),
  }),
};

/** Telegram's own; a server of one's own is named with `url`. */
const telegramUrl = 'https://api.telegram.org';

export interface WebhookOptions {
  /** As configured now. */
  config: WebhookConfig;
  /** How this machine calls itself. */
  box: () => string;
}

export function webhookWay({ config, box }: WebhookOptions): AlertWay {
  const { name, shape, onlySevere } = config;
  return {
    name,
    kind: 'webhook',
    settings: config,
    onlySevere,
    async deliver(notice, signal) {
      const target = await targetOf(config);
      const { url, headers, body } = shapes[shape](notice, wordingOf(notice, box()), target);
      await call({
        url,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        secrets: [target.token ?? '', ...(config.urlFile === undefined ? [] : [target.url])],
        signal,
      });
    },
  };
}

async function targetOf(config: WebhookConfig): Promise<Target> {
  const { shape, urlFile, tokenFile, chatId, template } = config;
  const written = urlFile === undefined ? config.url : await addressIn(urlFile);
  const url = written ?? (shape === 'telegram' ? telegramUrl : '');
  const token = tokenFile === undefined ? undefined : await secretIn(tokenFile);
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new NotTaken(
      'the file with its token must hold it alone: letters, digits and signs, no blank',
    );
  return { url, token, chatId, template };
}

/** The form `json`; docs/alerts.md has it. */
function asJson(notice: AlertNotice, words: Wording): object {
  const { id, state, kind, subject, severity, atMs, raisedAtMs } = notice;
  return {
    id,
    state,
    kind: kind ?? 'test',
    ...(subject !== '' && { subject }),
    severity,
    title: words.title,
    text: words.text,
    raised_at: new Date(raisedAtMs).toISOString(),
    at: new Date(atMs).toISOString(),
  };
}

function placeholders({ state, kind, subject, severity, atMs }: AlertNotice, words: Wording) {
  return new Map([
    ['title', words.title],
    ['text', words.text],
    ['state', state],
    ['kind', kind ?? 'test'],
    ['subject', subject],
    ['severity', severity],
    ['at', new Date(atMs).toISOString()],
  ]);
}

/** In each text of the template, so that no quote in a sentence breaks the JSON. */
function filled(value: unknown, words: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string')
    return value.replace(/\{(\w+)\}/g, (whole, name: string) => words.get(name) ?? whole);
  if (Array.isArray(value)) return value.map((item: unknown) => filled(item, words));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, words)]));
}
