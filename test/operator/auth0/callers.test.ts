import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type Auth0StandIn, twilioConnection } from './stand-in.js';
import { Desk, type DeskOptions, gatewayUrl, secretOf } from './support/desk.js';

let desk: Desk | undefined;
afterEach(async () => {
  await desk?.close();
  desk = undefined;
  process.exitCode = undefined;
});

const callers = { production: '', staging: '' };

/** Two callers and no [auth0]; the tenant has the connections "sms" and "sms-2". */
async function openDesk(options: DeskOptions = {}): Promise<Desk> {
  desk = await Desk.open({ auth0: false, callers, withDaemon: true, ...options });
  desk.auth0.connections.push(twilioConnection({ id: 'con_2', name: 'sms-2' }));
  return desk;
}

const setUp = (at: Desk, caller: string, ...flags: string[]) =>
  at.run('setup', '--caller', caller, '--gateway-url', gatewayUrl, '--yes', ...flags);

/** Each caller at a connection of its own, "production" at the first. */
async function setUpBoth(options: DeskOptions = {}): Promise<Desk> {
  const at = await openDesk(options);
  await setUp(at, 'production', '--connection', 'sms');
  await setUp(at, 'staging', '--connection', 'sms-2');
  return at;
}

/** With what Auth0 signs for the connection of that index. */
function secretAt({ connections }: Auth0StandIn, index: number): string {
  return (connections[index]!.options.gateway_authentication as { secret: string }).secret;
}

/** All that belongs to a caller: folder, secret files, and what the daemon holds. */
function belongings(at: Desk, caller: string): object {
  const folder = join(at.stateDir, `auth0-${caller}`);
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const ends = ['', '.next', '.previous'].filter((end) =>
    existsSync(at.secretFileOf(caller) + end),
  );
  return {
    files: names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
    secrets: ends.map((end) => [end, readFileSync(at.secretFileOf(caller) + end, 'utf8')]),
    held: at.daemon.of(caller).told(),
  };
}

interface Checked {
  caller: string;
  findings: { level: string; check: string; what: string; remedy?: string }[];
}

const checked = async (at: Desk, ...flags: string[]): Promise<Checked[]> =>
  (JSON.parse(await at.run('check', '--json', ...flags)) as { callers: Checked[] }).callers;

/** What is not well, as `level check`; that "sms-2" is an unusual name is known. */
const wrongs = ({ findings }: Checked) =>
  findings
    .filter(({ level, check }) => level !== 'ok' && check !== 'auth0_connection')
    .map(({ level, check }) => `${level} ${check}`);

it.each([['setup'], ['test', '+4915112345678'], ['rotate'], ['rotate', '--status'], ['restore']])(
  '%s asks which of two callers is meant, and names both',
  async (...words) => {
    const at = await openDesk();
    await expect(at.run(...words)).rejects.toThrow(
      /which caller is meant\? --caller NAME; name one of: production, staging/,
    );
    await expect(at.run(...words, '--caller', 'prod')).rejects.toThrow(
      /no caller "prod" of the kind auth0; name one of: production, staging/,
    );
    expect(at.auth0.requests).toEqual([]);
  },
);

it('knows [auth0] by its name where there is another caller beside it', async () => {
  desk = await Desk.open({ callers: { staging: '' }, withDaemon: true });
  await expect(desk.run('setup')).rejects.toThrow('name one of: auth0, staging');
  const said = await setUp(desk, 'auth0');
  expect(said).toContain('`simgate auth0 test --caller auth0 +49…`');
  expect(existsSync(join(desk.stateDir, 'auth0', 'setup.json'))).toBe(true);
});

it('names --caller in the next step only where there are several', async () => {
  const at = await openDesk({ callers: { production: '' } });
  expect(
    await at.run('setup', '--connection', 'sms', '--gateway-url', gatewayUrl, '--yes'),
  ).toContain('Next: `simgate auth0 test +49…`');
  expect(existsSync(join(at.stateDir, 'auth0-production', 'setup.json'))).toBe(true);
  expect(await at.run('check')).not.toContain('Caller production:');
});

