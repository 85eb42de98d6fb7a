import type { Random } from '../../src/simulator/random.js';

/** A request before it is spelled in octets. */
export interface Draft {
  method: string;
  target: string;
  version: string;
  fields: [name: string, value: string][];
  body: Buffer;
  framing: 'length' | 'chunked' | 'none';
}

/**
 * What makes a request its own: by the marker it is known again in the network's record and in the
 * log.
 */
export interface Identity {
  marker: string;
  recipient: string;
  text: string;
}

/** No UUID, word or number of a log looks like it. */
export const markerPrefix = 'zqx';
/** Finds the marker of a text; what is changed by a fuzzer is never the marker itself. */
export const markerPattern = /#(zqx[0-9a-z]{6})#/;

/** Each has a recipient and a text of its own, of one segment. */
export function identityOf(random: Random, number: number): Identity {
  const marker = `${markerPrefix}${number.toString(36).padStart(6, '0')}`;
  const tail = pick(random, [
    '',
    ' ok?',
    ' @ 100%',
    '\n@login.example.com #482913',
    ' €[]',
    ' код 😀',
  ]);
  const recipient = `+4915${String(number).padStart(9, '0')}`;
  return { marker, recipient, text: `Your code is 482913 #${marker}#${tail}` };
}

/** The request that Auth0 sends. */
export function validDraft(random: Random, token: string, { recipient, text }: Identity): Draft {
  const extra = pick(random, [
    {},
    { sender: '+1 234 567' },
    { message_type: 'otp_verify' },
    { req: { ip: '192.0.2.7', 'user-agent': 'Mozilla/5.0' } },
    { unknown: [null, 1e3, { a: {} }] },
  ]);
  const json = JSON.stringify({ recipient, body: text, ...extra });
  return {
    method: 'POST',
    target: '/sms',
    version: 'HTTP/1.1',
    fields: [
      ['Host', 'sms.example.com'],
      ['Authorization', `Bearer ${token}`],
      ['Content-Type', pick(random, ['application/json', 'text/plain', 'nonsense'])],
    ],
    body: Buffer.from(json),
    framing: random.below(3) === 0 ? 'chunked' : 'length',
  };
}

/** The octets of a request; chunks (RFC 9112 7.1) are of random sizes. */
export function spell(random: Random, draft: Draft): Buffer {
  const { method, target, version, body, framing } = draft;
  const fields = [...draft.fields];
  if (framing === 'length') fields.push(['Content-Length', String(body.length)]);
  if (framing === 'chunked') fields.push(['Transfer-Encoding', 'chunked']);
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = Buffer.from(`${method} ${target} ${version}\r\n${lines}\r\n`, 'latin1');
  return Buffer.concat([head, framing === 'chunked' ? chunked(random, body) : body]);
}

function chunked(random: Random, body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + 1 + random.below(Math.max(1, body.length / 2)));
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
    at += piece.length;
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

export function randomOctets(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}
