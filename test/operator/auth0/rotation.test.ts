import {
  appendFileSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { management, twilioConnection } from './stand-in.js';
import { Desk, gatewayUrl, secret } from './support/desk.js';

let desk: Desk | undefined;
afterEach(async () => {
  await desk?.close();
  desk = undefined;
});

/** A desk whose tenant is set up with the present secret. */
async function setUpDesk(): Promise<Desk> {
  desk = await Desk.open({ withDaemon: true });
  await desk.run('setup', '--gateway-url', gatewayUrl, '--yes');
  return desk;
}

/** What Auth0 signs with. */
function secretAtAuth0({ auth0 }: Desk): string {
  return (auth0.connections[0]!.options.gateway_authentication as { secret: string }).secret;
}

const record = ({ stateDir }: Desk) => join(stateDir, 'auth0', 'rotation.json');

/** The person logs in whenever the command waits; a login that the daemon refuses is a lost one. */
function loginAtEachWait(at: Desk): string[] {
  const lost: string[] = [];
  at.onWait = () => {
    if (!at.daemon.take(secretAtAuth0(at))) lost.push(secretAtAuth0(at));
  };
  return lost;
}

it('changes the secret in one run, step by step, without a lost login', async () => {
  const at = await setUpDesk();
  const lost = loginAtEachWait(at);
  const said = await at.run('rotate');
  expect(said.match(/^\d\/5/gm)).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
  expect(lost).toEqual([]);
  const now = readFileSync(at.secretFile, 'utf8').trimEnd();
  expect(now).not.toBe(secret);
  expect(Buffer.from(now, 'base64url')).toHaveLength(32);
  expect(secretAtAuth0(at)).toBe(now);
  expect([at.daemon.current, at.daemon.previous]).toEqual([now, undefined]);
  expect(['.next', '.previous'].filter((end) => existsSync(at.secretFile + end))).toEqual([]);
  expect(existsSync(record(at))).toBe(false);
  for (const hidden of [now, secret, management.token]) expect(said).not.toContain(hidden);
});

it('keeps all else of the connection, and the mode of the secret file', async () => {
  const at = await setUpDesk();
  const before = structuredClone(at.auth0.connections[0]!);
  loginAtEachWait(at);
  await at.run('rotate');
  const after = at.auth0.connections[0]!;
  const authentication = {
    ...(before.options.gateway_authentication as object),
    secret: secretAtAuth0(at),
  };
  expect(after).toEqual({
    ...before,
    options: { ...before.options, gateway_authentication: authentication },
  });
  expect(statSync(at.secretFile).mode & 0o777).toBe(0o600);
});

it('gives Auth0 no secret that other boxes do not have', async () => {
  const at = await setUpDesk();
  const key = join(at.folder, 'shared-key');
  writeFileSync(key, Buffer.alloc(32, 7), { mode: 0o600 });
  appendFileSync(at.configFile, `[shared]\nurl = "redis://127.0.0.1"\nkey_file = "${key}"\n`);
  loginAtEachWait(at);
  await expect(at.run('rotate')).rejects.toThrow(
    /would refuse what Auth0 signs.*copy .*\.previous/,
  );
  await expect(at.run('rotate')).rejects.toThrow('--others-have-both');
  expect([secretAtAuth0(at), at.daemon.previous]).toEqual([secret, secret]);
  const said = await at.run('rotate', '--others-have-both');
  expect(said).toMatch(/5\/5 .*\n *Remove .*\.previous at the other boxes/);
  expect(secretAtAuth0(at)).toBe(at.daemon.current);
});

it('waits a minute after the last message that was signed with the old secret', async () => {
  const at = await setUpDesk();
  let looks = 0;
  at.onWait = () => {
    looks += 1;
    at.daemon.take(secretAtAuth0(at));
    // One of Auth0's machines is late.
    if (looks === 10) at.daemon.take(secret);
  };
  const said = await at.run('rotate');
  expect(said).toContain('signed with the old one again');
  expect(at.waits.reduce((sum, ms) => sum + ms, 0)).toBe(10 * 2_000 + 60_000);
});

it('ends when no login comes, with both accepted, and the next run goes on from there', async () => {
  const at = await setUpDesk();
  await expect(at.run('rotate', '--wait', '5')).rejects.toThrow('no login came');
  expect(at.waits.reduce((sum, ms) => sum + ms, 0)).toBe(5 * 60_000);
  expect(at.daemon.previous).toBe(secret);
  const now = at.daemon.current;
  expect(secretAtAuth0(at)).toBe(now);
  expect(await at.run('rotate', '--status')).toContain('Auth0 has the new one (3/5)');
  expect(readFileSync(record(at), 'utf8')).not.toContain(now);
  loginAtEachWait(at);
  expect(await at.run('rotate')).toContain('Going on with the rotation');
  expect([at.daemon.current, at.daemon.previous]).toEqual([now, undefined]);
  expect(at.auth0.writes.filter(({ method }) => method === 'PATCH')).toHaveLength(2);
});

it('never leaves a state in which a restarted daemon refuses what Auth0 signs with, wherever it is stopped', async () => {
  const at = await setUpDesk();
  let outcome = 'stopped';
  let stops = 0;
  for (; outcome === 'stopped'; stops += 1) {
    const environment = at.environment();
    let calls = 0;
    // Each thing that the outside is asked for is a place to be stopped at: before it, and in the
    // next round after it.
    const perhapsStop = () => {
      calls += 1;
      if (calls > stops) throw new Error('stopped here');
    };
    const stoppable =
      <Words extends unknown[], Answer>(call: (...words: Words) => Answer) =>
      (...words: Words): Answer => {
        perhapsStop();
        return call(...words);
      };
    const { fetch: send, daemonAt, terminal } = environment;
    environment.fetch = stoppable(send);
    environment.terminal = { ...terminal, say: stoppable((line: string) => terminal.say(line)) };
    environment.daemonAt = (socket, caller) => {
      const link = daemonAt(socket, caller);
      return {
        ...link,
        reload: stoppable(() => link.reload()),
        acceptedKeys: stoppable(() => link.acceptedKeys()),
      };
    };
    loginAtEachWait(at);
    outcome = await at.runWith(environment, 'rotate').then(
      () => 'done',
      (error: Error) => (error.message === 'stopped here' ? 'stopped' : error.message),
    );
    at.daemon.read();
    expect([at.daemon.current, at.daemon.previous], `after a stop at call ${stops}`).toContain(
      secretAtAuth0(at),
    );
  }
  expect(outcome).toBe('done');
  expect(stops).toBeGreaterThan(15);
  expect(secretAtAuth0(at)).toBe(readFileSync(at.secretFile, 'utf8').trimEnd());
});

it.each([
  ['between the link and the rename', (file: string) => linkSync(file, `${file}.previous`)],
  [
    'after the rename, before it was noted',
    (file: string) => {
      linkSync(file, `${file}.previous`);
      renameSync(`${file}.next`, file);
    },
  ],
])('goes on after a power cut %s', async (_when, cut) => {
  const at = await setUpDesk();
  at.daemon.isStubborn = true;
  // Stopped at the reload; then the files are put as they were at the moment of the cut.
  await expect(at.run('rotate')).rejects.toThrow('cannot be read');
  renameSync(at.secretFile, `${at.secretFile}.next`);
  renameSync(`${at.secretFile}.previous`, at.secretFile);
  cut(at.secretFile);
  at.daemon.isStubborn = false;
  at.daemon.read();
  const lost = loginAtEachWait(at);
  await at.run('rotate');
  expect(lost).toEqual([]);
  expect(at.daemon.current).toBe(secretAtAuth0(at));
  expect(at.daemon.current).not.toBe(secret);
});

it('needs the running daemon, and one that holds the secret of the file', async () => {
  const at = await setUpDesk();
  at.daemon.current = 'another-secret-of-the-same-length-0123456789';
  await expect(at.run('rotate')).rejects.toThrow('runs with another secret');
  await at.daemon.stop();
  await expect(at.run('rotate')).rejects.toThrow('needs the running daemon');
  expect(existsSync(record(at))).toBe(false);
  expect(existsSync(`${at.secretFile}.next`)).toBe(false);
});

it('makes nothing when the connection does not use simgate', async () => {
  desk = await Desk.open({ withDaemon: true });
  await expect(desk.run('rotate')).rejects.toThrow('run `simgate auth0 setup` first');
  expect(existsSync(`${desk.secretFile}.next`)).toBe(false);
});

it('does not touch an old secret that somebody else left there', async () => {
  const at = await setUpDesk();
  writeFileSync(`${at.secretFile}.previous`, 'put here by hand');
  await expect(at.run('rotate')).rejects.toThrow('from a change by hand');
  expect(readFileSync(`${at.secretFile}.previous`, 'utf8')).toBe('put here by hand');
});

it('stops when somebody else changed the secret meanwhile, and can be given up', async () => {
  const at = await setUpDesk();
  await expect(at.run('rotate', '--wait', '1')).rejects.toThrow('no login came');
  writeFileSync(at.secretFile, 'a third secret of somebody else 0123456789');
  at.daemon.read();
  await expect(at.run('rotate')).rejects.toThrow();
  expect(await at.run('rotate', '--forget')).toContain('It is forgotten');
  expect(await at.run('rotate', '--status')).toContain('No rotation is under way');
});

it('refuses a setup while it is under way', async () => {
  const at = await setUpDesk();
  await expect(at.run('rotate', '--wait', '1')).rejects.toThrow('no login came');
  await expect(at.run('setup', '--yes')).rejects.toThrow('a rotation of the secret is under way');
});

it.each([
  ['it could not keep the old secret', 'old'],
  ['no daemon would start once it has removed the old secret', 'auth0-secret.previous'],
])('refuses a configuration in which %s', async (_why, name) => {
  desk = await Desk.open({ auth0: `previous_secret_file = "${name}"`, withDaemon: true });
  const old = join(desk.folder, name);
  writeFileSync(old, 'an old secret of this test 0123456789abcdef');
  await desk.run('setup', '--gateway-url', gatewayUrl, '--yes');
  await expect(desk.run('rotate')).rejects.toThrow('take auth0.previous_secret_file out');
  expect(existsSync(old)).toBe(true);
  expect(existsSync(`${desk.secretFile}.next`)).toBe(false);
});

it('gives the Action the new secret in the unified experience', async () => {
  desk = await Desk.open({ withDaemon: true });
  const at = desk;
  at.auth0.moveToUnified();
  await at.run('setup', '--gateway-url', gatewayUrl, '--deploy', '--yes');
  at.onWait = () => {
    at.daemon.take(at.auth0.unified.running!.secrets[0]!.value);
  };
  await at.run('rotate');
  expect(at.auth0.unified.running?.secrets[0]?.value).toBe(at.daemon.current);
  expect(at.daemon.current).not.toBe(secret);
  expect(at.daemon.previous).toBeUndefined();
});

/** A second connection that signs with the same secret, at the same gateway. */
function addSharer(at: Desk): void {
  const options = structuredClone(at.auth0.connections[0]!.options);
  at.auth0.connections.push(twilioConnection({ id: 'con_2', name: 'sms-2', options }));
}

const secretOfSecond = ({ auth0 }: Desk) =>
  (auth0.connections[1]!.options.gateway_authentication as { secret: string }).secret;

it.each([true, false, 'masked'] as const)(
  'names a connection that would be locked out, and makes nothing (secrets shown: %s)',
  async (showsSecrets) => {
    const at = await setUpDesk();
    addSharer(at);
    at.auth0.showsSecrets = showsSecrets;
    await expect(at.run('rotate')).rejects.toThrow(/"sms-2" \(con_2\) would be locked out.*--all/);
    expect(existsSync(`${at.secretFile}.next`)).toBe(false);
    expect(existsSync(record(at))).toBe(false);
  },
);

it('leaves a connection alone that signs with a secret of its own', async () => {
  const at = await setUpDesk();
  addSharer(at);
  Object.assign(at.auth0.connections[1]!.options.gateway_authentication as object, {
    secret: 'z'.repeat(40),
  });
  loginAtEachWait(at);
  await at.run('rotate');
  expect(secretOfSecond(at)).toBe('z'.repeat(40));
});

it('gives the new secret to all that share it with --all, without a lost login at either', async () => {
  const at = await setUpDesk();
  addSharer(at);
  const lost: string[] = [];
  at.onWait = () => {
    for (const text of [secretAtAuth0(at), secretOfSecond(at)])
      if (!at.daemon.take(text)) lost.push(text);
  };
  // Stopped between the two: the next run tells both.
  at.auth0.faults = [{ method: 'PATCH', path: /con_2/, as: 'hangup', isDone: false, times: 1 }];
  await expect(at.run('rotate', '--all')).rejects.toThrow('has not taken it');
  const said = await at.run('rotate');
  expect(said).toContain('5/5');
  expect(lost).toEqual([]);
  expect([secretAtAuth0(at), secretOfSecond(at)]).toEqual([at.daemon.current, at.daemon.current]);
});

it('names an Action of simgate’s that posts to the same gateway, and gives it the new secret with --all', async () => {
  const at = await setUpDesk();
  at.auth0.moveToUnified();
  await at.run('setup', '--gateway-url', gatewayUrl, '--deploy', '--yes');
  // As for MFA, while the connection goes on by itself.
  at.auth0.connections[0]!.options.use_phone_provider = false;
  await expect(at.run('rotate', '--connection', 'sms')).rejects.toThrow(
    'the Action for phone messages',
  );
  loginAtEachWait(at);
  await at.run('rotate', '--connection', 'sms', '--all');
  expect(at.auth0.unified.running!.secrets[0]!.value).toBe(at.daemon.current);
  expect(secretAtAuth0(at)).toBe(at.daemon.current);
});

it('names another tenant that was set up from here, and makes nothing', async () => {
  const at = await setUpDesk();
  const other = { ...JSON.parse(readFileSync(join(at.stateDir, 'auth0', 'setup.json'), 'utf8')) };
  writeFileSync(
    join(at.stateDir, 'auth0', 'setup-other.eu.auth0.com.json'),
    JSON.stringify({ ...other, domain: 'other.eu.auth0.com' }),
    { mode: 0o600 },
  );
  await expect(at.run('rotate')).rejects.toThrow(/the tenant other\.eu\.auth0\.com .*locked out/);
  expect(existsSync(`${at.secretFile}.next`)).toBe(false);
});

it('says that it cannot see whether Auth0 has taken a secret that is not shown, and goes on with the next run', async () => {
  const at = await setUpDesk();
  at.auth0.showsSecrets = 'masked';
  at.auth0.faults = [{ method: 'PATCH', path: /connections/, as: 'html', isDone: true, times: 1 }];
  await expect(at.run('rotate')).rejects.toThrow('cannot be seen');
  const lost = loginAtEachWait(at);
  expect(await at.run('rotate')).toContain('5/5');
  expect(lost).toEqual([]);
});
