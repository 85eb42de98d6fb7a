import type { Random } from '../../src/simulator/random.js';
import { type Draft, type Identity, pick, randomOctets } from './requests.js';

/** Turns the draft of a valid request into one that must not be taken. */
export type Spoil = (draft: Draft, random: Random, identity: Identity) => Draft;

const withField =
  (name: string, value: string): Spoil =>
  (draft) => ({
    ...draft,
    fields: [...draft.fields, [name, value]],
  });

const withBody =
  (make: (json: string, random: Random, identity: Identity) => string | Buffer): Spoil =>
  (draft, random, identity) => {
    const made = make(draft.body.toString(), random, identity);
    return { ...draft, body: typeof made === 'string' ? Buffer.from(made) : made };
  };

const withToken =
  (make: (token: string, random: Random) => string): Spoil =>
  (draft, random) => ({
    ...draft,
    fields: draft.fields.flatMap(([name, value]): [string, string][] => {
      if (name !== 'Authorization') return [[name, value]];
      const authorization = make(value.slice('Bearer '.length), random);
      return authorization === '' ? [] : [[name, authorization]];
    }),
  });

const part = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url');
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const foreign = (random: Random): string => randomOctets(random, 32).toString('base64url');

/** Authorizations that are none. */
export const badTokens: readonly Spoil[] = [
  withToken(() => ''),
  withToken((token) => `Basic ${token}`),
  withToken((token) => `Bearer${token}`),
  withToken((token, random) => `Bearer ${token.slice(0, random.below(token.length - 2))}`),
  withToken((token, random) => `Bearer ${token.replace(/[^.]+$/, foreign(random))}`),
  withToken((token) => `Bearer ${part({ alg: 'none' })}${token.slice(token.indexOf('.'))}`),
  withToken(
    (token) => `Bearer ${token.replace(/\.[^.]+\./, `.${part({ sub: 'urn:Auth0', aud: 'x' })}.`)}`,
  ),
  withToken(
    (token, random) =>
      `Bearer ${part({ alg: 'HS256', crit: ['b64'], b64: false })}.e30.${foreign(random)} ${token}`,
  ),
  withToken((token, random) => {
    const deep = Buffer.from(
      `{"${pick(random, ['aud', 'sub', 'exp', 'x'])}":${nested(1 + random.below(5000))}}`,
    );
    return `Bearer ${token.split('.')[0]}.${deep.toString('base64url')}.${foreign(random)}`;
  }),
  withToken(
    (_token, random) => `Bearer ${randomOctets(random, 1 + random.below(300)).toString('base64')}`,
  ),
  withToken((_token, random) => `Bearer ${'.'.repeat(1 + random.below(3000))}`),
];

/** Bodies that say nothing, or two things. All of them come with a good token. */
export const badBodies: readonly Spoil[] = [
  withBody(() => ''),
  withBody((json, random) => json.slice(0, random.below(json.length))),
  withBody((json) => `${json}}`),
  withBody((json) => json.replace('}', ',}')),
  withBody((json) => `/* */${json}`),
  withBody((json) => json.replaceAll('"', "'")),
  withBody((json) => json.replace('{', '{"recipient":"+4915100000000",')),
  withBody((json) => json.replace('{', '{"bod\\u0079":"another text",')),
  withBody((json) => json.replace('{', '{"x":{"a":1,"a":2},')),
  withBody((json, random) => json.replace('{', `{"x":${nested(33 + random.below(20_000))},`)),
  withBody((json, random) => nested(1 + random.below(30_000)) + json),
  withBody((json) => `{"__proto__":${json}}`),
  withBody((json) => `{"constructor":{"prototype":${json}}}`),
  withBody((json) => `[${json}]`),
  withBody((json) => JSON.stringify(json)),
  withBody((json) => json.replace('"body":"', '"body":"\\ud83d')),
  withBody((json) => json.replace('"body":', '"bodY":')),
  withBody((json) => json.replace(/"body":"[^"]*(?:\\.[^"]*)*"/, `"body":${'9'.repeat(400)}`)),
  withBody((json) => json.replace(/"recipient":"\+/, '"recipient":"+0')),
  withBody((json) => json.replace(/"recipient":"[^"]*"/, '"recipient":1e999')),
  withBody((json) =>
    json.replace(/"recipient":"[^"]*"/, '"recipient":{"toString":"+4915100000000"}'),
  ),
  withBody((json) => json.replace('"recipient":"', `"recipient":"${'0'.repeat(2000)}`)),
  withBody((json) => Buffer.from(json, 'utf16le')),
  withBody((json) => Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from([0xff, 0x7d])])),
  withBody((json, random) => {
    const bad = pick(random, [
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
      [0xe2, 0x82],
    ]);
    return Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from(bad),
      Buffer.from(`",${json.slice(1)}`),
    ]);
  }),
  withBody((json, random) =>
    json.replace('{', `{"x":"${'x'.repeat(65_536 + random.below(30_000))}",`),
  ),
  withField('Content-Encoding', 'gzip'),
];

/**
 * Heads that one reader may understand differently from another, or that ask for something else.
 */
export const badHeads: readonly Spoil[] = [
  withField('Authorization', 'Bearer x.y.z'),
  withField('Host', 'other.example.com'),
  withField('Content-Length', '3'),
  (draft) => ({
    ...draft,
    framing: 'length',
    fields: [...draft.fields, ['Transfer-Encoding', 'chunked']],
  }),
  (draft) => ({
    ...draft,
    framing: 'none',
    fields: [...draft.fields, ['Transfer-Encoding', 'gzip, chunked']],
  }),
  (draft) => ({
    ...draft,
    framing: 'none',
    fields: [...draft.fields, ['Transfer-Encoding ', 'chunked']],
  }),
  (draft) => ({
    ...draft,
    framing: 'none',
    fields: [...draft.fields, ['Transfer-Encoding', '\vchunked']],
  }),
  (draft, random) => ({
    ...draft,
    framing: 'none',
    fields: [
      ...draft.fields,
      ['Content-Length', pick(random, ['-1', '0x10', '+5', '1e2', '', '9'.repeat(30), '5, 5'])],
    ],
  }),
  withField('X-Folded', 'a\r\n b'),
  withField('X-Nul', 'a\0b'),
  withField('X-CR', 'a\rb'),
  withField('X (comment)', 'a'),
  withField('Expect', '200-ok'),
  withField('X-Long', 'x'.repeat(17_000)),
  (draft) => ({
    ...draft,
    fields: [...draft.fields, ...Array.from({ length: 120 }, (): [string, string] => ['a', 'b'])],
  }),
  (draft) => ({ ...draft, fields: draft.fields.filter(([name]) => name !== 'Host') }),
  (draft, random) => ({
    ...draft,
    version: pick(random, ['HTTP/2.0', 'HTTP/0.9', 'HTTP/1.7', 'http/1.1', 'HTTP/1.1.1', '']),
  }),
  (draft, random) => ({
    ...draft,
    method: pick(random, [
      'GET',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'QUERY',
      'post',
      'SEND',
      'P\0ST',
      'PRI',
    ]),
  }),
  (draft, random) => ({
    ...draft,
    target: pick(random, [
      '/',
      '/SMS',
      '//sms',
      '/sms/1',
      '/x/../sms',
      '/%73ms',
      '*',
      '/sms%00',
      '\\sms',
      'sms',
      '/sm s',
      '/sms\xff',
      `/${'a'.repeat(9000)}`,
    ]),
  }),
];
