import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import { afterEach, expect, it } from 'vitest';
import { management, twilioConnection } from './stand-in.js';
import { Desk, gatewayUrl, secret } from './support/desk.js';

let desk: Desk | undefined;
afterEach(async () => {
  await desk?.close();
  desk = undefined;
});

const setup = ['setup', '--gateway-url', gatewayUrl];

const gatewayAuthentication = {
  method: 'bearer',
  subject: 'urn:Auth0',
  audience: 'urn:MySmsGateway',
  secret,
  secret_base64_encoded: false,
};

function savedFiles({ stateDir }: Desk): string[] {
  const folder = join(stateDir, 'auth0');
  return existsSync(folder)
    ? readdirSync(folder).filter((name) => name.startsWith('options-'))
    : [];
}

it('sends the whole options, Twilio out and the gateway in, and nothing else of the connection', async () => {
  desk = await Desk.open();
  const { template, totp, from } = twilioConnection().options;
  const said = await desk.run(...setup, '--yes');
  expect(desk.auth0.writes).toMatchObject([
    { method: 'PATCH', path: '/api/v2/connections/con_UX85K7K0N86INi9U' },
  ]);
  expect(desk.auth0.writes[0]!.body).toEqual({
    options: {
      disable_signup: true,
      name: 'sms',
      from,
      syntax: 'md_with_macros',
      template,
      totp,
      brute_force_protection: true,
      provider: 'sms_gateway',
      gateway_url: gatewayUrl,
      forward_req_info: true,
      gateway_authentication: gatewayAuthentication,
    },
  });
  expect(desk.auth0.connections[0]).toMatchObject({
    enabled_clients: ['spa-of-this-test'],
    realms: ['sms'],
  });
  expect(said).toContain('legacy gateway');
  expect(said).toContain('sure');
  expect(said).toContain('reads back as sent');
});

it('shows what would change with secrets masked, and never says one', async () => {
  desk = await Desk.open();
  const said = await desk.run(...setup, '--dry-run');
  expect(said).toContain('- twilio_token: (secret)');
  expect(said).toContain('+ gateway_authentication.secret: (secret)');
  expect(said).toContain('+ provider: "sms_gateway"');
  expect(said).toContain(
    'kept: brute_force_protection, disable_signup, from, name, syntax, template, totp.length',
  );
  for (const hidden of [secret, 'twilio-token-of-this-test', management.token, '+15555550123'])
    expect(said).not.toContain(hidden);
});

it('changes nothing at Auth0 and makes no file with --dry-run', async () => {
  desk = await Desk.open({ withSecret: false });
  const said = await desk.run(...setup, '--dry-run');
  expect(said).toContain('Nothing was changed');
  expect(desk.auth0.writes).toEqual([]);
  expect(existsSync(desk.secretFile)).toBe(false);
  expect(existsSync(desk.stateDir)).toBe(false);
});

it('begins with no secret that is too short; what has long been set up so goes on', async () => {
  desk = await Desk.open();
  writeFileSync(desk.secretFile, 'half-of-what-it-takes\n');
  await expect(desk.run(...setup, '--yes')).rejects.toThrow(
    `auth0.secret_file: the key has 21 octets; HS256 asks for 32 (RFC 7518 3.2), and no set-up begins with one so short. Remove ${desk.secretFile}, and run this again`,
  );
  expect(desk.auth0.writes).toEqual([]);
  writeFileSync(desk.secretFile, secret);
  await desk.run(...setup, '--yes');
  writeFileSync(desk.secretFile, 'half-of-what-it-takes\n');
  expect(await desk.run(...setup, '--yes')).toContain('reads back as sent');
});

it('saves the old options, for their owner only, before it changes them', async () => {
  desk = await Desk.open();
  desk.auth0.scopes.delete('update:connections_options');
  await expect(desk.run(...setup, '--yes')).rejects.toThrow('grant update:connections_options');
  const [name] = savedFiles(desk);
  const file = join(desk.stateDir, 'auth0', name!);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(desk.stateDir, 'auth0')).mode & 0o777).toBe(0o700);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    options: twilioConnection().options,
  });
  expect(desk.auth0.connections[0]!.options).toEqual(twilioConnection().options);
});

