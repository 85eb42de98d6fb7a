/** The subcommands of `simgate auth0`: flags in, exit code out. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { type Auth0View, defaultConfigFile, loadConfig, viewOfAuth0 } from '../config/config.js';
import type { Finding } from '../doctor/finding.js';
import { OperatorError } from '../errors.js';
import { listApplications, usualConnectionName } from '../operator/auth0/connection.js';
import {
  openManagementApi,
  type TenantFlags,
  tenantDomain,
} from '../operator/auth0/credentials.js';
import {
  type Auth0Context,
  type Auth0Environment,
  ownAuth0Environment,
  tell,
} from '../operator/auth0/environment.js';
import type { PhoneExperience } from '../operator/auth0/experience.js';
import { Auth0Folder, experiences, type SetupRecord } from '../operator/auth0/folder.js';
import { startLogin, startProviderTest, testMessage } from '../operator/auth0/login-test.js';
import { type ManagementApi, ManagementError } from '../operator/auth0/management.js';
import { type RestoreFlags, restore } from '../operator/auth0/restore.js';
import { describeRotation, type RotateFlags, rotateSecret } from '../operator/auth0/rotate.js';
import { type Auth0SetupFlags, setUpAuth0 } from '../operator/auth0/setup.js';
import { type CheckFlags, checkAll, checkHere } from '../operator/auth0/status.js';
import { parseTenant } from '../operator/auth0/tenant.js';
import { askFor } from '../operator/terminal.js';
import { e164 } from './arguments.js';

interface ConfigFlag {
  /** Which caller of the kind auth0; needed only where there are several. */
  caller?: string;
  config: string;
}

/** `simgate auth0` and all below it. */
export function auth0Command(environment: Auth0Environment = ownAuth0Environment()): Command {
  const command = new Command('auth0').description(
    'set up Auth0 for this gateway, see whether all fits together, try a login, change the secret',
  );
  for (const make of [setupCommand, checkCommand, testCommand, rotateCommand, restoreCommand])
    command.addCommand(make(environment));
  return command;
}

function setupCommand(environment: Auth0Environment): Command {
  return withTenantFlags(new Command('setup'))
    .description('have Auth0 send its codes through this gateway, after showing what would change')
    .addOption(connectionOption())
    .addOption(experienceOption())
    .option(
      '--gateway-url <url>',
      'where Auth0 reaches this gateway, as https://sms.example.com/sms',
    )
    .option(
      '--deploy',
      'unified phone experience: create the Action, instead of printing it with the steps',
    )
    .option(
      '--replace',
      "with --deploy: replace another's Action or phone provider, after saving it",
    )
    .option(
      '--anyway',
      'go on with a gateway URL that Auth0 cannot reach, or that does not answer as simgate',
    )
    .option('--dry-run', 'show it, and change nothing')
    .option('-y, --yes', 'do not ask')
    .action((flags: ConfigFlag & TenantFlags & Auth0SetupFlags) =>
      withApi(flags, environment, (api, context) => setUpAuth0(api, flags, context)),
    );
}

function restoreCommand(environment: Auth0Environment): Command {
  return withTenantFlags(new Command('restore'))
    .description(
      "put back what setup has replaced: the connection's options, or another's Action and provider",
    )
    .addOption(connectionOption())
    .addOption(experienceOption())
    .option('--file <file>', 'this saved file, else the newest that setup saved')
    .option('--dry-run', 'show it, and change nothing')
    .option('-y, --yes', 'do not ask')
    .action((flags: ConfigFlag & TenantFlags & RestoreFlags) =>
      withApi(flags, environment, (api, context) => restore(api, flags, context)),
    );
}

