import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { base64url, SignJWT } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadConfig, loadSecrets } from '../../src/config/config.js';
import { openStateDir } from '../../src/daemon/state-dir.js';
import { createLog } from '../../src/log.js';
import {
  audience,
  type GatewayOptions,
  json,
  post,
  secret,
  startGateway,
  subject,
} from './support/gateway.js';

const nowS = () => Math.floor(Date.now() / 1000);
const dayS = 86_400;

/**
 * The same claims made by the library that Auth0 itself uses and by the one that we verify with;
 * neither adds any.
 */
const makers = {
  jsonwebtoken: (claims: object, key: Uint8Array) =>
    Promise.resolve(jsonwebtoken.sign(claims, Buffer.from(key), { noTimestamp: true })),
  jose: (claims: object, key: Uint8Array) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(key),
};

const ours = { sub: subject, aud: audience };

async function answerTo(token: string, options: GatewayOptions = {}) {
  const gateway = await startGateway(options);
  const response = await post(gateway, { token });
  const { code } = await json(response);
  const { check } = gateway.record.of('token_refused')[0] ?? {};
  return { status: response.status, code, check, sent: gateway.sent.length };
}

const taken = { status: 200, code: undefined, check: undefined, sent: 1 };
const refused = (check: string, code = 'token_invalid') => ({ status: 401, code, check, sent: 0 });

describe.each(Object.entries(makers))('a token made by %s', (_maker, sign) => {
  it.each([
    ['as Auth0 would make it', () => ({ ...ours, iat: nowS() })],
    ['with a life', () => ({ ...ours, iat: nowS(), exp: nowS() + 60 })],
    ['with an audience list', () => ({ ...ours, aud: ['urn:Other', audience] })],
    ['from the future, while no age is configured', () => ({ ...ours, iat: nowS() + 2 * dayS })],
  ])('%s is taken', async (_title, claims) => {
    expect(await answerTo(await sign(claims(), secret))).toEqual(taken);
  });

  it.each<[string, () => object, ReturnType<typeof refused>]>([
    ['for another subject', () => ({ ...ours, sub: 'urn:Auth1' }), refused('sub')],
    ['for a subject in other letters', () => ({ ...ours, sub: 'URN:AUTH0' }), refused('sub')],
    ['for another audience', () => ({ ...ours, aud: `${audience} ` }), refused('aud')],
    ['for an audience list without us', () => ({ ...ours, aud: ['urn:Other'] }), refused('aud')],
    ['for an empty audience list', () => ({ ...ours, aud: [] }), refused('aud')],
    ['that expired', () => ({ ...ours, exp: nowS() - 60 }), refused('exp', 'token_expired')],
    [
      'that expired two days ago',
      () => ({ ...ours, exp: nowS() - 2 * dayS }),
      refused('exp', 'token_expired'),
    ],
    ['that is not valid before tomorrow', () => ({ ...ours, nbf: nowS() + dayS }), refused('nbf')],
  ])('%s is refused', async (_title, claims, answer) => {
    expect(await answerTo(await sign(claims(), secret))).toEqual(answer);
  });

  it('from the future is refused where an age is configured', async () => {
    const token = await sign({ ...ours, iat: nowS() + 120 }, secret);
    expect(await answerTo(token, { maxTokenAgeMs: 300_000 })).toEqual(refused('iat'));
  });

  it.each([0, 1, 2])('is refused when part %i of it is that of another', async (part) => {
    const [own, other] = await Promise.all([
      sign({ ...ours, jti: 'a' }, secret),
      sign({ ...ours, jti: 'b', exp: nowS() + 60 }, Buffer.alloc(32, 1)),
    ]);
    const parts = own.split('.');
    const foreign =
      part === 0 ? base64url.encode('{"alg":"HS256","x":1}') : other.split('.')[part]!;
    expect(await answerTo(parts.with(part, foreign).join('.'))).toEqual(refused('signature'));
  });

  it('is taken by either secret while they are rotated, and by no third', async () => {
    const previous = Buffer.from('the-secret-before-0123456789-0123456789');
    expect(await answerTo(await sign(ours, secret), { previous })).toEqual(taken);
    expect(await answerTo(await sign(ours, previous), { previous })).toEqual(taken);
    const third = await sign(ours, Buffer.alloc(32, 3));
    expect(await answerTo(third, { previous })).toEqual(refused('signature'));
    expect(await answerTo(await sign({ ...ours, exp: 1 }, previous), { previous })).toEqual(
      refused('exp', 'token_expired'),
    );
  });
});