it.each([
  ['are left out', () => desk!.auth0.scopes.delete('read:connections_options')],
  ['are empty', () => (desk!.auth0.connections[0]!.options = {})],
])('stops, changes nothing and names the scope when the options %s', async (_what, spoil) => {
  desk = await Desk.open({ withSecret: false });
  spoil();
  await expect(desk.run(...setup, '--yes')).rejects.toThrow('read:connections_options');
  expect(desk.auth0.writes).toEqual([]);
  expect(existsSync(desk.secretFile)).toBe(false);
});

it('keeps a display name and realms that Auth0 would change if they were left out', async () => {
  desk = await Desk.open();
  Object.assign(desk.auth0.connections[0]!, { display_name: 'Text me', realms: ['phone'] });
  await desk.run(...setup, '--yes');
  expect(desk.auth0.connections[0]).toMatchObject({
    display_name: 'Text me',
    realms: ['phone'],
    enabled_clients: ['spa-of-this-test'],
  });
  expect(desk.auth0.writes[0]!.body).not.toHaveProperty('enabled_clients');
});

it('says so when Auth0 takes the change and does not keep it', async () => {
  desk = await Desk.open();
  desk.auth0.ignoresPatches = true;
  await expect(desk.run(...setup, '--yes')).rejects.toThrow(/shows otherwise: .*provider/);
});

it('finds nothing to change the second time', async () => {
  desk = await Desk.open();
  await desk.run(...setup, '--yes');
  const said = await desk.run('setup', '--yes');
  expect(said).toContain('nothing to change');
  expect(desk.auth0.writes).toHaveLength(1);
});

it('makes a secret of 256 bits where there is none, for its owner only, and gives Auth0 the same', async () => {
  desk = await Desk.open({ withSecret: false });
  const said = await desk.run(...setup, '--yes');
  const made = readFileSync(desk.secretFile, 'utf8').trimEnd();
  expect(Buffer.from(made, 'base64url')).toHaveLength(32);
  expect(statSync(desk.secretFile).mode & 0o777).toBe(0o600);
  const { options } = desk.auth0.connections[0]!;
  expect(options.gateway_authentication).toEqual({ ...gatewayAuthentication, secret: made });
  expect(said).not.toContain(made);
});

it('gives Auth0 the base64url form of a secret that is configured so, whatever form the file has', async () => {
  desk = await Desk.open({ withSecret: false, auth0: 'secret_base64_encoded = true' });
  const key = Buffer.from('fbff'.repeat(16), 'hex');
  await import('node:fs/promises').then((fs) =>
    fs.writeFile(desk!.secretFile, `${key.toString('base64')}\n`),
  );
  await desk.run(...setup, '--yes');
  expect(desk.auth0.connections[0]!.options.gateway_authentication).toMatchObject({
    secret: key.toString('base64url'),
    secret_base64_encoded: true,
  });
});

it('asks a person before it changes anything, and takes no for an answer', async () => {
  desk = await Desk.open();
  desk.answers = [gatewayUrl, 'n'];
  const said = await desk.run('setup');
  expect(desk.questions).toEqual([
    'the URL under which Auth0 reaches this gateway, as https://sms.example.com/sms: ',
    `Change them at ${new URL(desk.auth0.origin).host}? [y/N] `,
  ]);
  expect(said).toContain('Nothing was changed');
  expect(desk.auth0.writes).toEqual([]);
});

