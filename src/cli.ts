#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { ConfigError, checkConfig, loadConfig, loadSecrets } from './config.js';
import { StateDirError } from './state-dir.js';
import { version } from './version.js';

const defaultConfig = '/etc/simgate/simgate.toml';

const program = new Command('simgate')
  .description('Sends the one-time codes of Auth0 passwordless logins as SMS through your own USB modem.')
  .version(version)
  .showHelpAfterError();

const configOption = () => new Option('-c, --config <file>', 'the configuration').default(defaultConfig);

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
  .argument('[file]', 'the configuration', defaultConfig)
  .action((file: string) => {
    const { problems, warnings } = checkConfig(file, process.env);
    for (const warning of warnings) console.log(`warning: ${warning}`);
    if (problems.length > 0) throw new ConfigError(file, problems);
    console.log(`${file}: no problems`);
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

function wholeSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isSafeInteger(seconds) || seconds < 1)
    throw new InvalidArgumentError('a whole number of seconds, 1 or more');
  return seconds;
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof StateDirError || isListenError(error))) throw error;
  console.error(`simgate: ${error.message}`);
  process.exitCode = 1;
}

/** What a person can mend has a message that says how; anything else is a bug and shows its stack. */
function isListenError(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')
  );
}
