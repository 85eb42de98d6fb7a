import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { twilioConnection } from './stand-in.js';
import { Desk, gatewayUrl, secret } from './support/desk.js';

let desk: Desk | undefined;
afterEach(async () => {
  await desk?.close();
  desk = undefined;
});

async function setUpDesk(): Promise<Desk> {
  desk = await Desk.open();
  await desk.run('setup', '--gateway-url', gatewayUrl, '--yes');
  return desk;
}

const optionsOf = ({ auth0 }: Desk) => auth0.connections[0]!.options;

it('puts the options back as they were before setup', async () => {
  const at = await setUpDesk();
  const said = await at.run('restore', '--yes');
  expect(optionsOf(at)).toEqual(twilioConnection().options);
  expect(said).toContain('- provider: "sms_gateway"');
  expect(said).toContain('+ twilio_token: (secret)');
  expect(said).not.toContain('twilio-token-of-this-test');
});

it('goes further back when it is run again, and forth again with --file', async () => {
  const at = await setUpDesk();
  const first = structuredClone(optionsOf(at));
  await at.run('setup', '--gateway-url', 'https://sms2.example.com/sms', '--yes');
  await at.run('restore', '--yes');
  expect(optionsOf(at)).toEqual(first);
  await at.run('restore', '--yes');
  expect(optionsOf(at)).toEqual(twilioConnection().options);
  const folder = join(at.stateDir, 'auth0');
  const newest = readdirSync(folder)
    .filter((name) => name.startsWith('options-'))
    .sort()
    .at(-1)!;
  await at.run('restore', '--yes', '--file', join(folder, newest));
  expect(optionsOf(at)).toEqual(first);
});

it('changes nothing with --dry-run, without a yes, and when nothing was saved', async () => {
  const at = await setUpDesk();
  const before = structuredClone(optionsOf(at));
  await at.run('restore', '--dry-run');
  await expect(at.run('restore')).rejects.toThrow('--yes');
  at.answers = ['no'];
  await at.run('restore');
  expect(optionsOf(at)).toEqual(before);
  at.auth0.connections.push(twilioConnection({ id: 'con_2', name: 'sms-2' }));
  await expect(at.run('restore', '--connection', 'sms-2', '--yes')).rejects.toThrow(
    'no options of "sms-2"',
  );
});

it('stops when the present options are not shown: they could not be saved', async () => {
  const at = await setUpDesk();
  at.auth0.scopes.delete('read:connections_options');
  await expect(at.run('restore', '--yes')).rejects.toThrow('read:connections_options');
  expect(at.auth0.writes).toHaveLength(1);
});

it('says which saved file was spoiled, and not what is in it', async () => {
  const at = await setUpDesk();
  const folder = join(at.stateDir, 'auth0');
  const name = readdirSync(folder).find((one) => one.startsWith('options-'))!;
  writeFileSync(join(folder, name), '{"options": {"twilio_token": "hush"');
  await expect(at.run('restore', '--yes')).rejects.toThrow(
    /^(?!.*hush).*is not what simgate wrote/,
  );
});

const secretOf = (options: Record<string, unknown>) =>
  (options.gateway_authentication as { secret: string }).secret;

it('keeps the secret in force after a rotation, and so loses no login', async () => {
  desk = await Desk.open({ withDaemon: true });
  const at = desk;
  await at.run('setup', '--gateway-url', gatewayUrl, '--yes');
  optionsOf(at).template = 'Another text: @@password@@';
  // The set-up before was ours too, with the old secret in what was saved.
  optionsOf(at).forward_req_info = false;
  await at.run('setup', '--gateway-url', gatewayUrl, '--yes');
  at.onWait = () => {
    at.daemon.take(secretOf(optionsOf(at)));
  };
  await at.run('rotate');
  const inForce = secretOf(optionsOf(at));
  expect(inForce).toBe(at.daemon.current);
  expect(inForce).not.toBe(secret);
  const said = await at.run('restore', '--yes');
  expect(said).toContain('The secret stays the one in force');
  expect(optionsOf(at)).toMatchObject({
    forward_req_info: false,
    template: 'Another text: @@password@@',
  });
  expect(secretOf(optionsOf(at))).toBe(inForce);
});

it('keeps the secret in force also under a former URL of this gateway', async () => {
  desk = await Desk.open({ withDaemon: true });
  const at = desk;
  await at.run('setup', '--gateway-url', gatewayUrl, '--yes');
  await at.run('setup', '--gateway-url', 'https://sms2.example.com/sms', '--yes');
  at.onWait = () => {
    at.daemon.take(secretOf(optionsOf(at)));
  };
  await at.run('rotate');
  expect(await at.run('restore', '--yes')).not.toContain('would break');
  expect(optionsOf(at).gateway_url).toBe(gatewayUrl);
  expect(secretOf(optionsOf(at))).toBe(at.daemon.current);
});