it('names the flag for what is missing where nobody can be asked', async () => {
  desk = await Desk.open();
  await expect(desk.run('setup')).rejects.toThrow('--gateway-url');
  await expect(desk.run(...setup)).rejects.toThrow('--yes');
  desk.auth0.connections.push(twilioConnection({ id: 'con_2', name: 'sms-2' }));
  await expect(desk.run(...setup, '--yes')).rejects.toThrow('--connection');
  delete desk.env.AUTH0_MANAGEMENT_TOKEN;
  await expect(desk.run(...setup)).rejects.toThrow('AUTH0_MANAGEMENT_TOKEN');
  delete desk.env.AUTH0_DOMAIN;
  await expect(desk.run(...setup)).rejects.toThrow('AUTH0_DOMAIN');
  expect(desk.auth0.writes).toEqual([]);
});

it('asks for credentials without showing what is typed', async () => {
  desk = await Desk.open();
  desk.env = { AUTH0_CLIENT_ID: management.clientId };
  desk.answers = [desk.auth0.origin, management.clientSecret, 'y'];
  await desk.run(...setup);
  expect(desk.questions[1]).toBe('the client secret: (hidden)');
  expect(desk.auth0.connections[0]!.options.provider).toBe('sms_gateway');
});

it('changes the connection that is named, and warns that its name is not the usual one', async () => {
  desk = await Desk.open();
  desk.auth0.connections.push(twilioConnection({ id: 'con_2', name: 'sms-2' }));
  const said = await desk.run(...setup, '--yes', '--connection', 'sms-2');
  expect(desk.auth0.connections.map(({ options }) => options.provider)).toEqual([
    undefined,
    'sms_gateway',
  ]);
  expect(said).toContain('the connection is named "sms-2"');
  await expect(desk.run(...setup, '--yes', '--connection', 'sms-3')).rejects.toThrow(
    'there are sms, sms-2',
  );
});

it.each([
  ['http://sms.example.com/sms', 'not https'],
  ['https://sms.example.com/hook', 'does not end in /sms'],
  ['https://192.168.1.2/sms', 'Auth0 cannot reach 192.168.1.2'],
  ['https://sms.office.lan/sms', 'Auth0 cannot reach sms.office.lan'],
])('warns about the gateway URL %s', async (url, warning) => {
  desk = await Desk.open();
  expect(await desk.run('setup', '--gateway-url', url, '--dry-run')).toContain(warning);
});

it.each([
  'sms.example.com',
  'ftp://sms.example.com/sms',
  'https://user:pass@sms.example.com/sms',
  `https://${'a'.repeat(250)}.de/sms`,
])('refuses the gateway URL %s, which cannot work', async (url) => {
  desk = await Desk.open();
  await expect(desk.run('setup', '--gateway-url', url, '--yes')).rejects.toThrow('the gateway URL');
  expect(desk.auth0.writes).toEqual([]);
});

it('warns when the template costs more than one segment', async () => {
  desk = await Desk.open();
  desk.auth0.connections[0]!.options.template = `@@password@@ ${'x'.repeat(160)}`;
  expect(await desk.run(...setup, '--dry-run')).toContain('makes 2 segments');
});

it('has a running daemon take the secret before Auth0 gets it', async () => {
  desk = await Desk.open({ withDaemon: true });
  desk.daemon.current = 'another-secret-of-the-same-length-0123456789';
  await desk.run(...setup, '--yes');
  expect(desk.daemon.current).toBe(secret);
  desk.daemon.current = 'another-secret-of-the-same-length-0123456789';
  desk.daemon.isStubborn = true;
  desk.auth0.connections = [twilioConnection()];
  await expect(desk.run(...setup, '--yes')).rejects.toThrow('cannot be read');
  expect(desk.auth0.connections[0]!.options.provider).toBeUndefined();
});

it('begins with a request to the gateway that proves name, TLS and secret, and sends nothing', async () => {
  desk = await Desk.open();
  expect(await desk.run(...setup, '--yes')).toContain('knows the secret (nothing was sent)');
  expect(desk.gatewayRequests.map(({ url, method }) => [url, method])).toEqual([
    [gatewayUrl, 'POST'],
  ]);
  const [, token] = desk.gatewayRequests[0]!.headers.get('authorization')!.split(' ');
  // Signed as Auth0 signs, and of no use to anybody.
  expect(
    jwt.verify(token!, secret, {
      ignoreExpiration: true,
      subject: 'urn:Auth0',
      audience: 'urn:MySmsGateway',
    }),
  ).toBeTruthy();
  expect(() => jwt.verify(token!, secret)).toThrow('jwt expired');
});

