/** `simgate auth0 test`: by whom Auth0 is made to send the message. */

import { askFor } from '../terminal.js';
import { listApplications, usualConnectionName } from './connection.js';
import { type ConfigFlag, contextOf, knownDomain } from './context.js';
import { openManagementApi, type TenantFlags, tenantDomain } from './credentials.js';
import type { Auth0Context, Auth0Environment } from './environment.js';
import type { PhoneExperience } from './experience.js';
import type { SetupRecord } from './folder.js';
import { startLogin, startProviderTest, testMessage } from './login-test.js';
import { parseTenant } from './tenant.js';

/** What the flags say. */
export interface TestFlags extends ConfigFlag, TenantFlags {
  connection?: string;
  experience?: PhoneExperience;
  clientIdApp?: string;
}

/**
 * Has Auth0 send a message to `recipient` (E.164), and says what became of it; resolves with
 * whether the network took it, as far as it can be known.
 */
export async function testDelivery(
  recipient: string,
  flags: TestFlags,
  environment: Auth0Environment,
): Promise<boolean> {
  const context = contextOf(flags, environment);
  const { callerFlag } = context.config;
  const domain = await tenantDomain(flags, await knownDomain(context), environment);
  const setup = await context.folder.readSetup(parseTenant(domain).domain);
  const isLogin =
    namedApplication(flags, environment) !== undefined ||
    (flags.experience ?? setup?.experience) !== 'unified';
  const start = isLogin
    ? await loginOf(recipient, domain, flags, setup, environment)
    : await providerTestOf(recipient, domain, flags, context);
  const what = isLogin ? 'a login' : "a test message of Auth0's phone provider";
  const test = { domain, recipient, what, start, callerFlag };
  return testMessage(test, context.daemon, environment);
}

async function loginOf(
  recipient: string,
  domain: string,
  flags: TestFlags,
  setup: SetupRecord | undefined,
  environment: Auth0Environment,
): Promise<() => ReturnType<typeof startLogin>> {
  const login = {
    domain,
    connection: flags.connection ?? setup?.connection_name ?? usualConnectionName,
    clientId: await applicationId(flags, setup, environment),
    // Only from the environment: other users of the machine see the command line.
    clientSecret: environment.env.AUTH0_APP_CLIENT_SECRET || undefined,
    recipient,
  };
  return () => startLogin(login, environment);
}

/** In the unified experience no application is needed: the phone provider has a test of its own. */
async function providerTestOf(
  recipient: string,
  domain: string,
  flags: TestFlags,
  { config, environment }: Auth0Context,
): Promise<() => ReturnType<typeof startProviderTest>> {
  const api = await openManagementApi(flags, domain, environment);
  return () => startProviderTest(api, recipient, config.callerFlag);
}

const namedApplication = (
  { clientIdApp }: TestFlags,
  { env }: Auth0Environment,
): string | undefined => clientIdApp ?? (env.AUTH0_APP_CLIENT_ID || undefined);

/**
 * The client id from flag or environment. Else a person is asked, with those that Auth0 names for
 * the connection.
 */
async function applicationId(
  flags: TestFlags,
  setup: SetupRecord | undefined,
  environment: Auth0Environment,
): Promise<string> {
  const { env, terminal } = environment;
  const given = namedApplication(flags, environment);
  if (given !== undefined) return given;
  const hasCredentials = [
    flags.token,
    flags.clientId,
    env.AUTH0_MANAGEMENT_TOKEN,
    env.AUTH0_CLIENT_ID,
  ].some(Boolean);
  if (terminal.isInteractive && hasCredentials && setup?.connection_id !== undefined) {
    const api = await openManagementApi(flags, setup.domain, environment);
    terminal.say('Applications for which the connection is on:');
    for (const id of await listApplications(api, setup.connection_id)) terminal.say(`  ${id}`);
  }
  const what = 'the client id of an application that logs in by SMS';
  return askFor(terminal, what, '--client-id-app or AUTH0_APP_CLIENT_ID');
}
