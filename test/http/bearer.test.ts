import { generateKeyPairSync } from 'node:crypto';
import { base64url, CompactSign, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { mintToken } from '../../src/secret/token.js';
import {
  audience,
  json,
  post,
  secret,
  startGateway,
  subject,
  validToken,
} from './support/gateway.js';

const nowS = () => Math.floor(Date.now() / 1000);

/** A token with these claims and no others. */
function sign(claims: JWTPayload, key: Uint8Array = secret, alg = 'HS256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
}

const good = { sub: subject, aud: audience };

async function answerTo(token: string, options: Parameters<typeof startGateway>[0] = {}) {
  const gateway = await startGateway(options);
  const response = await post(gateway, { token });
  const { code } = await json(response);
  return { status: response.status, code, gateway, refusal: gateway.record.of('token_refused')[0] };
}

describe('a token is taken', () => {
  it.each([
    ['with sub and aud alone, as Auth0 may send it', good],
    ['with an audience list that holds ours', { ...good, aud: ['urn:Other', audience] }],
    ['that expired within the tolerance', { ...good, exp: nowS() - 20 }],
    ['that begins within the tolerance', { ...good, nbf: nowS() + 20 }],
    ['of any age while none is configured', { ...good, iat: nowS() - 10_000_000 }],
    [
      'with claims that nobody asked for',
      { ...good, iss: 'https://tenant.auth0.com/', jti: 'x', extra: { a: 1 } },
    ],
  ])('%s', async (_title, claims) => {
    expect(await answerTo(await sign(claims))).toMatchObject({ status: 200 });
  });

  it('signed with the secret before the last rotation', async () => {
    const previous = Buffer.from('the-secret-before-0123456789-0123456789');
    expect(await answerTo(await sign(good, previous), { previous })).toMatchObject({ status: 200 });
    expect(await answerTo(await sign(good), { previous })).toMatchObject({ status: 200 });
  });

  it('that is younger than the configured age, and not one that is older or has none', async () => {
    const maxTokenAgeMs = 60_000;
    expect(await answerTo(await sign({ ...good, iat: nowS() }), { maxTokenAgeMs })).toMatchObject({
      status: 200,
    });
    const old = await answerTo(await sign({ ...good, iat: nowS() - 600 }), { maxTokenAgeMs });
    expect(old).toMatchObject({ status: 401, code: 'token_expired', refusal: { check: 'iat' } });
    const none = await answerTo(await sign(good), { maxTokenAgeMs });
    expect(none).toMatchObject({ status: 401, code: 'token_invalid', refusal: { check: 'iat' } });
  });

  it('that is in time by the clock as it was before it leapt ahead, and no other', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    onTestFinished(() => void vi.useRealTimers());
    const trueMs = Date.now();
    const claims = { ...good, iat: nowS(), nbf: nowS(), exp: nowS() + 300 };
    const [inTime, expired] = [await sign(claims), await sign({ ...claims, exp: nowS() - 300 })];
    vi.setSystemTime(trueMs + 400 * 86_400_000);
    const options = { maxTokenAgeMs: 600_000, beforeLeap: () => trueMs };
    expect(await answerTo(inTime, options)).toMatchObject({ status: 200 });
    expect(await answerTo(expired, options)).toMatchObject({ status: 401, code: 'token_expired' });
    expect(await answerTo(inTime, { maxTokenAgeMs: 600_000 })).toMatchObject({ status: 401 });
  });

  it('whatever the case of the scheme', async () => {
    const gateway = await startGateway();
    const token = await validToken();
    const response = await post(gateway, {
      token: null,
      headers: { authorization: `bEARER ${token}` },
    });
    expect(response.status).toBe(200);
  });

  it('gives the name of its caller to dispatch', async () => {
    const gateway = await startGateway();
    await post(gateway);
    expect(gateway.sent[0]?.message.caller).toBe('auth0');
  });
});

