import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Auth0StandIn, management, twilioConnection } from './stand-in.js';

const cli = join(import.meta.dirname, '../../../dist/cli.js');

let auth0: Auth0StandIn;
let folder: string;
beforeEach(async () => {
  auth0 = await Auth0StandIn.start();
  folder = mkdtempSync(join(tmpdir(), 'simgate-auth0-cli-'));
  writeFileSync(
    join(folder, 'simgate.toml'),
    `state_dir = "state"
[control]
socket = "control.sock"
[auth0]
subject = "urn:Auth0"
audience = "urn:MySmsGateway"
secret_file = "auth0-secret"
[policy]
countries = ["DE"]
[[modem]]
name = "main"
device = "/dev/null"
`,
  );
});
afterEach(async () => {
  await auth0.stop();
  rmSync(folder, { recursive: true });
});

/** Runs the program as it is installed, without a terminal. */
async function run(env: NodeJS.ProcessEnv, ...words: string[]) {
  const child = spawn(
    process.execPath,
    [cli, 'auth0', ...words, '--config', join(folder, 'simgate.toml')],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, AUTH0_DOMAIN: auth0.origin, ...env },
    },
  );
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await closed) as [number | null];
  return { code, stdout, stderr };
}

const application = {
  AUTH0_CLIENT_ID: management.clientId,
  AUTH0_CLIENT_SECRET: management.clientSecret,
};
// A port that fetch does not connect to, so the look at the gateway ends at once.
const url = ['--gateway-url', 'http://127.0.0.1:9/sms', '--anyway'];

it('sets up, checks and restores a tenant, with credentials from the environment', async () => {
  const setup = await run(application, 'setup', ...url, '--yes');
  expect(setup).toMatchObject({ code: 0, stderr: '' });
  const made = readFileSync(join(folder, 'auth0-secret'), 'utf8').trimEnd();
  expect(auth0.connections[0]!.options.gateway_authentication).toMatchObject({ secret: made });

  const check = await run(application, 'check', '--json');
  expect(check).toMatchObject({ code: 0, stderr: '' });
  const { findings } = JSON.parse(check.stdout) as { findings: { check: string; level: string }[] };
  expect(findings).toContainEqual(expect.objectContaining({ check: 'auth0_secret', level: 'ok' }));

  const restored = await run(application, 'restore', '--yes');
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(auth0.connections[0]!.options).toEqual(twilioConnection().options);
  const said = [setup, check, restored].map(({ stdout }) => stdout).join('');
  for (const hidden of [made, management.clientSecret, 'granted-0', 'twilio-token-of-this-test'])
    expect(said).not.toContain(hidden);
});

it('says in a sentence what is wrong, and leaves exit code 1', async () => {
  auth0.scopes.delete('read:connections');
  const scope = await run({ AUTH0_MANAGEMENT_TOKEN: management.token }, 'setup', ...url, '--yes');
  expect(scope.code).toBe(1);
  expect(scope.stderr).toMatch(/^simgate: .*lacks a scope: grant read:connections.*\n$/);
  const nobody = await run({}, 'setup', ...url);
  expect(nobody.code).toBe(1);
  expect(nobody.stderr).toMatch(
    /^simgate: a Management API token is missing: give it as AUTH0_MANAGEMENT_TOKEN.*\n$/,
  );
});

it.each([
  ['https://gateway.lan/sms', 'known in a local network only'],
  ['http://127.0.0.1:9/sms', 'known in a local network only'],
])('leaves exit code 1 and an untouched tenant for %s', async (gatewayUrl, words) => {
  const { code, stderr } = await run(application, 'setup', '--gateway-url', gatewayUrl, '--yes');
  expect(code).toBe(1);
  expect(stderr).toContain(words);
  expect(auth0.writes).toEqual([]);
});

it('has no rotation to tell of, and needs no credentials to say so', async () => {
  const { code, stdout } = await run({}, 'rotate', '--status');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'No rotation is under way.\n' });
});
