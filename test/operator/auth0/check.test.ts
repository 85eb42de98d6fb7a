import { afterEach, expect, it } from 'vitest';
import { management, twilioConnection } from './stand-in.js';
import { Desk, gatewayUrl, secret } from './support/desk.js';

let desk: Desk | undefined;
afterEach(async () => {
  await desk?.close();
  desk = undefined;
  process.exitCode = undefined;
});

async function setUpDesk(): Promise<Desk> {
  desk = await Desk.open({ withDaemon: true });
  await desk.run('setup', '--gateway-url', gatewayUrl, '--yes');
  return desk;
}

/** What is not well, as `level check`. */
async function wrongs(at: Desk, ...flags: string[]): Promise<string[]> {
  const { findings } = JSON.parse(await at.run('check', '--json', ...flags)) as {
    findings: { level: string; check: string }[];
  };
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check }) => `${level} ${check}`);
}

it('finds nothing wrong after setup, and changes nothing', async () => {
  const at = await setUpDesk();
  const writes = at.auth0.writes.length;
  expect(await wrongs(at)).toEqual([]);
  expect(process.exitCode).toBeUndefined();
  const said = await at.run('check');
  expect(said).toContain('the secret at Auth0 is the one here');
  expect(said).toContain('the running daemon holds this secret');
  for (const hidden of [secret, management.token]) expect(said).not.toContain(hidden);
  expect(at.auth0.writes).toHaveLength(writes);
});

const authentication = (change: object) => (at: Desk) =>
  Object.assign(at.auth0.connections[0]!.options.gateway_authentication as object, change);
const options = (change: object) => (at: Desk) =>
  Object.assign(at.auth0.connections[0]!.options, change);

it.each<[string, (at: Desk) => unknown, string[]]>([
  ['another audience', authentication({ audience: 'urn:Other' }), ['error auth0_audience']],
  ['another subject', authentication({ subject: 'urn:Other' }), ['error auth0_subject']],
  ['another secret', authentication({ secret: 'x'.repeat(32) }), ['error auth0_secret']],
  [
    'the other encoding',
    authentication({ secret_base64_encoded: true }),
    ['error auth0_secret_base64_encoded'],
  ],
  ['no authentication', options({ gateway_authentication: null }), ['error auth0_token']],
  ['Twilio still', (at) => (at.auth0.connections = [twilioConnection()]), ['error auth0_provider']],
  [
    'no address of the client',
    options({ forward_req_info: false }),
    ['warning auth0_forward_req_info'],
  ],
  ['a long template', options({ template: 'x'.repeat(161) }), ['warning auth0_template']],
  ['a template too long', options({ template: 'x'.repeat(600) }), ['error auth0_template']],
  [
    'a plain URL',
    options({ gateway_url: 'http://sms.example.com/sms' }),
    ['warning auth0_gateway_url'],
  ],
  [
    'the unified experience meanwhile',
    (at) => at.auth0.moveToUnified(),
    ['error auth0_experience', 'error auth0_action'],
  ],
  [
    'the flag of the unified experience, with a gateway that may go on sending',
    (at) => (at.auth0.phoneFlag = true),
    ['warning auth0_experience'],
  ],
  [
    'another secret in the daemon',
    (at) => (at.daemon.current = 'y'.repeat(32)),
    ['error auth0_daemon'],
  ],
  ['no daemon', (at) => at.daemon.stop(), ['warning auth0_daemon']],
])('tells %s', async (_what, spoil, expected) => {
  const at = await setUpDesk();
  for (const what of ['actions', 'phone_providers']) at.auth0.scopes.add(`read:${what}`);
  await spoil(at);
  expect(await wrongs(at)).toEqual(expect.arrayContaining(expected));
  expect(process.exitCode).toBe(expected.some((one) => one.startsWith('error')) ? 1 : undefined);
});

it.each([
  [401, 'token_invalid', 'error auth0_gateway'],
  [404, undefined, 'error auth0_gateway'],
  [200, undefined, 'error auth0_gateway'],
  [502, undefined, 'error auth0_gateway'],
  [503, 'clock_unset', 'error auth0_gateway'],
])('tells a gateway that answers %i %s', async (status, code, expected) => {
  const at = await setUpDesk();
  at.gateway = () => Response.json({ code }, { status });
  expect(await wrongs(at)).toEqual([expected]);
});

it('only warns when this machine cannot reach its own public name', async () => {
  const at = await setUpDesk();
  at.gateway = () => {
    throw new TypeError('fetch failed', {
      cause: Object.assign(new Error('x'), { code: 'ETIMEDOUT' }),
    });
  };
  expect(await wrongs(at)).toEqual(['warning auth0_gateway']);
});

it('does not claim to know a secret that Auth0 does not show', async () => {
  const at = await setUpDesk();
  at.auth0.showsSecrets = false;
  expect(await at.run('check')).toContain('Auth0 does not show the secret');
  expect(await wrongs(at)).toEqual([]);
});

it('checks the Action and the phone templates in the unified experience', async () => {
  desk = await Desk.open({ withDaemon: true });
  const at = desk;
  at.auth0.moveToUnified();
  await at.run('setup', '--gateway-url', gatewayUrl, '--deploy', '--yes');
  expect(await wrongs(at)).toEqual([]);
  const template = (text: string, disabled = false) => ({
    type: 'otp_verify',
    disabled,
    content: { body: { text } },
  });
  at.auth0.phoneTemplates = [template('x'.repeat(200)), template('x'.repeat(900), true)];
  expect(await wrongs(at)).toEqual(['warning auth0_template']);
  expect(await wrongs(at, '--gateway-url', 'https://other.example.com/sms')).toContain(
    'error auth0_action',
  );
});
