/**
 * `simgate auth0 check`: looks at the tenant, the configuration, the daemon and the gateway's URL,
 * and changes nothing.
 */

import { error, type Finding } from '../../doctor/finding.js';
import {
  checkUnified,
  judgeConnection,
  judgeDaemon,
  judgeExperience,
  judgePhoneTemplates,
  judgeToggles,
} from './check.js';
import {
  chooseConnection,
  concerned,
  listSmsConnections,
  presentOptions,
  wantedConnection,
} from './connection.js';
import type { Auth0Context } from './environment.js';
import { findExperience, type PhoneExperience } from './experience.js';
import { judgeGatewayUrl, probeGateway } from './gateway-url.js';
import type { ManagementApi } from './management.js';
import { configuredSecret } from './secret.js';
import { unifiedOptions } from './unified.js';

/** What the flags say. */
export interface CheckFlags {
  connection?: string;
  gatewayUrl?: string;
  experience?: PhoneExperience;
}

/** Everything that was found. Rejects with `ManagementError`, `ConfigError` or `OperatorError`. */
export async function checkAll(
  api: ManagementApi,
  flags: CheckFlags,
  context: Auth0Context,
): Promise<Finding[]> {
  const { config, folder, environment } = context;
  const secret = configuredSecret(config, environment.env);
  const setup = await folder.readSetup(api.domain);
  const connections = await listSmsConnections(api);
  const report = await findExperience(api, connections, flags.connection ?? setup?.connection_id);
  const experience = flags.experience ?? report.experience ?? setup?.experience;
  if (experience === undefined)
    return [
      error(
        'auth0_experience',
        report.evidence.join('; '),
        'name it: --experience legacy, or --experience unified',
      ),
    ];
  const findings = [judgeExperience(report, experience, setup?.experience, config.callerFlag)];
  let gatewayUrl = flags.gatewayUrl ?? setup?.gateway_url;
  if (experience === 'legacy') {
    const wanted = wantedConnection(flags.connection, connections, setup?.connection_id);
    const connection = await chooseConnection(connections, wanted, environment.terminal);
    const { gateway_url: atAuth0 } = presentOptions(connection);
    findings.push(...judgeConnection(connection, config, secret));
    if (typeof atAuth0 === 'string') gatewayUrl = atAuth0;
  } else if (gatewayUrl === undefined) {
    findings.push(
      error('auth0_gateway_url', 'the gateway URL is not known', 'name it: --gateway-url'),
    );
  } else {
    findings.push(...judgeGatewayUrl(gatewayUrl, config.auth0.path));
    findings.push(...(await checkUnified(api, unifiedOptions(config, gatewayUrl))));
    findings.push(...judgeToggles(concerned(connections, flags.connection)));
    findings.push(...(await judgePhoneTemplates(api, config)));
  }
  return [...findings, ...(await judgeHere(gatewayUrl, context))];
}

/** What can be found without the tenant. Rejects with `ConfigError` or `OperatorError`. */
export async function checkHere(flags: CheckFlags, context: Auth0Context): Promise<Finding[]> {
  const setups = await context.folder.readSetups();
  return judgeHere(flags.gatewayUrl ?? setups[0]?.gateway_url, context);
}

/** Daemon and gateway. */
async function judgeHere(
  gatewayUrl: string | undefined,
  { config, daemon, environment }: Auth0Context,
): Promise<Finding[]> {
  const secret = configuredSecret(config, environment.env);
  const findings = [await judgeDaemon(daemon, secret)];
  if (gatewayUrl !== undefined && URL.canParse(gatewayUrl))
    findings.push((await probeGateway(gatewayUrl, config, secret.key, environment)).finding);
  return findings;
}
