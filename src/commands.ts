import { Command, InvalidArgumentError, Option } from 'commander';
import { ConfigError, checkConfig, defaultConfigFile, loadConfig, loadSecrets } from './config.js';
import type { CommonOptions } from './doctor/cli.js';
import { toE164 } from './e164.js';
import { version } from './version.js';

const program = new Command('simgate')
  .description('Sends the one-time codes of Auth0 passwordless logins as SMS through your own USB modem.')
  .version(version)
  .showHelpAfterError();

const configOption = () => new Option('-c, --config <file>', 'the configuration').default(defaultConfigFile);

program
  .command('serve')
  .description('run the daemon')
  .addOption(configOption())
  .action(async ({ config }: { config: string }) => {
    const { serve } = await import('./serve.js');
    await serve(config, process.env);
  });

program
  .command('check-config')
  .description('say everything that is wrong with a configuration, and touch nothing')
  .argument('[file]', 'the configuration', defaultConfigFile)
  .action((file: string) => {
    const { problems, warnings } = checkConfig(file, process.env);
    for (const warning of warnings) console.log(`warning: ${warning}`);
    if (problems.length > 0) throw new ConfigError(file, problems);
    console.log(`${file}: no problems`);
  });

const optionalConfigOption = () =>
  new Option('-c, --config <file>', `the configuration; ${defaultConfigFile} if it is there`);
const jsonOption = () => new Option('--json', 'for programs');

program
  .command('doctor')
  .description(
    'look at this machine and its modems, and say what is wrong and what to do; exit code 1 if anything is',
  )
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .option('--send <number>', 'send a test message to this number, as +4915112345678', e164)
  .action(async (options: CommonOptions & { send?: string }) => {
    const { doctor } = await import('./doctor/cli.js');
    await doctor(options);
  });

program
  .command('modems')
  .description('list what is plugged in: ttys, which one is for AT commands and why, and what to configure')
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .action(async (options: CommonOptions) => {
    const { modems } = await import('./doctor/cli.js');
    await modems(options);
  });

program
  .command('ussd')
  .description('ask the carrier by a USSD code, as for the balance')
  .argument('<code>', "in quotes, as '*100#'")
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .option('--modem <name>', 'which modem, if there are several')
  .action(async (code: string, options: CommonOptions & { modem?: string }) => {
    const { ussd } = await import('./doctor/cli.js');
    await ussd(code, options);
  });

program
  .command('token')
  .description('mint a token as Auth0 would send it, for a trial with curl')
  .addOption(configOption())
  .option('--expires-in <seconds>', 'its life', wholeSeconds, 300)
  .action(async ({ config: file, expiresIn }: { config: string; expiresIn: number }) => {
    const { mintToken } = await import('./token.js');
    const config = loadConfig(file, process.env);
    const secret = loadSecrets(config, process.env).current;
    const { subject, audience } = config.auth0;
    console.log(await mintToken({ secret, subject, audience, expiresInS: expiresIn }));
  });

program
  .command('demo')
  .description('a login code through a virtual modem: the whole way, without hardware')
  .option('--once', 'end by itself after the three messages')
  .action(async ({ once = false }: { once?: boolean }) => {
    const { demo } = await import('./demo.js');
    await demo({ once });
  });

// Loaded for its own command only: the daemon needs none of it.
if (process.argv[2] === 'simulate' || process.argv.includes('--help') || process.argv.includes('help')) {
  const { simulateCommand } = await import('./simulator/command.js');
  program.addCommand(simulateCommand());
}

function e164(text: string): string {
  const number = toE164(text);
  if (number === undefined) throw new InvalidArgumentError('+ and 7 to 15 digits (ITU-T E.164)');
  return number;
}

function wholeSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isSafeInteger(seconds) || seconds < 1)
    throw new InvalidArgumentError('a whole number of seconds, 1 or more');
  return seconds;
}

/** Runs the command that `argv` (as `process.argv`) names; rejects with what went wrong. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  await program.parseAsync([...argv]);
}
