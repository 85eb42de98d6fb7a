import { SignJWT } from 'jose';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BearerSecrets, createBearerVerifier } from '../../src/http/bearer.js';
import { mintToken } from '../../src/secret/token.js';
import { audience, subject } from './support/gateway.js';

const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const expected = { subject, audience, clockToleranceMs: 30_000, maxTokenAgeMs: undefined };

async function verifierOf(secrets: BearerSecrets) {
  const clock = { nowMs: 1_000 };
  const verifier = await createBearerVerifier({
    secrets,
    expected,
    wallNow: () => clock.nowMs,
  });
  const present = async (secret: Uint8Array, claims = { subject, audience }) =>
    verifier(`Bearer ${await mintToken({ secret, ...claims, expiresInS: 60 })}`);
  return { verifier, clock, present };
}

describe('secrets that are replaced while the daemon runs', () => {
  it('count from then on, and the old one no longer', async () => {
    const { verifier, present } = await verifierOf({ current: first });
    await expect(present(second)).rejects.toMatchObject({ code: 'token_invalid' });
    await verifier.replace({ current: second }, expected);
    await expect(present(second)).resolves.toEqual({});
    await expect(present(first)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  it('bring the claims along that are expected', async () => {
    const { verifier, present } = await verifierOf({ current: first });
    await verifier.replace({ current: first }, { ...expected, audience: 'urn:New' });
    await expect(present(first)).rejects.toMatchObject({ code: 'token_invalid' });
    await expect(present(first, { subject, audience: 'urn:New' })).resolves.toEqual({});
  });

  it('lose no token that is presented meanwhile', async () => {
    const { verifier, present } = await verifierOf({ current: first });
    const presented = Array.from({ length: 50 }, async (_, index) => {
      if (index === 25) await verifier.replace({ current: second, previous: first }, expected);
      return present(first);
    });
    await expect(Promise.all(presented)).resolves.toHaveLength(50);
  });

  it('change nothing when one of them is no key', async () => {
    const { verifier, present } = await verifierOf({ current: first });
    const none = new Uint8Array(0);
    await expect(verifier.replace({ current: second, previous: none }, expected)).rejects.toThrow();
    await expect(present(first)).resolves.toEqual({});
    await expect(present(second)).rejects.toMatchObject({ code: 'token_invalid' });
  });
});

describe('a token that was just taken', () => {
  /** `again` judges the same token once more, so many milliseconds after it was minted. */
  async function taken() {
    const mintedMs = 1_800_000_000_000;
    vi.useFakeTimers({ toFake: ['Date'], now: mintedMs });
    onTestFinished(() => void vi.useRealTimers());
    const { verifier } = await verifierOf({ current: first });
    const token = await mintToken({ secret: first, subject, audience, expiresInS: 60 });
    const again = (afterMs: number) => {
      vi.setSystemTime(mintedMs + afterMs);
      return verifier(`Bearer ${token}`);
    };
    again(0);
    return { verifier, again };
  }

  it('is refused in the very second in which it expires', async () => {
    const { again } = await taken();
    // 60 s of life and 30 s of tolerance.
    expect(again(89_999)).toEqual({});
    expect(() => again(90_000)).toThrow(expect.objectContaining({ code: 'token_expired' }));
  });

  it('is judged anew when its secret, or what it must say, is another', async () => {
    const { verifier, again } = await taken();
    await verifier.replace({ current: first }, { ...expected, audience: 'urn:New' });
    expect(() => again(1)).toThrow(expect.objectContaining({ code: 'token_invalid' }));
    await verifier.replace({ current: first }, expected);
    expect(again(2)).toEqual({});
    await verifier.replace({ current: second }, expected);
    expect(() => again(3)).toThrow(expect.objectContaining({ code: 'token_invalid' }));
  });
});

describe('the last use of a secret', () => {
  it('is told for each, and only of tokens that were taken', async () => {
    const { verifier, clock, present } = await verifierOf({ current: second, previous: first });
    expect(verifier.lastUse()).toEqual({});
    await present(second, { subject: 'urn:Other', audience }).catch(() => undefined);
    expect(verifier.lastUse()).toEqual({});
    await present(first);
    expect(verifier.lastUse()).toEqual({ previous: 1_000 });
    clock.nowMs = 2_000;
    await present(second);
    expect(verifier.lastUse()).toEqual({ current: 2_000, previous: 1_000 });
  });

  it('goes with the secret when it becomes the previous one, and is forgotten with it', async () => {
    const { verifier, present } = await verifierOf({ current: first });
    await present(first);
    await verifier.replace({ current: second, previous: first }, expected);
    expect(verifier.lastUse()).toEqual({ previous: 1_000 });
    await verifier.replace({ current: second }, expected);
    expect(verifier.lastUse()).toEqual({});
    await verifier.replace({ current: first }, expected);
    expect(verifier.lastUse()).toEqual({});
  });
});

it('a token that never expires is told of once', async () => {
  let told = 0;
  const verify = await createBearerVerifier({
    secrets: { current: first },
    expected,
    onEndless: () => {
      told += 1;
    },
  });
  const claims = { sub: subject, aud: audience };
  const endless = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(first);
  for (let i = 0; i < 3; i++) expect(verify(`Bearer ${endless}`)).toEqual({});
  expect(told).toBe(1);
});

it('does not tell of one whose age ends it', async () => {
  let told = 0;
  const verify = await createBearerVerifier({
    secrets: { current: first },
    expected: { ...expected, maxTokenAgeMs: 60_000 },
    onEndless: () => {
      told += 1;
    },
  });
  const young = new SignJWT({ sub: subject, aud: audience }).setIssuedAt();
  const token = await young.setProtectedHeader({ alg: 'HS256' }).sign(first);
  expect([verify(`Bearer ${token}`), told]).toEqual([{}, 0]);
});

it('names the token only where it has a jti and expires', async () => {
  const verify = await createBearerVerifier({ secrets: { current: first }, expected });
  const token = (exp: boolean) => {
    const jwt = new SignJWT({ sub: subject, aud: audience, jti: 'one' });
    return (exp ? jwt.setExpirationTime('1m') : jwt)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(first);
  };
  expect(verify(`Bearer ${await token(true)}`)).toEqual({ tokenId: 'one' });
  expect(verify(`Bearer ${await token(false)}`)).toEqual({});
});
