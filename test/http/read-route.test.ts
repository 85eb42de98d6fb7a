import { describe, expect, it } from 'vitest';
import type { KnownMessage } from '../../src/http/read-route.js';
import { mintToken } from '../../src/secret/token.js';
import {
  audience,
  type GatewayOptions,
  json,
  read,
  secret,
  startGateway,
  subject,
  validToken,
} from './support/gateway.js';

const id = '3f8e1c52-7a4b-4d0e-9c66-2b1f5a7d9e30';
const another = '3f8e1c52-7a4b-4d0e-9c66-2b1f5a7d9e31';
const known: KnownMessage = { standing: 'sent', atMs: 1_700_000_000_000, submitted: 'yes' };

/** A gateway that knows one message of the one caller. */
const start = (options: GatewayOptions = {}) =>
  startGateway({
    find: async (asked, caller) => (asked === id && caller === 'auth0' ? known : undefined),
    ...options,
  });

/** An hour too old by any leeway. */
const oldToken = () =>
  mintToken({
    secret,
    subject,
    audience,
    expiresInS: 1,
    nowS: Math.floor(Date.now() / 1000) - 3600,
  });
const forgedToken = () =>
  mintToken({ secret: Buffer.from(secret).reverse(), subject, audience, expiresInS: 300 });
const anothersToken = () => mintToken({ secret, subject: 'x', audience, expiresInS: 300 });

async function told(options: GatewayOptions, asked: string, token: string) {
  const answer = await read(await start(options), asked, token);
  const { code, state, submitted } = await json(answer);
  return { status: answer.status, said: code ?? state, submitted };
}

describe('GET /sms/{id}', () => {
  it('tells who has a token in time, and is 401 to an old one, 404 where there is none', async () => {
    const sent = { status: 200, said: 'sent', submitted: 'yes' };
    expect(await told({}, id, await validToken())).toEqual(sent);
    expect(await told({}, id, await oldToken())).toMatchObject({
      status: 401,
      said: 'token_expired',
    });
    expect(await told({}, another, await validToken())).toMatchObject({ status: 404 });
  });
});

describe('GET /sms/{id} while the clock is not set', () => {
  const unset = { clockIsSet: () => false };

  it.each([
    ['in time', validToken],
    ['old', oldToken],
  ])('tells who has a token that is %s, as a repeat is told', async (_name, token) => {
    expect(await told(unset, id, await token())).toEqual({
      status: 200,
      said: 'sent',
      submitted: 'yes',
    });
  });

  it('is 503 clock_unset to all others, and does not tell whether their proof would do', async () => {
    const refused = { status: 503, said: 'clock_unset', submitted: 'no' };
    const asked = [
      [another, await validToken()],
      ['no-uuid', await validToken()],
      [id, await forgedToken()],
      [id, await anothersToken()],
      [another, await forgedToken()],
      [id, 'none'],
    ] as const;
    for (const [which, token] of asked) expect(await told(unset, which, token)).toEqual(refused);
  });

  it('is 503 shutting_down while it stops, to all', async () => {
    const stopping = { ...unset, isShuttingDown: () => true };
    for (const token of [await validToken(), await forgedToken()])
      expect(await told(stopping, id, token)).toMatchObject({ status: 503, said: 'shutting_down' });
  });

  it('tells nobody by a token that was not judged, where the clock is set meanwhile', async () => {
    let isSet = false;
    const options: GatewayOptions = {
      clockIsSet: () => isSet,
      find: () => {
        isSet = true;
        return Promise.resolve(undefined);
      },
    };
    expect(await told(options, another, await oldToken())).toMatchObject({
      status: 503,
      said: 'clock_unset',
    });
  });
});