it('sets up two connections of one tenant, each with its own secret, and the one leaves the other', async () => {
  const at = await openDesk();
  const said = await setUp(at, 'production', '--connection', 'sms');
  expect(said).toContain('Next: `simgate auth0 test --caller production +49…`');
  const before = structuredClone(at.auth0.connections[0]);
  const ours = belongings(at, 'production');
  await setUp(at, 'staging', '--connection', 'sms-2');
  expect(at.auth0.connections[0]).toEqual(before);
  expect(belongings(at, 'production')).toEqual(ours);
  expect([secretAt(at.auth0, 0), secretAt(at.auth0, 1)]).toEqual([secretOf(0), secretOf(1)]);
});

it('takes the connection that no other caller has, and takes one over by its name only', async () => {
  const at = await openDesk();
  await setUp(at, 'production', '--connection', 'sms');
  const said = await setUp(at, 'staging');
  expect(said).toContain('Options of the connection "sms-2"');
  at.auth0.connections.pop();
  await at.run('setup', '--caller', 'staging', '--dry-run').then(
    () => expect.unreachable('the only connection is that of another caller'),
    (error: Error) =>
      expect(error.message).toMatch(/set up for caller "production".*--connection con_UX85K/),
  );
  expect(secretAt(at.auth0, 0)).toBe(secretOf(0));
  expect(await setUp(at, 'staging', '--connection', 'sms')).toContain(
    'warning: the connection "sms"',
  );
  expect(secretAt(at.auth0, 0)).toBe(secretOf(1));
  // What was taken over is put back with the secret that the other caller has, not with ours.
  await at.run('restore', '--caller', 'staging', '--connection', 'sms', '--yes');
  expect(secretAt(at.auth0, 0)).toBe(secretOf(0));
});

it('makes the secret of one caller while the other has none, and says which key names no file', async () => {
  const at = await openDesk({ withSecret: false, withDaemon: false });
  const said = await setUp(at, 'staging', '--connection', 'sms-2');
  expect(said).toContain(`A new secret is in ${at.secretFileOf('staging')}`);
  expect(secretAt(at.auth0, 1)).toBe(readFileSync(at.secretFileOf('staging'), 'utf8').trimEnd());
  expect(existsSync(at.secretFileOf('production'))).toBe(false);
});

it('a caller without a secret file is told its own table, whatever the environment holds', async () => {
  const at = await openDesk({ withDaemon: false });
  const text = readFileSync(at.configFile, 'utf8').replace('secret_file = "staging-secret"\n', '');
  writeFileSync(at.configFile, text);
  at.env.SIMGATE_AUTH0_SECRET = secretOf(2);
  await expect(setUp(at, 'staging', '--connection', 'sms-2')).rejects.toThrow(
    /names no secret_file of the \[\[caller\]\] named "staging": add it, as secret_file = "\/etc\/simgate\/staging-secret"/,
  );
  expect(at.auth0.writes).toEqual([]);
});

it.each([true, false, 'masked'] as const)(
  'the rotation of one touches nothing of the other (secrets shown: %s)',
  async (showsSecrets) => {
    const at = await setUpBoth();
    at.auth0.showsSecrets = showsSecrets;
    const theirs = belongings(at, 'staging');
    const connection = structuredClone(at.auth0.connections[1]);
    const lost: string[] = [];
    at.onWait = () => {
      if (!at.daemon.of('production').take(secretAt(at.auth0, 0))) lost.push('production');
      if (secretAt(at.auth0, 1) !== at.daemon.of('staging').current) lost.push('staging');
    };
    const said = await at.run('rotate', '--caller', 'production');
    expect(said.match(/^\d\/5/gm)).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
    expect(said).toContain('`simgate auth0 test --caller production +49…` in another terminal');
    expect(lost).toEqual([]);
    const now = readFileSync(at.secretFileOf('production'), 'utf8').trimEnd();
    expect(now).not.toBe(secretOf(0));
    expect([secretAt(at.auth0, 0), at.daemon.of('production').current]).toEqual([now, now]);
    expect(at.auth0.connections[1]).toEqual(connection);
    expect(belongings(at, 'staging')).toEqual(theirs);
  },
);