it.each([
  ['flag and toggle', () => desk!.auth0.moveToUnified(), 'sure'],
  [
    'the flag, and a connection that has no provider of its own',
    () => {
      desk!.auth0.phoneFlag = true;
      desk!.auth0.connections[0]!.options = { template: '@@password@@' };
    },
    'sure',
  ],
  [
    'the toggle, when the flag cannot be read',
    () => {
      desk!.auth0.scopes.delete('read:tenant_settings');
      desk!.auth0.connections[0]!.options.use_phone_provider = true;
    },
    'sure',
  ],
  [
    'the toggle, with the flag off',
    () => (desk!.auth0.connections[0]!.options.use_phone_provider = true),
    'inferred',
  ],
])(
  'knows the unified experience by %s, and prints the steps and the Action there',
  async (_by, spoil, certainty) => {
    desk = await Desk.open();
    spoil();
    const said = await desk.run(...setup);
    expect(said).toContain('unified phone experience');
    expect(said).toContain(certainty);
    expect(said).toContain('exports.onExecuteCustomPhoneProvider');
    expect(said).not.toContain(secret);
    expect(desk.auth0.writes).toEqual([]);
  },
);

it('asks which experience it is when nothing tells', async () => {
  desk = await Desk.open();
  desk.auth0.phoneFlag = undefined;
  desk.auth0.connections[0]!.options = { template: '@@password@@' };
  await expect(desk.run(...setup)).rejects.toThrow('--experience');
  expect(await desk.run(...setup, '--experience', 'legacy', '--dry-run')).toContain(
    '+ provider: "sms_gateway"',
  );
});

it('creates and deploys the Action with --deploy, with the secret in it', async () => {
  desk = await Desk.open();
  desk.auth0.phoneFlag = true;
  for (const what of ['actions', 'phone_providers'])
    for (const verb of ['read', 'create', 'update']) desk.auth0.scopes.add(`${verb}:${what}`);
  await expect(desk.run(...setup, '--deploy')).rejects.toThrow('--yes');
  const planned = await desk.run(...setup, '--deploy', '--dry-run');
  expect(planned).toContain('Nothing was changed');
  expect(planned).toContain(
    `+ Action "Text messages through simgate", deployed: gateway URL ${gatewayUrl}`,
  );
  expect(planned).toContain('+ phone provider "custom", for text');
  expect(desk.auth0.writes).toEqual([]);
  const said = await desk.run(...setup, '--deploy', '--yes');
  // The flag is on, yet this connection has Twilio of its own, and nobody ever touched its toggle.
  expect(said).toContain('it may still send by itself');
  expect(desk.auth0.unified.running?.secrets.map(({ value }) => value)).toEqual([secret]);
});

it.each([
  ['does not answer', () => Promise.reject(networkFailure('ECONNREFUSED')), 'was not reached'],
  [
    'answers as something else',
    () => Promise.resolve(new Response('<html>', { status: 200 })),
    'not as simgate does',
  ],
  [
    'is a proxy without simgate',
    () => Promise.resolve(new Response('', { status: 502 })),
    'not simgate behind it',
  ],
  [
    'refuses in its own words',
    () => Promise.resolve(new Response('no', { status: 401 })),
    'own token',
  ],
])('changes nothing when the gateway %s, unless told to', async (_what, answer, words) => {
  for (const withSecret of [true, false]) {
    await desk?.close();
    desk = await Desk.open({ withSecret });
    const at = desk;
    const environment = at.environment();
    const { fetch: send } = environment;
    environment.fetch = (input, init) => (input === gatewayUrl ? answer() : send(input, init));
    await expect(at.runWith(environment, ...setup, '--yes')).rejects.toThrow(words);
    expect(at.auth0.writes).toEqual([]);
    expect(existsSync(at.secretFile)).toBe(withSecret);
    expect(existsSync(at.stateDir)).toBe(false);
    expect(await at.runWith(environment, ...setup, '--dry-run')).toContain(
      '+ provider: "sms_gateway"',
    );
    await at.runWith(environment, ...setup, '--yes', '--anyway');
    expect(at.auth0.connections[0]!.options.provider).toBe('sms_gateway');
  }
});