describe('a token is refused', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

  it.each<[string, () => string | Promise<string>, string, string]>([
    ['with another sub', () => sign({ ...good, sub: 'urn:Other' }), 'token_invalid', 'sub'],
    ['without sub', () => sign({ aud: audience }), 'token_invalid', 'sub'],
    ['with another aud', () => sign({ ...good, aud: 'urn:Other' }), 'token_invalid', 'aud'],
    [
      'with an audience list without ours',
      () => sign({ ...good, aud: ['urn:Other'] }),
      'token_invalid',
      'aud',
    ],
    ['that expired', () => sign({ ...good, exp: nowS() - 120 }), 'token_expired', 'exp'],
    [
      'with an exp that is no number',
      () => sign({ ...good, exp: 'soon' as never }),
      'token_invalid',
      'exp',
    ],
    ['that is not valid yet', () => sign({ ...good, nbf: nowS() + 120 }), 'token_invalid', 'nbf'],
    [
      'signed with another secret',
      () => sign(good, Buffer.alloc(32, 1)),
      'token_invalid',
      'signature',
    ],
    [
      'whose payload was changed',
      async () => tamper(await sign(good)),
      'token_invalid',
      'signature',
    ],
    ['with alg none', () => new UnsecuredJWT(good).encode(), 'token_invalid', 'alg'],
    [
      'with alg none and a signature',
      () => `${part({ alg: 'none' })}.${part(good)}.AAAA`,
      'token_invalid',
      'alg',
    ],
    ['signed with HS512', () => sign(good, Buffer.alloc(64, 1), 'HS512'), 'token_invalid', 'alg'],
    [
      'signed with RS256',
      () => new SignJWT(good).setProtectedHeader({ alg: 'RS256' }).sign(rsa.privateKey),
      'token_invalid',
      'alg',
    ],
    [
      'whose payload is no JSON object',
      () => new CompactSign(Buffer.from('[]')).setProtectedHeader({ alg: 'HS256' }).sign(secret),
      'token_invalid',
      'form',
    ],
    ['that is no JWT', () => 'MyStaticBearerToken', 'token_invalid', 'form'],
    ['with a space in it', () => 'a.b.c d', 'token_invalid', 'form'],
  ])('%s', async (_title, make, code, check) => {
    const { gateway, ...answer } = await answerTo(await make());
    expect(answer).toMatchObject({ status: 401, code, refusal: { level: 'warn', code, check } });
    expect(gateway.sent).toEqual([]);
  });

  it('with the public RSA key as the HMAC secret', async () => {
    const spki = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const token = await sign(good, Buffer.from(spki));
    expect(await answerTo(token)).toMatchObject({ status: 401, code: 'token_invalid' });
  });

  it.each(['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer ', 'Token abc'])(
    'as missing when the header says %j',
    async (header) => {
      const gateway = await startGateway();
      const response = await post(gateway, { token: null, headers: { authorization: header } });
      expect(response.status).toBe(401);
      expect(await json(response)).toMatchObject({ code: 'token_missing' });
    },
  );
});

describe('the log of a refused token', () => {
  it('says what the claim is and what was expected', async () => {
    const { refusal } = await answerTo(
      await sign({ ...good, sub: 'urn:Other', iss: 'https://t.auth0.com/' }),
    );
    expect(refusal?.message).toBe('refused a token: sub is "urn:Other", expected "urn:Auth0"');
    expect(refusal?.claims).toEqual({
      sub: '"urn:Other"',
      aud: `"${audience}"`,
      iss: '"https://t.auth0.com/"',
    });
  });

  it('names the claim, and not the other key, while two secrets are valid', async () => {
    const previous = Buffer.alloc(32, 1);
    const { refusal } = await answerTo(await sign({ ...good, sub: 'urn:Other' }), { previous });
    expect(refusal).toMatchObject({ check: 'sub' });
  });

  it('asks about base64 when the signature does not match', async () => {
    const { refusal } = await answerTo(
      await sign(good, base64url.decode(secret.toString('base64url').slice(0, 40))),
    );
    expect(refusal?.message).toBe(
      'refused a token: the signature does not match: is secret_base64_encoded right?',
    );
  });

  it('never holds the token, its signature or the secret', async () => {
    const token = await sign({ ...good, sub: 'urn:Other' });
    const { gateway } = await answerTo(token);
    for (const piece of [token, ...token.split('.'), secret.toString()]) {
      expect(gateway.record.text).not.toContain(piece);
    }
  });

  it('cuts long claims and escapes what would steer a terminal', async () => {
    const { refusal, gateway } = await answerTo(
      await sign({ ...good, sub: `\u001b[2J\u009b${'x'.repeat(5000)}` }),
    );
    const claims = refusal?.claims as Record<string, string>;
    expect(claims.sub).toHaveLength(128);
    expect(gateway.record.text).not.toMatch(/[\u001b\u009b]/);
  });

  it('is bounded: ten lines for a hundred tokens', async () => {
    const gateway = await startGateway();
    const token = await sign({ ...good, aud: 'urn:Other' });
    await Promise.all(
      Array.from({ length: 100 }, async () => (await post(gateway, { token })).text()),
    );
    expect(gateway.record.of('token_refused')).toHaveLength(10);
  });
});

describe('mintToken', () => {
  it('refuses a life that is no whole number of seconds', async () => {
    for (const expiresInS of [0, -1, 1.5, Number.NaN]) {
      await expect(mintToken({ secret, subject, audience, expiresInS })).rejects.toThrow(
        RangeError,
      );
    }
  });
});

function part(json: unknown): string {
  return base64url.encode(JSON.stringify(json));
}

/** The same token with one character of its payload changed. */
function tamper(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload;
  return `${header}.${part({ ...claims, exp: nowS() + 3600 })}.${signature}`;
}