function checkCommand(environment: Auth0Environment): Command {
  return withTenantFlags(new Command('check'))
    .description(
      'say whether tenant, configuration and daemon fit together; exit code 1 if anything is wrong',
    )
    .addOption(connectionOption())
    .addOption(experienceOption())
    .option('--gateway-url <url>', 'where Auth0 reaches this gateway, if setup was done elsewhere')
    .option('--json', 'for programs')
    .action(async (flags: ConfigFlag & TenantFlags & CheckFlags & { json?: boolean }) => {
      const { terminal } = environment;
      const names = namesToCheck(flags, environment);
      const checked: { caller: string; findings: Finding[] }[] = [];
      for (const caller of names) {
        if (names.length > 1 && !flags.json) terminal.say(`Caller ${caller}:`);
        const findings = await checkOf({ ...flags, caller }, environment, names.length > 1);
        checked.push({ caller, findings });
        if (!flags.json) tell(findings, environment, true);
        if (findings.some(({ level }) => level === 'error')) process.exitCode = 1;
      }
      const [only] = checked;
      const told = checked.length === 1 ? { findings: only?.findings } : { callers: checked };
      if (flags.json) terminal.say(JSON.stringify(told, undefined, 2));
    });
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

function rotateCommand(environment: Auth0Environment): Command {
  return withTenantFlags(new Command('rotate'))
    .description(
      'change the secret without a lost login; run again, it goes on where it was stopped',
    )
    .addOption(connectionOption())
    .addOption(experienceOption())
    .option('--all', 'give the new secret to everything in the tenant that signs with the old one')
    .option(
      '--wait <minutes>',
      'how long to wait for a login with the new secret',
      wholeMinutes,
      15,
    )
    .option('--others-have-both', 'with [shared]: the other boxes have got both secrets, go on')
    .option('--status', 'say how far it has come, and change nothing')
    .option('--forget', 'give a begun rotation up; the secret files stay as they are')
    .action(
      async (
        flags: ConfigFlag & TenantFlags & RotateFlags & { status?: boolean; forget?: boolean },
      ) => {
        const { folder } = contextOf(flags, environment);
        const begun = await folder.readRotation();
        if (flags.status || flags.forget)
          for (const line of describeRotation(begun)) environment.terminal.say(line);
        if (flags.forget && begun !== undefined) {
          await folder.removeRotation();
          environment.terminal.say(
            'It is forgotten. See which of the secret files Auth0 signs with before you remove one.',
          );
        }
        if (flags.status || flags.forget) return;
        await withApi(
          flags,
          environment,
          (api, context) => rotateSecret(api, flags, context),
          begun?.domain,
        );
      },
    );
}

interface TestFlags extends ConfigFlag, TenantFlags {
  connection?: string;
  experience?: PhoneExperience;
  clientIdApp?: string;
}

function testCommand(environment: Auth0Environment): Command {
  return withTenantFlags(new Command('test'))
    .description('begin a real login by SMS, and watch it arrive; exit code 1 if it does not')
    .argument('<number>', 'your own, as +4915112345678', e164)
    .addOption(connectionOption())
    .addOption(experienceOption())
    .option(
      '--client-id-app <id>',
      'an application for which the connection is on (or AUTH0_APP_CLIENT_ID)',
    )
    .action(async (recipient: string, flags: TestFlags) => {
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
      if (!(await testMessage(test, context.daemon, environment))) process.exitCode = 1;
    });
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

function withTenantFlags(command: Command): Command {
  return command
    .addOption(new Option('-c, --config <file>', 'the configuration').default(defaultConfigFile))
    .option(
      '--caller <name>',
      'which [[caller]] of the kind auth0, if there are several; that of [auth0] is auth0',
    )
    .option('--domain <domain>', "the tenant's domain, as example.eu.auth0.com (or AUTH0_DOMAIN)")
    .option(
      '--token <token>',
      'a Management API token (better AUTH0_MANAGEMENT_TOKEN: others see a command line)',
    )
    .option(
      '--client-id <id>',
      'a machine-to-machine application instead of a token (or AUTH0_CLIENT_ID)',
    )
    .option(
      '--client-secret <secret>',
      'its secret (better AUTH0_CLIENT_SECRET: others see a command line)',
    )
    .option('--client-secret-file <file>', 'a file with its secret');
}

const connectionOption = () =>
  new Option('--connection <name>', 'name or id of the SMS connection, if there are several');
const experienceOption = () =>
  new Option(
    '--experience <experience>',
    'do not go by what was found out about the tenant',
  ).choices(experiences);

function contextOf(
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

async function withApi(
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
async function knownDomain({ folder }: Auth0Context): Promise<string | undefined> {
  const setups = await folder.readSetups();
  return setups.length === 1 ? setups[0]!.domain : undefined;
}

function wholeMinutes(text: string): number {
  const minutes = Number(text);
  if (!Number.isSafeInteger(minutes) || minutes < 1 || minutes > 1440)
    throw new InvalidArgumentError('a whole number of minutes, 1 to 1440');
  return minutes;
}
