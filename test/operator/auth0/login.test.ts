import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Desk, secret } from './support/desk.js';

let desk: Desk | undefined;
let gateway: Server | undefined;
afterEach(async () => {
  gateway?.close();
  gateway = undefined;
  await desk?.close();
  desk = undefined;
  process.exitCode = undefined;
});

const recipient = '+4915112345678';
const test = ['test', recipient, '--client-id-app', 'spa-of-this-test'];

/** A tenant whose gateway is `answer`, reached as Auth0 reaches it. */
async function openDesk(gatewayStatus: number, arrives: boolean): Promise<Desk> {
  desk = await Desk.open({ withDaemon: true });
  const at = desk;
  gateway = createServer((request, response) => {
    request.resume();
    if (arrives) {
      at.daemon.record({ id: 'm1' });
      at.daemon.record({
        id: 'm1',
        status: gatewayStatus,
        ...(gatewayStatus !== 200 && { code: 'a_code' }),
      });
    }
    response.writeHead(gatewayStatus, { connection: 'close' }).end();
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const { port } = gateway.address() as AddressInfo;
  Object.assign(at.auth0.connections[0]!.options, {
    provider: 'sms_gateway',
    gateway_url: `http://127.0.0.1:${port}/sms`,
    gateway_authentication: { subject: 'urn:Auth0', audience: 'urn:MySmsGateway', secret },
  });
  return at;
}

it('begins a login at Auth0 and watches it arrive', async () => {
  const at = await openDesk(200, true);
  at.isPatient = true;
  const said = await at.run(...test);
  expect(said).toContain('simgate answered 200: the network has accepted the message (message m1)');
  expect(said).toContain('+49…78');
  expect(said).not.toContain('15112345678');
  expect(process.exitCode).toBeUndefined();
  expect(at.auth0.requests.find(({ path }) => path === '/passwordless/start')?.body).toEqual({
    client_id: 'spa-of-this-test',
    connection: 'sms',
    phone_number: recipient,
    send: 'code',
  });
});

it.each([
  [503, 'no modem was ready'],
  [504, 'it may arrive all the same'],
])('says what became of a message that ended with %i', async (status, meaning) => {
  const at = await openDesk(status, true);
  at.isPatient = true;
  const said = await at.run(...test);
  expect(said).toContain(`Auth0 refuses: 400 sms_provider_error`);
  expect(said).toContain(`simgate answered ${status} a_code`);
  expect(said).toContain(meaning);
  expect(process.exitCode).toBe(1);
});

it('reads from Auth0 what the gateway answered, when nothing of it is in the journal', async () => {
  const at = await openDesk(401, false);
  expect(await at.run(...test)).toContain('The gateway answered 401: the token was refused');
  expect(process.exitCode).toBe(1);
});

it('says where to look when Auth0 took it and nothing arrived', async () => {
  const at = await openDesk(200, false);
  expect(await at.run(...test)).toContain('Nothing arrived at simgate');
  expect(process.exitCode).toBe(1);
});

it('says what Auth0 says of a connection that is off for the application', async () => {
  const at = await openDesk(200, false);
  const said = await at.run('test', recipient, '--client-id-app', 'other');
  expect(said).toContain('bad.connection: Connection does not exist');
  expect(said).toContain('sent nothing to simgate');
});

it('goes on without a daemon to watch, and says so', async () => {
  const at = await openDesk(200, false);
  at.isPatient = true;
  await at.daemon.stop();
  expect(await at.run(...test)).toContain('cannot be watched (no daemon listens');
  expect(process.exitCode).toBeUndefined();
});

it('names the flag for an application that is missing, and shows a person which there are', async () => {
  const at = await openDesk(200, true);
  await expect(at.run('test', recipient)).rejects.toThrow('--client-id-app');
  at.answers = ['y', 'spa-of-this-test'];
  at.isPatient = true;
  await at.run('setup', '--gateway-url', 'https://sms.example.com/sms');
  Object.assign(at.auth0.connections[0]!.options, { provider: 'twilio' });
  at.daemon.record({ id: 'm2', status: 200 });
  const said = await at.run('test', recipient);
  expect(said).toContain('  spa-of-this-test');
});

it.each(['015112345678', '+49', 'x'])('refuses %s for a number', async (number) => {
  desk = await Desk.open();
  await expect(desk.run('test', number)).rejects.toThrow();
  expect(desk.auth0.requests).toEqual([]);
});

it('tries the phone provider in the unified experience, without any application, and watches it arrive', async () => {
  desk = await Desk.open({ withDaemon: true });
  const at = desk;
  at.auth0.moveToUnified();
  await at.run('setup', '--gateway-url', 'https://sms.example.com/sms', '--deploy', '--yes');
  at.auth0.unified.onTry = () => at.daemon.record({ id: 'm1', status: 200 });
  at.isPatient = true;
  const said = await at.run('test', recipient);
  expect(at.auth0.unified.tries).toEqual([recipient]);
  expect(said).toContain("a test message of Auth0's phone provider for +49…78");
  expect(said).toContain('simgate answered 200: the network has accepted the message (message m1)');
  expect(process.exitCode).toBeUndefined();
  await at.run(...test);
  expect(at.auth0.unified.tries).toHaveLength(1);
  expect(at.auth0.requests.at(-1)?.path).toBe('/passwordless/start');
});

it.each([
  [
    'there is none',
    (at: Desk) => (at.auth0.unified.provider = undefined),
    'the tenant has no phone provider',
  ],
  [
    'the scope is lacking',
    (at: Desk) => at.auth0.scopes.delete('create:phone_providers'),
    'lacks a scope: grant create:phone_providers',
  ],
])('says why the phone provider cannot be tried: %s', async (_why, spoil, words) => {
  desk = await Desk.open({ withDaemon: true });
  desk.auth0.moveToUnified();
  await desk.run('setup', '--gateway-url', 'https://sms.example.com/sms', '--deploy', '--yes');
  spoil(desk);
  await expect(desk.run('test', recipient)).rejects.toThrow(words);
  await expect(desk.run('test', recipient, '--experience', 'legacy')).rejects.toThrow(
    '--client-id-app',
  );
});
