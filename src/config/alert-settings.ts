/** Who is told when something is wrong: the table `[alerts]`, and its ways. */

import * as v from 'valibot';
import { inCode, type Keys, orEmpty, plainTable, required } from './table.js';
import {
  entryName,
  flag,
  oneOf,
  type pathsFrom,
  someOf,
  telephoneNumber,
  text,
  whole,
} from './values.js';

type Paths = ReturnType<typeof pathsFrom>;

/** What may be told of; each with its weight and words in `alerts/conditions.ts`. */
export const alertKinds = [
  'no_modem_ready',
  'modem_away',
  'pin_wanted',
  'sim_suspect',
  'full',
  'nearly_full',
  'unknown_outcomes',
  'upgrade_does_not_send',
  'clock_unset',
  'journal_fault',
  'credit_low',
  'credit_expires',
  'credit_unknown',
  'engine_away',
  'undelivered',
  'inbound_full',
  'inbound_left',
  'inbound_receiver',
  'carrier_message',
  'receiver_dead',
  'other',
] as const;
export type AlertKind = (typeof alertKinds)[number];

/** In what form a webhook is called. */
const webhookShapes = ['json', 'ntfy', 'gotify', 'telegram', 'slack', 'template'] as const;

/** How a relay is spoken to; `starttls` is insisted on. */
const relayTls = ['starttls', 'tls', 'off'] as const;

const webAddress = v.pipe(
  v.string('must be an address, as "https://ntfy.sh/your-topic"'),
  v.check((value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) return false;
    return url.username === '' && url.password === '';
  }, 'must be an address that begins with https:// or http://, without a user and password in it'),
);

const quietHours = v.pipe(
  v.string('must be two times of day, as "22:00-07:00"'),
  v.regex(
    /^(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$/,
    'must be two times of day, as "22:00-07:00"',
  ),
  v.transform((written) => {
    const [from = 0, to = 0] = written.split('-').map((time) => {
      const [hours = 0, minutes = 0] = time.split(':').map(Number);
      return hours * 60 + minutes;
    });
    return { fromMinute: from, toMinute: to };
  }),
);

const mailAddress = text(
  'must be a mail address, as "ops@example.com"',
  /^[^\s@<>",]+@[^\s@<>",]+$/,
);

const relay = v.pipe(
  text(
    'must be "host" or "host:port", as "smtp.example.com:587"',
    /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/,
  ),
  v.transform((written) => {
    const [host = '', port] = written.split(':');
    return { host, port: port === undefined ? 587 : Number(port) };
  }),
  v.check(({ port }) => port >= 1 && port <= 65_535, 'must have a port of 1 to 65535'),
);

/** Something that must be there beside something else. */
function lacks(
  dataset: { value: object },
  key: string,
  message: string,
): { message: string; path: [v.IssuePathItem] } {
  const input = dataset.value as Record<string, unknown>;
  return { message, path: [{ type: 'object', origin: 'value', input, key, value: input[key] }] };
}

function webhook({ path }: Paths) {
  const keys = {
    name: required(entryName, 'a short name for logs, as "telephone"'),
    shape: v.optional(oneOf(...webhookShapes), 'json'),
    // One of both: the address itself may be the secret, as with Slack.
    url: v.optional(webAddress),
    url_file: v.optional(path),
    // What proves who calls: a bearer's, Gotify's application's, or Telegram's bot's.
    token_file: v.optional(path),
    // `telegram`: to whom.
    chat_id: v.optional(
      text('must be the id of a chat in quotes, as "123456789"', /^-?\w{1,64}$|^@\w+$/),
    ),
    // `template`: a JSON document with {title}, {text} and so on.
    template: v.optional(text('must be a text with {text} in it', /\{text\}/)),
    only_severe: v.optional(flag, false),
  } satisfies Keys;
  const own = plainTable(keys, 'must be tables, each written as a line [[alerts.webhook]]');
  return v.pipe(
    own,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const { shape, url, url_file, chat_id, token_file, template } = dataset.value;
      const needs = (key: string, isThere: boolean, message: string) => {
        if (!isThere) addIssue(lacks(dataset, key, message));
      };
      needs(
        'url',
        url === undefined || url_file === undefined,
        'stands beside url_file: remove one',
      );
      if (shape === 'telegram') {
        needs('chat_id', chat_id !== undefined, 'is missing: the chat that the bot writes to');
        needs('token_file', token_file !== undefined, "is missing: a file with the bot's token");
      } else needs('url', url !== undefined || url_file !== undefined, 'is missing: where to call');
      if (shape === 'gotify')
        needs(
          'token_file',
          token_file !== undefined,
          "is missing: a file with the application's token",
        );
      const wants = shape === 'template';
      needs(
        'template',
        wants === (template !== undefined),
        wants ? 'is missing: the JSON to send' : 'counts with shape = "template" only',
      );
      if (template !== undefined)
        needs('template', isJson(template), 'must be JSON, as \'{"text": "{text}"}\'');
    }),
    v.transform((read) => inCode(keys, read)),
  );
}

