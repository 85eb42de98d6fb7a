/** Requests of callers other than Auth0: valid ones, and those that must not be taken. */

import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Random } from '../../src/simulator/random.js';
import { type Draft, type Identity, pick, spell } from './requests.js';

/** Whom the alerts of the target's configuration go to. */
export const alertRecipient = '+4915200000000';

/** The secrets of the target's configuration. */
export interface AdapterSecrets {
  /** Of all that take any text for a secret. */
  text: string;
  /** `v1,whsec_…`. */
  supabase: string;
}

/** One kind: what a request of it is made of. */
interface Adapter {
  target: string;
  /** What becomes of it as an SMS: its recipient and text. */
  identity(own: Identity): Identity;
  json(own: Identity): object;
  /** The header fields that prove it, over the octets of the body. */
  prove(body: Buffer, secrets: AdapterSecrets, ageS: number): [name: string, value: string][];
}

const nowS = () => Math.floor(Date.now() / 1000);
const hmac = (secret: string, ...parts: (string | Buffer)[]): string => {
  const made = createHmac('sha256', secret);
  for (const part of parts) made.update(part);
  return made.digest('hex');
};
const asIs = (own: Identity): Identity => own;

export const adapters: Readonly<Record<string, Adapter>> = {
  header: {
    target: '/sms',
    identity: asIs,
    json: ({ recipient, text }) => ({ recipient, body: text }),
    prove: (_body, { text }) => [['X-API-Key', text]],
  },
  basic: {
    target: '/sms',
    identity: asIs,
    json: ({ recipient, text }) => ({ recipient, body: text, sender: null }),
    prove: (_body, { text }) => [
      ['Authorization', `Basic ${Buffer.from(`fuzz:${text}`).toString('base64')}`],
    ],
  },
  supabase: {
    target: '/supabase',
    identity: (own) => ({ ...own, text: `#${own.marker}#` }),
    json: ({ recipient, marker }) => ({
      metadata: { uuid: marker },
      user: { phone: recipient.slice(1) },
      sms: { otp: marker, phone: recipient.slice(1) },
    }),
    prove: (body, { supabase }, ageS) => {
      const at = new Date((nowS() - ageS) * 1000);
      const signature = new Webhook(supabase.replace('v1,', '')).sign('id', at, body.toString());
      return [
        ['webhook-id', 'id'],
        ['webhook-timestamp', String(nowS() - ageS)],
        ['webhook-signature', signature],
      ];
    },
  },
  zitadel: {
    target: '/zitadel',
    identity: asIs,
    json: ({ recipient, text }) => ({
      contextInfo: { recipientPhoneNumber: recipient },
      templateData: { text },
    }),
    prove: (body, { text }, ageS) => {
      const at = nowS() - ageS;
      return [['ZITADEL-Signature', `t=${at},v1=${hmac(text, `${at}.`, body)}`]];
    },
  },
  logto: {
    target: '/logto',
    identity: (own) => ({ ...own, text: `#${own.marker}#` }),
    json: ({ recipient, marker }) => ({
      to: recipient.slice(1),
      type: 'SignIn',
      payload: { code: marker, locale: 'de' },
    }),
    prove: (_body, { text }) => [['Authorization', `Bearer ${text}`]],
  },
  authgear: {
    target: '/authgear',
    identity: asIs,
    json: ({ recipient, text }) => ({ to: recipient, body: text }),
    prove: (body, { text }) => [['x-authgear-body-signature', hmac(text, body)]],
  },
  uptime_kuma: {
    target: '/api/v1/sms/send',
    identity: asIs,
    json: ({ recipient, text }) => ({ to: recipient, body: text }),
    prove: (_body, { text }) => [['X-API-Key', text]],
  },
  alerts: {
    target: '/alerts',
    identity: (own) => ({ ...own, recipient: alertRecipient, text: `[FIRING] #${own.marker}#` }),
    json: ({ marker }) => ({
      status: 'firing',
      groupKey: marker,
      commonLabels: { alertname: `#${marker}#` },
    }),
    prove: (body, { text }) => [['X-Grafana-Alerting-Signature', hmac(text, body)]],
  },
};