it('even --all gives the new secret to no connection of another caller', async () => {
  const at = await setUpBoth();
  at.auth0.showsSecrets = false;
  at.onWait = () => at.daemon.of('production').take(secretAt(at.auth0, 0));
  await at.run('rotate', '--caller', 'production', '--all');
  expect(secretAt(at.auth0, 1)).toBe(secretOf(1));
});

it('two rotations may be under way at once, each with its own record', async () => {
  const at = await setUpBoth();
  for (const caller of ['production', 'staging'])
    await expect(at.run('rotate', '--caller', caller, '--wait', '1')).rejects.toThrow(
      'no login came',
    );
  expect(await at.run('rotate', '--status', '--caller', 'production')).toContain('(3/5)');
  at.onWait = () => at.daemon.of('staging').take(secretAt(at.auth0, 1));
  expect(await at.run('rotate', '--caller', 'staging')).toContain('5/5');
  expect(await at.run('rotate', '--status', '--caller', 'production')).toContain('(3/5)');
  expect(await at.run('rotate', '--status', '--caller', 'staging')).toContain('No rotation');
  await expect(setUp(at, 'production')).rejects.toThrow(
    'finish it first with `simgate auth0 rotate --caller production`',
  );
});

it('does not rotate a file that another caller’s secret is in, too', async () => {
  const at = await openDesk({
    callers: { production: '', staging: '' },
  });
  const text = readFileSync(at.configFile, 'utf8');
  writeFileSync(
    at.configFile,
    text
      .replace('secret_file = "staging-secret"', 'secret_file = "production-secret"')
      // With the same path, subject and secret nobody could tell the two apart.
      .replace(/(name = "staging"[^[]*?)audience = "urn:MySmsGateway"/, '$1audience = "urn:Other"'),
  );
  await setUp(at, 'production', '--connection', 'sms');
  await expect(at.run('rotate', '--caller', 'production')).rejects.toThrow(
    /production-secret is the secret of caller "staging", too, who would be locked out.*Nothing was changed/,
  );
  expect(existsSync(`${at.secretFileOf('production')}.next`)).toBe(false);
});

it('says which table a secret before the rotation has to go out of', async () => {
  const at = await openDesk({
    callers: { production: 'previous_secret_file = "staging-secret"', staging: '' },
  });
  await setUp(at, 'production', '--connection', 'sms');
  await expect(at.run('rotate', '--caller', 'production')).rejects.toThrow(
    'take previous_secret_file of the [[caller]] named "production" out of',
  );
});

it('restores what was before the set-up of this caller, and leaves the other', async () => {
  const at = await setUpBoth();
  const before = structuredClone(at.auth0.connections[1]);
  const theirs = belongings(at, 'staging');
  await at.run('restore', '--caller', 'production', '--yes');
  expect(at.auth0.connections[0]!.options).toEqual(twilioConnection().options);
  expect(at.auth0.connections[1]).toEqual(before);
  expect(belongings(at, 'staging')).toEqual(theirs);
  await expect(
    at.run('restore', '--caller', 'production', '--connection', 'sms-2', '--yes'),
  ).rejects.toThrow(/no options of "sms-2" .* are saved in .*auth0-production/);
});

it('checks all, and says which is stale', async () => {
  const at = await setUpBoth();
  expect((await checked(at)).map(wrongs)).toEqual([[], []]);
  expect(process.exitCode).toBeUndefined();
  Object.assign(at.auth0.connections[1]!.options.gateway_authentication as object, {
    secret: secretOf(0),
  });
  const [production, staging] = await checked(at);
  expect([production!.caller, staging!.caller]).toEqual(['production', 'staging']);
  expect([wrongs(production!), wrongs(staging!)]).toEqual([[], ['error auth0_secret']]);
  expect(process.exitCode).toBe(1);
  const said = await at.run('check');
  expect(said).toMatch(/^Caller production:\n(?:ok: .*\n)+Caller staging:\n/);
  expect(said).toContain('→ run `simgate auth0 setup --caller staging`');
  process.exitCode = undefined;
  const { findings } = JSON.parse(
    await at.run('check', '--json', '--caller', 'production'),
  ) as Checked;
  expect(wrongs({ caller: 'production', findings })).toEqual([]);
  expect(process.exitCode).toBeUndefined();
});

it('tells of each caller whether the daemon holds its secret', async () => {
  const at = await setUpBoth();
  at.daemon.of('staging').current = 'y'.repeat(43);
  expect((await checked(at)).map(wrongs)).toEqual([[], ['error auth0_daemon']]);
});

it('keeps two tenants apart, and looks at each with its own credentials', async () => {
  const at = await openDesk();
  const other = await at.addTenant();
  await setUp(at, 'production', '--connection', 'sms');
  const before = structuredClone(at.auth0.connections);
  await setUp(at, 'staging', '--domain', other.origin);
  expect(at.auth0.connections).toEqual(before);
  expect([secretAt(at.auth0, 0), secretAt(other, 0)]).toEqual([secretOf(0), secretOf(1)]);

  // The environment names the tenant of the first.
  const requests = other.requests.length;
  const [production, staging] = await checked(at);
  expect([wrongs(production!), wrongs(staging!)]).toEqual([[], ['warning auth0_tenant']]);
  expect(staging!.findings.map(({ check }) => check)).toEqual([
    'auth0_tenant',
    'auth0_daemon',
    'auth0_gateway',
  ]);
  expect(staging!.findings[0]!.remedy).toContain('simgate auth0 check --caller staging');
  expect(other.requests).toHaveLength(requests);
  expect(process.exitCode).toBeUndefined();

  // Without one, each caller's own is known.
  delete at.env.AUTH0_DOMAIN;
  expect((await checked(at)).map(wrongs)).toEqual([[], []]);
  other.scopes.clear();
  expect((await checked(at)).map(wrongs)).toEqual([[], ['error auth0_tenant']]);
  expect(process.exitCode).toBe(1);

  at.onWait = () => at.daemon.of('production').take(secretAt(at.auth0, 0));
  await at.run('rotate', '--caller', 'production');
  expect(secretAt(other, 0)).toBe(secretOf(1));
});

it('a message of another caller to the same number is not the login that was begun', async () => {
  const at = await setUpBoth();
  Object.assign(at.auth0.connections[1]!.options, { provider: 'twilio' });
  at.daemon.record({ id: 'm1', caller: 'production', status: 200 });
  const test = [
    'test',
    '+4915112345678',
    '--caller',
    'staging',
    '--client-id-app',
    'spa-of-this-test',
  ];
  const said = await at.run(...test);
  expect(said).not.toContain('m1');
  expect(said).toContain('`simgate auth0 check --caller staging` compares');
  at.daemon.record({ id: 'm2', caller: 'staging', status: 200 });
  at.isPatient = true;
  expect(await at.run(...test)).toContain('(message m2)');
});

it('a tenant has one Action: it is that of the caller who has it, until another says --replace', async () => {
  const at = await openDesk();
  at.auth0.moveToUnified();
  await setUp(at, 'production', '--deploy');
  await expect(setUp(at, 'staging', '--deploy')).rejects.toThrow(
    /one Action .* set up for caller "production".*--deploy --replace/,
  );
  expect(at.auth0.unified.running!.secrets[0]!.value).toBe(secretOf(0));
  const said = await setUp(at, 'staging', '--deploy', '--replace');
  expect(said).toContain('warning: the tenant');
  expect(at.auth0.unified.running!.secrets[0]!.value).toBe(secretOf(1));
});

it('the steps by hand name the key of the caller’s own table, and its flag', async () => {
  const at = await openDesk();
  at.auth0.moveToUnified();
  const said = await at.run(
    'setup',
    '--caller',
    'staging',
    '--gateway-url',
    gatewayUrl,
    '--dry-run',
  );
  expect(said).toContain('its value what secret_file of the [[caller]] named "staging" of simgate');
  expect(said).toContain('simgate auth0 test --caller staging +49…');
});

it('judges the gateway URL by the path of the caller', async () => {
  const at = await openDesk({ callers: { production: 'path = "/sms/production"', staging: '' } });
  const url = 'https://sms.example.com/sms/production';
  const said = await setUp(at, 'production', '--connection', 'sms', '--gateway-url', url);
  expect(said).not.toContain('does not end in');
  expect(await setUp(at, 'production', '--gateway-url', gatewayUrl)).toContain(
    'warning: the gateway URL does not end in /sms/production',
  );
});