it('says what it would break where the saved gateway may be this one, and takes it back all the same', async () => {
  const at = await setUpDesk();
  const elsewhere = structuredClone(optionsOf(at));
  Object.assign(elsewhere, { gateway_url: 'https://gateway.example.org/sms' });
  Object.assign(elsewhere.gateway_authentication as object, { secret: 'x'.repeat(40) });
  at.auth0.connections[0]!.options = elsewhere;
  await at.run('setup', '--gateway-url', gatewayUrl, '--yes');
  const said = await at.run('restore', '--yes');
  expect(said).toContain('it would break every login');
  expect(said).toContain('the secret at Auth0 is another one than here');
  expect(secretOf(optionsOf(at))).toBe('x'.repeat(40));
});

const foreign =
  'exports.onExecuteCustomPhoneProvider = async (event) => { await fetch(event.secrets.URL); };';

/** A tenant in which another's Action and Twilio's provider were replaced. */
async function replacedDesk(): Promise<Desk> {
  desk = await Desk.open();
  const at = desk;
  at.auth0.moveToUnified();
  const url = { name: 'URL', value: 'https://theirs.example.com' };
  at.auth0.unified.addAction('Ours since 2024', foreign, undefined, [url]);
  at.auth0.unified.provider = {
    id: 'pro_9',
    name: 'twilio',
    disabled: false,
    configuration: { delivery_methods: ['text', 'voice'], sid: 'AC1' },
  };
  await at.run('setup', '--gateway-url', gatewayUrl, '--deploy', '--replace', '--yes');
  expect(at.auth0.unified.running?.secrets.map(({ name }) => name)).toEqual(['SIMGATE_SECRET']);
  expect(at.auth0.unified.provider?.configuration.delivery_methods).toEqual(['text', 'voice']);
  return at;
}

it('brings back another’s Action with its secrets, and the phone provider, that --replace has overwritten', async () => {
  const at = await replacedDesk();
  const dry = await at.run('restore', '--dry-run');
  expect(dry).toContain('Action "Ours since 2024" (act-1)');
  await expect(at.run('restore', '--yes')).rejects.toThrow('TWILIO_AUTH_TOKEN');
  expect(at.auth0.unified.provider?.name).toBe('custom');
  at.env.TWILIO_AUTH_TOKEN = 'twilio-token-of-this-test';
  const said = await at.run('restore', '--yes');
  expect(said).not.toContain('twilio-token-of-this-test');
  const [action] = at.auth0.unified.actions;
  expect(action).toMatchObject({
    code: foreign,
    secrets: [{ name: 'URL', value: 'https://theirs.example.com' }],
  });
  expect(action!.deployed).toMatchObject({ code: foreign, secrets: action!.secrets });
  expect(at.auth0.unified.provider).toMatchObject({
    name: 'twilio',
    configuration: { delivery_methods: ['text', 'voice'], sid: 'AC1' },
    credentials: { auth_token: 'twilio-token-of-this-test' },
  });
});

it('brings back the code where Auth0 no longer has the version, and names the secrets that are lost', async () => {
  const at = await replacedDesk();
  at.env.TWILIO_AUTH_TOKEN = 'twilio-token-of-this-test';
  const [action] = at.auth0.unified.actions;
  action!.versions = action!.versions.filter(({ code }) => code !== foreign);
  expect(await at.run('restore', '--yes')).toContain('its secrets (URL) have to be entered again');
  expect(action!.deployed?.code).toBe(foreign);
});

it('stops before it changes anything when the Action of before is gone', async () => {
  const at = await replacedDesk();
  at.env.TWILIO_AUTH_TOKEN = 'twilio-token-of-this-test';
  at.auth0.unified.actions = [];
  await expect(at.run('restore', '--yes')).rejects.toThrow(
    /is not there any more.*Nothing was changed/,
  );
  expect(at.auth0.unified.provider?.name).toBe('custom');
});

it('has nothing to bring back where nothing of another’s was replaced', async () => {
  desk = await Desk.open();
  desk.auth0.moveToUnified();
  await desk.run('setup', '--gateway-url', gatewayUrl, '--deploy', '--yes');
  await expect(desk.run('restore', '--yes')).rejects.toThrow('nothing of another');
});