/** How they stand in the target's configuration; the texts of two hold nothing but the code. */
export function adapterTables(secretFile: string, supabaseFile: string): string {
  const more: Record<string, string> = {
    basic: 'username = "fuzz"',
    supabase: 'template = "#{code}#"\non_slow = "504"\ndeadline_s = 25',
    zitadel: 'on_slow = "504"\ndeadline_s = 25',
    logto: 'template = "#{code}#"',
    alerts: `recipients = ["${alertRecipient}"]`,
  };
  return Object.keys(adapters)
    .map(
      (kind) =>
        `[[caller]]\nname = "${kind}"\nkind = "${kind}"\nclass = "login"\nsecret_file = "${kind === 'supabase' ? supabaseFile : secretFile}"\n${more[kind] ?? ''}\n`,
    )
    .join('');
}

export interface AdapterRequest {
  octets: Buffer;
  identity: Identity;
}

/** What is wrong with one that must not be taken. */
type Wrong = 'nothing' | 'proof' | 'body';

/** A request of any of them; its framing is whole. */
export function adapterRequest(
  random: Random,
  secrets: AdapterSecrets,
  own: Identity,
  wrong: Wrong,
): AdapterRequest {
  const [, adapter] = pick(random, Object.entries(adapters));
  const json = JSON.stringify(adapter.json(own));
  const body = Buffer.from(wrong === 'body' ? pick(random, badBodies)(json, random) : json);
  const fields =
    wrong === 'proof'
      ? pick(random, badProofs)(adapter, body, secrets, random)
      : adapter.prove(body, secrets, 0);
  const draft: Draft = {
    method: 'POST',
    target: adapter.target,
    version: 'HTTP/1.1',
    fields: [['Host', 'sms.example.com'], ['Content-Type', 'application/json'], ...fields],
    body,
    framing: 'length',
  };
  return { octets: spell(random, draft), identity: adapter.identity(own) };
}

type BadProof = (
  adapter: Adapter,
  body: Buffer,
  secrets: AdapterSecrets,
  random: Random,
) => [string, string][];

const otherSecrets: AdapterSecrets = {
  text: 'f'.repeat(64),
  supabase: `v1,whsec_${Buffer.alloc(32, 9).toString('base64')}`,
};

const badProofs: readonly BadProof[] = [
  () => [],
  (adapter, body) => adapter.prove(body, otherSecrets, 0),
  (adapter, body, secrets) =>
    adapter.prove(body, secrets, 0).map(([name, value]) => [name, value.slice(0, -3)]),
  (adapter, body, secrets) => adapter.prove(body, secrets, 0).map(([name]) => [name, '']),
  // Such a signature is of another body; a credential that never changes is of another length.
  (adapter, body, secrets) =>
    adapter
      .prove(Buffer.concat([body, Buffer.from(' ')]), secrets, 0)
      .map(([name, value]) => [
        name,
        /^(?:X-API-Key|Authorization)$/.test(name) ? `${value}x` : value,
      ]),
  (adapter, body, secrets) =>
    adapter.prove(body, secrets, 301 + 60).map(([name, value]) => [
      name,
      // What has no time in it is spoiled otherwise.
      /^(?:X-API-Key|Authorization|x-authgear|X-Grafana)/.test(name) ? `x${value}` : value,
    ]),
  (_adapter, _body, _secrets, random) => [
    ['Authorization', `Bearer ${'.'.repeat(1 + random.below(3000))}`],
    ['X-API-Key', 'x'.repeat(1 + random.below(3000))],
  ],
  () => [
    ['webhook-signature', 'v1,'.repeat(500)],
    ['webhook-id', 'x'],
    ['webhook-timestamp', '9'.repeat(12)],
    ['ZITADEL-Signature', `t=1,${'v1=00,'.repeat(500)}`],
    ['x-authgear-body-signature', 'zz'],
    ['X-Grafana-Alerting-Signature', '00'],
  ],
];

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** Bodies that say nothing, or two things; all of them are signed as they are. */
const badBodies: readonly ((json: string, random: Random) => string)[] = [
  () => '{}',
  () => '[]',
  () => 'null',
  (json, random) => json.slice(0, 1 + random.below(json.length - 2)),
  (json) => `${json}}`,
  (json) => `[${json}]`,
  (json) => JSON.stringify(json),
  (json) => json.replace('{', '{"x":{"a":1,"a":2},'),
  (json, random) => json.replace('{', `{"x":${nested(33 + random.below(5000))},`),
  (json) => json.replace(/:"[^"]*"/g, ':7'),
  (json) => json.replace(/:"[^"]*"/g, ':null'),
  (json) => json.replace(/:"[^"]*"/g, ':{"toString":"x"}'),
  (json) => json.replace(/:"[^"]*"/g, ':"\\ud83d"'),
  (json) => `{"__proto__":${json}}`,
];