describe('a token by jsonwebtoken', () => {
  const rsa = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

  it.each<[string, () => string]>([
    ['with alg none', () => jsonwebtoken.sign(ours, '', { algorithm: 'none' })],
    ['signed by RS256', () => jsonwebtoken.sign(ours, rsa.privateKey, { algorithm: 'RS256' })],
    [
      'signed by HS384 with our own secret',
      () => jsonwebtoken.sign(ours, secret, { algorithm: 'HS384' }),
    ],
    [
      'signed by HS512 with our own secret',
      () => jsonwebtoken.sign(ours, secret, { algorithm: 'HS512' }),
    ],
  ])('%s is refused', async (_title, make) => {
    expect(await answerTo(make())).toEqual(refused('alg'));
  });

  it('that calls itself RS256, with our secret as its HMAC key, is refused', async () => {
    const [, payload, signature] = jsonwebtoken.sign(ours, secret).split('.');
    const header = base64url.encode('{"alg":"RS256","typ":"JWT"}');
    expect(await answerTo(`${header}.${payload}.${signature}`)).toEqual(refused('alg'));
  });
});

describe('the key, where Auth0 has secret_base64_encoded', () => {
  // Chosen so that both alphabets differ and padding is needed.
  const key = Buffer.from(Array.from({ length: 40 }, (_, index) => (index * 47 + 251) % 256));

  it.each([
    ['base64url', key.toString('base64url')],
    ['base64url with padding', `${key.toString('base64url')}==`],
    ['the alphabet with + and /, padded', key.toString('base64')],
    ['the alphabet with + and /, not padded', key.toString('base64').replace(/=+$/, '')],
  ])('is what is meant by %s', async (_title, spelled) => {
    const directory = mkdtempSync(join(tmpdir(), 'simgate-tokens-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'secret'), `${spelled}\n`, { mode: 0o600 });
    const file = join(directory, 'simgate.toml');
    writeFileSync(
      file,
      `policy.countries = ["*"]\n[auth0]\nsubject = "${subject}"\naudience = "${audience}"\nsecret_file = "secret"\n` +
        'secret_base64_encoded = true\n[[modem]]\nname = "main"\ndevice = "/dev/ttyUSB0"\n',
    );
    const { current } = loadSecrets(loadConfig(file, {}), {}).get('auth0')!;
    expect(await answerTo(jsonwebtoken.sign(ours, key), { current })).toEqual(taken);
    expect(await answerTo(jsonwebtoken.sign(ours, spelled), { current })).toEqual(
      refused('signature'),
    );
  });
});

describe('a clock two days behind', () => {
  it('is told as 503 clock_unset whatever the token, and never as 401', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'simgate-clock-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    // Half a year ahead of the test's own clock, as after a run of the daemon then.
    const trueNowMs = Date.now() + 180 * dayS * 1000;
    writeFileSync(join(directory, 'clock'), '');
    utimesSync(join(directory, 'clock'), new Date(trueNowMs), new Date(trueNowMs));
    vi.useFakeTimers({ toFake: ['Date'], now: trueNowMs - 2 * dayS * 1000 });
    onTestFinished(() => void vi.useRealTimers());
    const log = createLog({ level: 'error', format: 'json', stream: new PassThrough() });
    const stateDir = await openStateDir(directory, {
      log,
      isSynchronised: () => Promise.resolve(undefined),
    });
    onTestFinished(() => stateDir.release());
    const options = { clockIsSet: () => stateDir.clock.isSet(), maxTokenAgeMs: 600_000 };
    const iat = Math.floor(trueNowMs / 1000);
    const good = jsonwebtoken.sign({ ...ours, iat, nbf: iat, exp: iat + 300 }, secret);
    const unset = { status: 503, code: 'clock_unset', check: undefined, sent: 0 };
    expect(await answerTo(good, options)).toEqual(unset);
    expect(await answerTo('forged', options)).toEqual(unset);
    vi.setSystemTime(trueNowMs);
    expect(await answerTo(good, options)).toEqual(taken);
    expect(await answerTo('forged', options)).toEqual(refused('form'));
  });
});