it('changes nothing at Auth0 when the daemon behind the gateway keeps to another secret', async () => {
  desk = await Desk.open();
  desk.gateway = () => Response.json({ code: 'token_invalid' }, { status: 401 });
  await expect(desk.run(...setup, '--yes')).rejects.toThrow(
    /own token.*Nothing was changed at Auth0/,
  );
  expect(desk.auth0.writes).toEqual([]);
});

it('takes a daemon that has yet to read the new secret for simgate', async () => {
  desk = await Desk.open();
  const codes = ['token_invalid', 'token_expired'];
  desk.gateway = () => Response.json({ code: codes.shift() }, { status: 401 });
  expect(await desk.run(...setup, '--yes')).toContain('knows the secret (nothing was sent)');
  expect(codes).toEqual([]);
});

it.each([
  'http://127.0.0.1:8080/sms',
  'https://localhost/sms',
  'https://10.1.2.3/sms',
  'https://100.64.0.1/sms',
  'https://[::1]/sms',
  'https://[fd00::1]/sms',
  'https://[::ffff:192.168.0.1]/sms',
  'https://0x7f000001/sms',
  'https://gateway/sms',
  'https://gateway.lan/sms',
  'https://sms.corp.internal./sms',
  'https://box.home.arpa/sms',
])('refuses the gateway URL %s, which Auth0 cannot reach, unless told to', async (url) => {
  desk = await Desk.open();
  const at = ['setup', '--gateway-url', url];
  await expect(desk.run(...at, '--yes')).rejects.toThrow('--anyway');
  expect(desk.auth0.writes).toEqual([]);
  expect(await desk.run(...at, '--dry-run')).toContain('Auth0 cannot reach');
  await desk.run(...at, '--yes', '--anyway');
  expect(desk.auth0.connections[0]!.options.gateway_url).toBe(url);
});

it.each([
  ['the flag is off', () => undefined, 'legacy gateway'],
  ['it is inferred', () => desk!.auth0.scopes.delete('read:tenant_settings'), 'inferred'],
  [
    'the toggle says so',
    () => {
      desk!.auth0.moveToUnified();
      desk!.auth0.connections[0]!.options.use_phone_provider = false;
    },
    'legacy gateway',
  ],
])('refuses --deploy where the connection sends by itself: %s', async (_why, spoil, words) => {
  desk = await Desk.open();
  spoil();
  for (const flag of ['--deploy', '--replace'])
    await expect(desk.run(...setup, flag, '--yes')).rejects.toThrow(words);
  expect(desk.auth0.writes).toEqual([]);
});

it('takes no phone provider for a proof, nor the flag alone', async () => {
  desk = await Desk.open();
  desk.auth0.unified.provider = {
    id: 'pro_1',
    name: 'custom',
    disabled: false,
    configuration: { delivery_methods: ['text'] },
  };
  desk.auth0.scopes.add('read:phone_providers').delete('read:tenant_settings');
  expect(await desk.run(...setup, '--dry-run')).toContain('legacy gateway');
  desk.auth0.scopes.add('read:tenant_settings');
  desk.auth0.phoneFlag = true;
  await expect(desk.run(...setup)).rejects.toThrow('--experience');
  desk.answers = ['legacy', 'n'];
  const said = await desk.run(...setup);
  expect(said).toContain('cannot be told for sure');
  expect(said).toContain('Use Tenant-Level Messaging Provider');
});

