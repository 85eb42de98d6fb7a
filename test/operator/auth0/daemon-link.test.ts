import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { Rig, secret } from '../../e2e/rig.js';
import { Child } from '../../faults/child.js';
import { Auth0StandIn, management } from './stand-in.js';

let rig: Rig | undefined;
let auth0: Auth0StandIn | undefined;
afterEach(async () => {
  await rig?.stop();
  await auth0?.stop();
});

/** Runs `simgate auth0 …` as a process of its own, beside the daemon of the rig. */
async function run(...words: string[]): Promise<{ code: number | null; said: string }> {
  let said = '';
  process.env.AUTH0_MANAGEMENT_TOKEN = management.token;
  const child = new Child(
    ['auth0', ...words, '--domain', auth0!.origin, '--config', rig!.configFile],
    (line) => {
      said += `${line}\n`;
    },
  );
  const { code } = await child.ended;
  delete process.env.AUTH0_MANAGEMENT_TOKEN;
  return { code, said };
}

it('goes from a working modem to a working login: setup, check, and a code that arrives', async () => {
  rig = await Rig.start();
  auth0 = await Auth0StandIn.start();
  const gatewayUrl = `http://127.0.0.1:${rig.port}/sms`;

  const setup = await run('setup', '--gateway-url', gatewayUrl, '--yes', '--anyway');
  expect(setup.code, setup.said).toBe(0);
  expect(setup.said).toContain('simgate answers at the gateway URL and knows the secret');

  const check = await run('check');
  expect(check.code, check.said).toBe(0);
  expect(check.said).toContain('the running daemon holds this secret');

  const login = await run('test', '+4915112345678', '--client-id-app', 'spa-of-this-test');
  expect(login.code, login.said).toBe(0);
  expect(login.said).toContain('simgate answered 200: the network has accepted the message');
  expect(rig.texts()).toEqual([`Your SMS verification code is: ${auth0.code}`]);

  for (const hidden of [secret, management.token, '15112345678', String(auth0.code)])
    expect(setup.said + check.said + login.said).not.toContain(hidden);
});

it('swaps the secret under the running daemon, which then takes both', async () => {
  rig = await Rig.start();
  auth0 = await Auth0StandIn.start();
  await run('setup', '--gateway-url', `http://127.0.0.1:${rig.port}/sms`, '--yes', '--anyway');
  const rotation = new Child(
    [
      'auth0',
      'rotate',
      '--domain',
      auth0.origin,
      '--token',
      management.token,
      '--config',
      rig.configFile,
    ],
    (line) => {
      if (line.startsWith('3/5')) told();
    },
  );
  let told = (): void => undefined;
  await new Promise<void>((resolve) => {
    told = resolve;
    void rotation.ended.then(() => resolve());
  });
  const now = readFileSync(join(rig.folder, 'secret'), 'utf8').trimEnd();
  const { options } = auth0.connections[0]!;
  expect(options.gateway_authentication).toMatchObject({ secret: now });
  expect(now).not.toBe(secret);
  // The token of the rig is signed with the old one, Auth0's with the new one.
  expect(await rig.post({})).toMatchObject({ status: 200 });
  const login = await run('test', '+4915112345678', '--client-id-app', 'spa-of-this-test');
  expect(login.code, login.said).toBe(0);
  await rotation.end('SIGKILL');
  expect((await run('rotate', '--status')).said).toContain('Auth0 has the new one (3/5)');
});
