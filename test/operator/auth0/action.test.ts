import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import jsonwebtoken from 'jsonwebtoken';
import { describe, expect, onTestFinished, test } from 'vitest';
import { actionSource } from '../../../src/operator/auth0/action/source.js';
import {
  answerSent,
  code,
  optionsFor,
  type PhoneEvent,
  phoneEvent,
  playGateway,
  recipient,
  runAction,
  secret,
} from './action-sandbox.js';

/** The headers and the body of the one request that `event` leads to. */
async function requestFor(event: PhoneEvent, options = {}) {
  const { url, received } = await playGateway(answerSent);
  await runAction({ ...optionsFor(url), ...options }, event);
  expect(received).toHaveLength(1);
  const { headers, body } = received[0]!;
  return { headers, body: JSON.parse(body) as Record<string, unknown> };
}

async function keyOf(event: PhoneEvent, options = {}): Promise<unknown> {
  return (await requestFor(event, options)).headers['idempotency-key'];
}

describe('the request', () => {
  test('it asks for what simgate needs, and sends nothing else of the event', async () => {
    const { headers, body } = await requestFor(phoneEvent({ from: '+12025550123', locale: 'de' }));
    expect(headers).toMatchObject({ 'content-type': 'application/json', prefer: 'wait=15' });
    expect(body).toEqual({
      recipient,
      body: `Your code is ${code}`,
      sender: '+12025550123',
      message_type: 'otp_verify',
      req: { ip: '203.0.113.7', user_agent: 'Mozilla/5.0' },
    });
  });

  test('what the event lacks is left out', async () => {
    const {
      request: _request,
      transaction: _transaction,
      ...event
    } = phoneEvent({ from: undefined });
    const { body } = await requestFor(event);
    expect(body).toEqual({
      recipient,
      body: `Your code is ${code}`,
      message_type: 'otp_verify',
      req: {},
    });
  });

  test('its token is one that Auth0’s own library verifies, short-lived and never the same', async () => {
    const tokens = [await requestFor(phoneEvent()), await requestFor(phoneEvent())].map(
      ({ headers }) => headers.authorization!.replace(/^Bearer /, ''),
    );
    const claims = tokens.map((token) =>
      jsonwebtoken.verify(token, secret, {
        algorithms: ['HS256'],
        subject: 'urn:Auth0',
        audience: 'urn:MySmsGateway',
        maxAge: '1m',
      }),
    ) as jsonwebtoken.JwtPayload[];
    for (const { iat, exp } of claims) expect(exp! - iat!).toBe(120);
    expect(claims[0]!.jti).toMatch(/^[0-9a-f-]{36}$/);
    expect(claims[0]!.jti).not.toBe(claims[1]!.jti);
  });

  test('a secret in base64url is decoded before it signs', async () => {
    const key = Buffer.from(secret);
    const event = { ...phoneEvent(), secrets: { SIMGATE_SECRET: key.toString('base64url') } };
    const { headers } = await requestFor(event, { secretBase64Encoded: true });
    const token = headers.authorization!.replace(/^Bearer /, '');
    expect(() => jsonwebtoken.verify(token, key, { algorithms: ['HS256'] })).not.toThrow();
  });

  test('a voice message is dropped, and nobody is asked', async () => {
    const { url, received } = await playGateway(answerSent);
    const { answers } = await runAction(url, phoneEvent({ delivery_method: 'voice' }));
    expect(answers).toEqual([['drop', 'simgate: only text messages can be sent, not voice']]);
    expect(received).toEqual([]);
  });

  test('without its secret it drops the message and says what is missing', async () => {
    const { url, received } = await playGateway(answerSent);
    const { answers } = await runAction(url, { ...phoneEvent(), secrets: {} });
    expect(answers).toEqual([['drop', 'simgate: the Action has no secret SIMGATE_SECRET']]);
    expect(received).toEqual([]);
  });
});

describe('the idempotency key', () => {
  test('is the same whenever the same event is run again, or the same code goes to the same number', async () => {
    const key = await keyOf(phoneEvent());
    expect(await keyOf(phoneEvent())).toBe(key);
    const elsewhere = { ...phoneEvent(), transaction: { correlation_id: 'c-2' }, request: {} };
    expect(await keyOf(elsewhere)).toBe(key);
  });

  test('differs for another code, number, text, sender, kind of message or tenant', async () => {
    const events = [
      phoneEvent(),
      phoneEvent({ code: '417094', as_text: 'Your code is 417094' }),
      phoneEvent({ code: '417094' }),
      phoneEvent({ recipient: '+4915112345679' }),
      phoneEvent({ as_text: `Ihr Code ist ${code}` }),
      phoneEvent({ message_type: 'otp_enroll' }),
      phoneEvent({ from: '+12025550123' }),
      { ...phoneEvent(), tenant: { id: 'example-dev' } },
    ];
    const keys = new Set(await Promise.all(events.map((event) => keyOf(event))));
    expect(keys.size).toBe(events.length);
  });

  test('of a message without a code, it tells one occasion from the next', async () => {
    const notice = {
      code: undefined,
      as_text: 'Your account is blocked',
      message_type: 'blocked_account',
    };
    const key = await keyOf(phoneEvent(notice));
    expect(await keyOf(phoneEvent(notice))).toBe(key);
    expect(await keyOf({ ...phoneEvent(notice), transaction: { correlation_id: 'c-2' } })).not.toBe(
      key,
    );
    expect(await keyOf({ ...phoneEvent(notice), transaction: {} })).not.toBe(key);
  });

  test('cannot be worked out from a guessed code by who lacks the secret', async () => {
    const key = await keyOf(phoneEvent());
    expect(key).toMatch(/^[\w-]{43}$/);
    const other = { ...phoneEvent(), secrets: { SIMGATE_SECRET: `${secret}!` } };
    expect(await keyOf(other)).not.toBe(key);
  });
});

describe('the source', () => {
  const root = join(import.meta.dirname, '../../..');

  test.each([
    [
      '@biomejs/biome/bin/biome',
      ['check', '--vcs-enabled=false', `--config-path=${join(root, 'biome.json')}`],
    ],
    ['oxlint/bin/oxlint', ['--deny-warnings', '--config', join(root, '.oxlintrc.json')]],
  ])('is clean by %s and the rules of the project', (program, args) => {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-action-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(
      join(folder, 'action.cjs'),
      actionSource(optionsFor('https://sms.example.com/sms')),
    );
    const run = spawnSync(
      process.execPath,
      [join(root, 'node_modules', program), ...args, 'action.cjs'],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    );
    expect(`${run.stdout}${run.stderr}`).toMatch(/Checked 1 file|on 1 file/);
    expect(run.status, `${run.stdout}${run.stderr}`).toBe(0);
  });

  test('holds whatever the configuration has as it is', () => {
    const awkward = fc.string({ unit: fc.constantFrom(...Array.from('\'"\\\n\r\u2028`{$}/*a')) });
    const texts = fc.oneof(fc.string({ unit: 'binary' }), awkward);
    fc.assert(
      fc.property(
        texts,
        texts,
        texts,
        fc.boolean(),
        (gatewayUrl, subject, audience, secretBase64Encoded) => {
          const options = { gatewayUrl, subject, audience, secretBase64Encoded };
          const names =
            '{ gatewayUrl, subject, audience, secretBase64Encoded: secretIsBase64Encoded }';
          const exports: { settings?: typeof options } = {};
          const require = () => ({});
          runInNewContext(`${actionSource(options)};exports.settings = ${names};`, {
            exports,
            require,
          });
          expect({ ...exports.settings }).toEqual(options);
        },
      ),
    );
  });
});