it('names the connections that differ, and goes by the one that is named', async () => {
  desk = await Desk.open();
  desk.auth0.moveToUnified();
  desk.auth0.connections.push(
    twilioConnection({ id: 'con_2', name: 'sms-2' }),
    twilioConnection({
      id: 'con_3',
      name: 'sms-3',
      options: { template: 'x', use_phone_provider: false },
    }),
  );
  await expect(desk.run(...setup)).rejects.toThrow('--experience');
  expect(await desk.run(...setup, '--dry-run', '--connection', 'sms')).toContain(
    'onExecuteCustomPhoneProvider',
  );
  expect(await desk.run(...setup, '--dry-run', '--connection', 'sms-3')).toContain(
    'legacy gateway',
  );
});

it.each([true, false])(
  'finds a connection on the third page (by checkpoint: %s)',
  async (byCheckpoint) => {
    desk = await Desk.open();
    desk.auth0.knowsCheckpoints = byCheckpoint;
    desk.auth0.connections = Array.from({ length: 120 }, (_, index) =>
      twilioConnection({ id: `con_${index}`, name: `sms-${index}` }),
    );
    await desk.run(...setup, '--yes', '--connection', 'sms-119');
    expect(desk.auth0.connections[119]!.options.provider).toBe('sms_gateway');
    expect(desk.auth0.writes).toHaveLength(1);
  },
);

it('asks a GET that failed once more, and no PATCH', async () => {
  desk = await Desk.open();
  desk.auth0.faults = [
    { method: 'GET', path: /connections\?/, as: 'html', isDone: true, times: 1 },
    { method: 'GET', path: /settings/, as: 503, isDone: false, times: 1 },
    { method: 'GET', path: /connections\/con/, as: 'hangup', isDone: false, times: 1 },
  ];
  expect(await desk.run(...setup, '--yes')).toContain('reads back as sent');
  expect(desk.auth0.writes).toHaveLength(1);
});

it.each(['html', 'hangup', 500, 503] as const)(
  'reads back what became of a PATCH that was answered by %s',
  async (as) => {
    desk = await Desk.open();
    const fault = { method: 'PATCH', path: /connections/, as, times: 1 };
    desk.auth0.faults = [{ ...fault, isDone: false }];
    await expect(desk.run(...setup, '--yes')).rejects.toThrow('Auth0 has not taken it');
    expect(desk.auth0.connections[0]!.options.provider).toBeUndefined();
    desk.auth0.faults = [{ ...fault, isDone: true }];
    const said = await desk.run(...setup, '--yes');
    expect(said).toContain('Whether it was changed is unknown: reading it back');
    expect(said).toContain('reads back as sent');
  },
);

it('says that it stays unknown when nothing can be read back', async () => {
  desk = await Desk.open();
  desk.auth0.faults = [
    { method: 'PATCH', path: /connections/, as: 502, isDone: true, times: 1 },
    { method: 'GET', path: /connections\/con/, as: 502, isDone: true, times: 9 },
  ];
  await expect(desk.run(...setup, '--yes')).rejects.toThrow('still unknown');
});

it('never writes asterisks back', async () => {
  desk = await Desk.open();
  desk.auth0.showsSecrets = 'masked';
  // Twilio's token goes, and the gateway's secret is ours: nothing masked is sent.
  await desk.run(...setup, '--yes');
  expect(JSON.stringify(desk.auth0.writes)).not.toContain('**');
  await expect(desk.run('restore', '--yes')).rejects.toThrow('twilio_token as asterisks only');
  expect(desk.auth0.writes).toHaveLength(1);
  desk.auth0.connections[0]!.options.some_api_key = '••••••••';
  await expect(
    desk.run('setup', '--gateway-url', 'https://sms2.example.com/sms', '--yes'),
  ).rejects.toThrow('some_api_key as asterisks only');
  expect(desk.auth0.writes).toHaveLength(1);
});

function networkFailure(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) });
}
