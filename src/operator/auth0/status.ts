/**
 * `simgate auth0 check`: looks at the tenant, the configuration, the daemon and the gateway's URL,
 * and changes nothing.
 */

import { loadConfig, viewOfAuth0 } from '../../config/config.js';
import { error, type Finding } from '../../doctor/finding.js';
import { OperatorError } from '../../errors.js';
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
import { type ConfigFlag, contextOf, knownDomain } from './context.js';
import { openManagementApi, type TenantFlags } from './credentials.js';
import { type Auth0Context, type Auth0Environment, tell } from './environment.js';
import { findExperience, type PhoneExperience } from './experience.js';
import { judgeGatewayUrl, probeGateway } from './gateway-url.js';
import { type ManagementApi, ManagementError } from './management.js';
import { configuredSecret } from './secret.js';
import { parseTenant } from './tenant.js';
import { unifiedOptions } from './unified.js';

/** What the flags say. */
interface CheckFlags {
  connection?: string;
  gatewayUrl?: string;
  experience?: PhoneExperience;
}

/** Everything that was found. Rejects with `ManagementError`, `ConfigError` or `OperatorError`. */
async function checkAll(
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
async function checkHere(flags: CheckFlags, context: Auth0Context): Promise<Finding[]> {
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

/** What the flags of the command say. */
export type CheckCommandFlags = ConfigFlag & TenantFlags & CheckFlags & { json?: boolean };

/** Tells everything of the caller that was named, else of all. False where anything is wrong. */
export async function checkCallers(
  flags: CheckCommandFlags,
  environment: Auth0Environment,
): Promise<boolean> {
  const { terminal } = environment;
  const names = namesToCheck(flags, environment);
  const checked: { caller: string; findings: Finding[] }[] = [];
  for (const caller of names) {
    if (names.length > 1 && !flags.json) terminal.say(`Caller ${caller}:`);
    const findings = await checkOf({ ...flags, caller }, environment, names.length > 1);
    checked.push({ caller, findings });
    if (!flags.json) tell(findings, environment, true);
  }
  const [only] = checked;
  const told = checked.length === 1 ? { findings: only?.findings } : { callers: checked };
  if (flags.json) terminal.say(JSON.stringify(told, undefined, 2));
  return checked.every(({ findings }) => findings.every(({ level }) => level !== 'error'));
}

/** The caller that was named, else all of the kind. */
function namesToCheck({ config: file, caller }: ConfigFlag, { env }: Auth0Environment): string[] {
  if (caller !== undefined) return [caller];
  const config = loadConfig(file, env);
  const ofKind = config.callers.filter(({ kind }) => kind === 'auth0').map(({ name }) => name);
  // Where there is none, what says so.
  return ofKind.length > 0 ? ofKind : [viewOfAuth0(config).caller];
}

/**
 * What is to be said of one caller. Of several, one whose tenant is another than the one that is
 * asked, or does not answer, ends none: what can be seen from here is looked at.
 */
async function checkOf(
  flags: ConfigFlag & TenantFlags & CheckFlags,
  environment: Auth0Environment,
  isOneOfSeveral: boolean,
): Promise<Finding[]> {
  const context = contextOf(flags, environment);
  const known = await knownDomain(context);
  const apart = {
    check: 'auth0_tenant',
    remedy: `check it by itself, with its tenant's credentials: simgate auth0 check${context.config.callerFlag}`,
  };
  const asked = flags.domain ?? (environment.env.AUTH0_DOMAIN || undefined);
  const isElsewhere =
    asked !== undefined && ![undefined, parseTenant(asked).domain].includes(known);
  if (isOneOfSeveral && isElsewhere) {
    const what = `its tenant is ${known}, and the credentials are for ${parseTenant(asked).domain}: not looked at`;
    return [{ ...apart, level: 'warning', what }, ...(await checkHere(flags, context))];
  }
  try {
    return await checkAll(await openManagementApi(flags, known, environment), flags, context);
  } catch (error) {
    const isFault = error instanceof ManagementError || error instanceof OperatorError;
    if (!isOneOfSeveral || !isFault) throw error;
    const what = error.message;
    return [{ ...apart, level: 'error', what }, ...(await checkHere(flags, context))];
  }
}
