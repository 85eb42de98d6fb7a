/** The subcommands of `simgate auth0`: flags in, exit code out. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { defaultConfigFile } from '../config/config.js';
import { type TestFlags, testDelivery } from '../operator/auth0/begin-test.js';
import { type ConfigFlag, contextOf, withApi } from '../operator/auth0/context.js';
import type { TenantFlags } from '../operator/auth0/credentials.js';
import { type Auth0Environment, ownAuth0Environment } from '../operator/auth0/environment.js';
import { experiences } from '../operator/auth0/folder.js';
import { type RestoreFlags, restore } from '../operator/auth0/restore.js';
import { describeRotation, type RotateFlags, rotateSecret } from '../operator/auth0/rotate.js';
import { type Auth0SetupFlags, setUpAuth0 } from '../operator/auth0/setup.js';
import { type CheckCommandFlags, checkCallers } from '../operator/auth0/status.js';
import { e164 } from './arguments.js';

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
    .action(async (flags: CheckCommandFlags) => {
      if (!(await checkCallers(flags, environment))) process.exitCode = 1;
    });
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
      if (!(await testDelivery(recipient, flags, environment))) process.exitCode = 1;
    });
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

function wholeMinutes(text: string): number {
  const minutes = Number(text);
  if (!Number.isSafeInteger(minutes) || minutes < 1 || minutes > 1440)
    throw new InvalidArgumentError('a whole number of minutes, 1 to 1440');
  return minutes;
}