function isJson(template: string): boolean {
  try {
    JSON.parse(template);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function mail({ path }: Paths) {
  const keys = {
    relay: required(relay, 'the mail relay, as "smtp.example.com:587"'),
    // Without: `tls` at port 465, `off` at 25, else `starttls`.
    tls: v.optional(oneOf(...relayTls)),
    from: required(mailAddress, 'who it is from, as "simgate@example.com"'),
    to: required(
      v.pipe(
        v.array(mailAddress, 'must be a list of mail addresses'),
        v.minLength(1, 'must name somebody'),
      ),
      'whom to write to, as ["ops@example.com"]',
    ),
    username: v.optional(text('must be the user at the relay')),
    password_file: v.optional(path),
    only_severe: v.optional(flag, false),
  } satisfies Keys;
  return v.pipe(
    plainTable(keys, 'must be a table, written as a line [alerts.mail] above its keys'),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const { username, password_file, tls, relay: at } = dataset.value;
      if ((username === undefined) !== (password_file === undefined))
        addIssue(
          lacks(
            dataset,
            username === undefined ? 'username' : 'password_file',
            'is missing: user and password go together',
          ),
        );
      if (username !== undefined && tlsOf(tls, at.port) === 'off')
        addIssue(lacks(dataset, 'tls', 'must not be "off" where a password is sent'));
    }),
    v.transform((read) => ({ ...inCode(keys, read), tls: tlsOf(read.tls, read.relay.port) })),
  );
}

const tlsOf = (written: (typeof relayTls)[number] | undefined, port: number) =>
  written ?? (port === 465 ? 'tls' : port === 25 ? 'off' : 'starttls');

const sms = {
  to: required(
    v.pipe(
      v.array(telephoneNumber, 'must be a list of numbers, as ["+4915112345678"]'),
      v.minLength(1, 'must name a number'),
      v.maxLength(5, 'must name 5 numbers at most'),
    ),
    'whom to write to, as ["+4915112345678"]',
  ),
  // Its own budget, beside the share that alerts have of all limits.
  per_day: v.optional(whole('SMS', 1, 1_000), 20),
  only_severe: v.optional(flag, true),
};

const settings = {
  // How the box calls itself; its host name where it is not said.
  name: v.optional(text('must be 1 to 64 printable characters', /^[^\p{C}]{1,64}$/u)),
  // Of the machine's own time zone; what is mild waits until they are over.
  quiet_hours: v.optional(quietHours),
  off: v.optional(someOf(alertKinds), []),
  // For how long it has to be so.
  no_modem_ready_s: v.optional(whole('seconds', 10, 86_400), 120),
  modem_away_s: v.optional(whole('seconds', 10, 86_400), 600),
  // More than so many messages whose outcome nobody knows.
  unknown_outcomes_per_hour: v.optional(whole('messages', 0, 10_000), 5),
};

/** The table `[alerts]`. */
export function alerts(paths: Paths) {
  const heartbeat = {
    heartbeat_url: v.optional(webAddress),
    heartbeat_url_file: v.optional(paths.path),
  };
  const own = { ...settings, ...heartbeat };
  const ways = {
    webhook: v.optional(
      v.array(webhook(paths), 'must be tables, each written as a line [[alerts.webhook]]'),
      [],
    ),
    mail: v.optional(mail(paths)),
    sms: v.optional(
      v.pipe(
        plainTable(sms, 'must be a table, written as a line [alerts.sms] above its keys'),
        v.transform((read) => inCode(sms, read)),
      ),
    ),
  };
  return orEmpty(
    v.pipe(
      plainTable({ ...own, ...ways }, 'must be a table, written as a line [alerts] above its keys'),
      v.transform(({ webhook: webhooks, mail: mailWay, sms: smsWay, ...read }) => ({
        ...inCode(own, read),
        webhooks,
        mail: mailWay,
        sms: smsWay,
      })),
    ),
  );
}

export type AlertsConfig = v.InferOutput<ReturnType<typeof alerts>>;
export type WebhookConfig = AlertsConfig['webhooks'][number];
export type MailConfig = NonNullable<AlertsConfig['mail']>;

/** What is valid and unwise, as sentences for the operator. */
export function alertWarnings({
  webhooks,
  mail: mailWay,
  sms: smsWay,
  ...read
}: AlertsConfig): string[] {
  const warnings: string[] = [];
  const isBeating = read.heartbeatUrl !== undefined || read.heartbeatUrlFile !== undefined;
  if (smsWay && webhooks.length === 0 && !mailWay)
    warnings.push(
      'alerts.sms is the only way: an SMS cannot tell that SMS is dead. Add a [[alerts.webhook]], [alerts.mail]' +
        (isBeating ? '' : ', or at least alerts.heartbeat_url'),
    );
  for (const { name, url, tokenFile } of webhooks) {
    if (url?.startsWith('http:') && tokenFile !== undefined && !isNear(new URL(url).hostname))
      warnings.push(
        `alerts.webhook "${name}" sends its token without TLS: whoever is on the way can read it`,
      );
  }
  return warnings;
}

/** This machine, or one of a private network (RFC 1918, RFC 4193). */
const isNear = (host: string): boolean =>
  /^(?:localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|\[::1\]|\[f[cd])/.test(host);

/** Where the secrets of the ways of alerts are. */
export interface AlertSecrets extends Pick<AlertsConfig, 'heartbeatUrlFile'> {
  mail?: Pick<MailConfig, 'passwordFile'> | undefined;
  webhooks: readonly Pick<WebhookConfig, 'urlFile' | 'tokenFile'>[];
}

/** The files that the ways of alerts need, by their keys; they are read again at each call. */
export function alertSecretFiles({
  webhooks,
  mail: mailWay,
  heartbeatUrlFile,
}: AlertSecrets): [path: string, file: string][] {
  const files: [path: string, file: string | undefined][] = [
    ['alerts.heartbeat_url_file', heartbeatUrlFile],
    ['alerts.mail.password_file', mailWay?.passwordFile],
    ...webhooks.flatMap(({ urlFile, tokenFile }, index): [string, string | undefined][] => [
      [`alerts.webhook[${index}].url_file`, urlFile],
      [`alerts.webhook[${index}].token_file`, tokenFile],
    ]),
  ];
  return files.flatMap(([path, file]): [string, string][] =>
    file === undefined ? [] : [[path, file]],
  );
}
