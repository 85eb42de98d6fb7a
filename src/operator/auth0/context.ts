/** What a command for Auth0 works with, by its flags. */

import { type Auth0View, loadConfig, viewOfAuth0 } from '../../config/config.js';
import { openManagementApi, type TenantFlags } from './credentials.js';
import type { Auth0Context, Auth0Environment } from './environment.js';
import { Auth0Folder } from './folder.js';
import type { ManagementApi } from './management.js';

/** Which configuration, and which caller of it. */
export interface ConfigFlag {
  /** Which caller of the kind auth0; needed only where there are several. */
  caller?: string;
  config: string;
}

/** @throws ConfigError, or OperatorError where it is not clear which caller is meant */
export function contextOf(
  { config: file, caller }: ConfigFlag,
  environment: Auth0Environment,
): Auth0Context {
  const whole = loadConfig(file, environment.env);
  const config = viewOfAuth0(whole, caller);
  const sidesOf = (view: Auth0View) => ({
    config: view,
    folder: new Auth0Folder(view.stateDir, environment.place.uid, view.caller),
  });
  return {
    ...sidesOf(config),
    others: whole.callers
      .filter(({ kind, name }) => kind === 'auth0' && name !== config.caller)
      .map(({ name }) => sidesOf(viewOfAuth0(whole, name))),
    daemon: environment.daemonAt(config.control.socket, config.caller),
    environment,
  };
}

/**
 * Runs a command at the Management API of the caller's tenant.
 * @param domainOfRotation the tenant of one that is under way
 */
export async function withApi(
  flags: ConfigFlag & TenantFlags,
  environment: Auth0Environment,
  run: (api: ManagementApi, context: Auth0Context) => Promise<void>,
  domainOfRotation?: string,
): Promise<void> {
  const context = contextOf(flags, environment);
  const known = domainOfRotation ?? (await knownDomain(context));
  await run(await openManagementApi(flags, known, environment), context);
}

/** The tenant that was set up from here; undefined where there is none, or several. */
export async function knownDomain({ folder }: Auth0Context): Promise<string | undefined> {
  const setups = await folder.readSetups();
  return setups.length === 1 ? setups[0]!.domain : undefined;
}
