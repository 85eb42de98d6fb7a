/** Who asks Auth0, and which tenant: from flags, else the environment, else a person. */

import { OperatorError } from '../../errors.js';
import { readPrivateFile } from '../../secret/private-file.js';
import { askFor } from '../terminal.js';
import type { Auth0Environment } from './environment.js';
import { type Credentials, ManagementApi } from './management.js';

/** The flags that all commands which ask the Management API have. */
export interface TenantFlags {
  domain?: string;
  token?: string;
  clientId?: string;
  clientSecret?: string;
  clientSecretFile?: string;
}

/**
 * The Management API of the tenant that flags, environment, `knownDomain` or a person name. Throws
 * {@link OperatorError}.
 */
export async function openManagementApi(
  flags: TenantFlags,
  knownDomain: string | undefined,
  environment: Auth0Environment,
): Promise<ManagementApi> {
  const domain = await tenantDomain(flags, knownDomain, environment);
  const { terminal, env, fetch, wait } = environment;
  const credentials = await readCredentials(flags, environment);
  return new ManagementApi(domain, credentials, {
    say: (line) => terminal.say(line),
    env,
    fetch,
    wait,
  });
}

/** The tenant's domain, as it was given. */
export async function tenantDomain(
  { domain }: TenantFlags,
  knownDomain: string | undefined,
  { env, terminal }: Auth0Environment,
): Promise<string> {
  return (
    domain ??
    present(env.AUTH0_DOMAIN) ??
    knownDomain ??
    (await askFor(
      terminal,
      "the tenant's domain, as example.eu.auth0.com",
      '--domain or AUTH0_DOMAIN',
    ))
  );
}

/** What a flag says counts before what the environment says; a token before an application. */
async function readCredentials(
  flags: TenantFlags,
  { env, terminal }: Auth0Environment,
): Promise<Credentials> {
  if (flags.token !== undefined) return { token: flags.token };
  const isAppNamed = flags.clientId !== undefined;
  const token = present(env.AUTH0_MANAGEMENT_TOKEN);
  if (!isAppNamed && token !== undefined) return { token };
  const clientId = flags.clientId ?? present(env.AUTH0_CLIENT_ID);
  if (clientId === undefined) return askForToken(terminal);
  const clientSecret =
    flags.clientSecret ??
    (await secretFromFile(flags.clientSecretFile)) ??
    present(env.AUTH0_CLIENT_SECRET);
  const flag = '--client-secret-file or AUTH0_CLIENT_SECRET';
  return {
    clientId,
    clientSecret:
      clientSecret ?? (await askFor(terminal, 'the client secret', flag, { isSecret: true })),
  };
}

async function askForToken(terminal: Auth0Environment['terminal']): Promise<Credentials> {
  const flag = 'AUTH0_MANAGEMENT_TOKEN, or AUTH0_CLIENT_ID with AUTH0_CLIENT_SECRET';
  return { token: await askFor(terminal, 'a Management API token', flag, { isSecret: true }) };
}

async function secretFromFile(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = (await readPrivateFile(file))?.trim();
  if (text === undefined || text === '') throw new OperatorError(`${file} holds no client secret`);
  return text;
}

/** An empty variable is none. */
function present(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
