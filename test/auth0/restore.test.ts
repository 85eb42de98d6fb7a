import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { twilioConnection } from './stand-in.js';
import { Desk, gatewayUrl } from './support/desk.js';

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
  await expect(at.run('restore', '--connection', 'sms-2', '--yes')).rejects.toThrow('no options of "sms-2"');
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
  await expect(at.run('restore', '--yes')).rejects.toThrow(/^(?!.*hush).*is not what simgate wrote/);
});
