import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { credentialFor } from '../../src/cli/credential.js';
import { type CallerKind, callerKindNames } from '../../src/config/caller-kinds.js';
import { loadConfig, loadSecrets } from '../../src/config/config.js';
import { createBearerVerifier } from '../../src/http/bearer.js';
import { type Caller, Unproven } from '../../src/http/callers/caller.js';
import { callerKinds } from '../../src/http/callers/kinds.js';

const secret = 'the-secret-of-this-test-run-0123456789abcdef';
const supabaseSecret = 'v1,whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-credential-'));
  writeFileSync(join(folder, 'secret'), `${secret}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'supabase'), `${supabaseSecret}\n`, { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A configuration with a caller of each of these kinds, of that name. */
function read(...kinds: readonly CallerKind[]) {
  const file = join(folder, 'simgate.toml');
  const callers = kinds.map(
    (kind) => `[[caller]]
name = "${kind}"
kind = "${kind}"
path = "/${kind}"
secret_file = "${kind === 'supabase' ? kind : 'secret'}"
subject = "shop"
audience = "sms"
template = "{code}"
recipients = ["+4915112345678"]
`,
  );
  writeFileSync(
    file,
    `${callers.join('')}[policy]\ncountries = ["DE"]\n[[modem]]\nname = "main"\ndevice = "auto"\n`,
  );
  const config = loadConfig(file, {});
  return { config, secrets: loadSecrets(config, {}) };
}

const expiresIn = 60;

function tokenOf(kinds: readonly CallerKind[], caller?: string): Promise<string> {
  const { config, secrets } = read(...kinds);
  return credentialFor(config, secrets, { ...(caller && { caller }), expiresIn });
}

/** What serves a caller of that kind. */
async function served(kind: CallerKind): Promise<Caller> {
  const { config, secrets } = read(kind);
  const { name, path, username, header } = config.callers[0]!;
  return callerKinds[kind]({
    name,
    path,
    username,
    header,
    secrets: () => [secrets.get(name)!.current],
    now: () => [Date.now()],
    templates: () => ({ template: '{code}', byOccasion: new Map(), webotpHost: undefined }),
    recipients: () => [],
    maxSegments: () => 1,
    verify: await createBearerVerifier({
      secrets: secrets.get(name)!,
      expected: { ...config.callers[0]!, subject: 'shop', audience: 'sms' },
    }),
  });
}

it.each<[CallerKind, (token: string) => Record<string, string>]>([
  ['auth0', (token) => ({ authorization: `Bearer ${token}` })],
  ['bearer', (token) => ({ authorization: `Bearer ${token}` })],
  ['alerts', (token) => ({ authorization: `Bearer ${token}` })],
  ['basic', (token) => ({ authorization: `Basic ${token}` })],
  ['logto', (token) => ({ authorization: `Bearer ${token}` })],
  ['header', (token) => ({ 'x-api-key': token })],
  ['uptime_kuma', (token) => ({ 'x-api-key': token })],
])('what is shown for the kind %s is what it has to send', async (kind, headersOf) => {
  const caller = await served(kind);
  const proof = async (token: string) => caller.prove({ headers: headersOf(token) }, undefined);
  const token = await tokenOf([kind]);
  await expect(proof(token)).resolves.toBeDefined();
  await expect(proof(`${token.slice(0, -3)}xyz`)).rejects.toThrow(Unproven);
});

it.each(['supabase', 'zitadel', 'authgear'] as const)(
  'the kind %s signs each request, so there is nothing to show',
  async (kind) => {
    await expect(tokenOf([kind])).rejects.toThrow(
      `caller "${kind}" signs each request (kind ${kind}): there is no token to show`,
    );
  },
);

it('every kind has a token, or says why it has none', async () => {
  const shown = callerKindNames.map((kind) =>
    tokenOf([kind]).then(
      (token) => token.length > 0,
      (error: Error) => error.message.includes('signs each request'),
    ),
  );
  expect(await Promise.all(shown)).toEqual(callerKindNames.map(() => true));
});

it('a token of the kind auth0 has the subject and audience of its caller, and lives as long as said', async () => {
  const [head, body, signature] = (await tokenOf(['auth0', 'bearer'], 'auth0')).split('.');
  const claims = JSON.parse(Buffer.from(body!, 'base64url').toString()) as Record<string, number>;
  expect(claims).toMatchObject({ sub: 'shop', aud: 'sms' });
  expect(claims.exp! - claims.iat!).toBe(expiresIn);
  expect(createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')).toBe(
    signature,
  );
});

it('of several callers one has to be named, and those that there are are', async () => {
  await expect(tokenOf(['bearer', 'basic'])).rejects.toThrow(
    /has several callers: name one with --caller \(bearer, basic\)/,
  );
  await expect(tokenOf(['bearer', 'basic'], 'other')).rejects.toThrow(
    /has no caller "other": there is bearer, basic/,
  );
  await expect(tokenOf(['bearer'], 'other')).rejects.toThrow('has no caller "other"');
  expect(await tokenOf(['bearer', 'basic'], 'bearer')).toBe(secret);
});
