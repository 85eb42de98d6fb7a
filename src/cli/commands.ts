import { Command, InvalidArgumentError, Option } from 'commander';
import { defaultConfigFile, loadWhole } from '../config/config.js';
import { nearest } from '../config/config-error.js';
import { OperatorError } from '../errors.js';
import { summaryKeys } from '../journal/entries.js';
import { version } from '../version.js';
import { e164 } from './arguments.js';
import type { DaemonOptions } from './daemon.js';
import type { CommonOptions } from './doctor.js';
import { parseSince, type ShowLogOptions } from './log.js';
import type { HookOptions } from './recovery-hook.js';

const program = new Command('simgate')
  .description(
    'Sends the one-time codes of Auth0 passwordless logins, and of other callers, as SMS through your own USB modem.',
  )
  .version(version)
  .showHelpAfterError();

const configOption = () =>
  new Option('-c, --config <file>', 'the configuration').default(defaultConfigFile);

program
  .command('serve')
  .description('run the daemon')
  .addOption(configOption())
  .action(async ({ config }: { config: string }) => {
    const { serve } = await import('../daemon/serve.js');
    await serve(config, process.env);
  });

program
  .command('check-config')
  .description('say everything that is wrong with a configuration, and touch nothing')
  .argument('[file]', `the configuration; default: ${defaultConfigFile}`)
  .addOption(new Option('-c, --config <file>', 'the same, as the other commands have it'))
  .action(async (named: string | undefined, { config }: { config?: string }) => {
    if (named !== undefined && config !== undefined && named !== config)
      throw new OperatorError(`which one is to be checked, ${named} or ${config}?`);
    const file = named ?? config ?? defaultConfigFile;
    const { tellConfig } = await import('./check-config.js');
    await tellConfig(file, process.env);
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
    const { doctor } = await import('./doctor.js');
    await doctor(options);
  });

program
  .command('examine-start', { hidden: true })
  .description("as root, by doctor: say what keeps the service's user from starting the daemon")
  .requiredOption('--config <file>', 'the configuration')
  .requiredOption('--user <name>', "the service's user")
  .action(async (options: { config: string; user: string }) => {
    const { examineStart } = await import('./doctor.js');
    await examineStart(options);
  });

program
  .command('status')
  .description(
    'show how the running daemon is, on one screen; exit code 0 if a code would go out, 1 if degraded, 2 if down',
  )
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .option(
    '--alive',
    'exit code 0 if the daemon answers, whatever is in its way: for a health check',
  )
  .action(async (options: DaemonOptions & { alive?: boolean }) => {
    const { status } = await import('./status.js');
    await status(options);
  });

program
  .command('send')
  .description(
    'send a text through the running daemon, under its policy, at your cost; exit code 1 if it was not sent, 2 if nobody knows',
  )
  .argument('<number>', 'as +4915112345678', e164)
  .argument('<text>', 'in quotes')
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .action(async (number: string, text: string, options: DaemonOptions) => {
    const { send } = await import('./status.js');
    await send(number, text, options);
  });

program
  .command('modems')
  .description(
    'list what is plugged in: ttys, which one is for AT commands and why, and what to configure',
  )
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .action(async (options: CommonOptions) => {
    const { modems } = await import('./doctor.js');
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
    const { ussd } = await import('./doctor.js');
    await ussd(code, options);
  });

program
  .command('log')
  .description('show what became of the messages: the journal of the running daemon')
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .option('--to <number>', 'only those to this number', e164)
  .option('--caller <name>', 'only those of this [[caller]]; that of [auth0] is auth0')
  .option(
    '--since <when>',
    'only those since then: 90s, 30m, 2h, 7d ago, or a date and time',
    since,
  )
  .option('--status <number>', 'only those answered with this HTTP status', whole)
  .option('--id <id>', 'only the one with this id, which its answer had')
  .option('--code <code>', 'only those that failed with this code, as outcome_unknown')
  .option('--limit <count>', 'how many of the newest', whole, 100)
  .option('-f, --follow', 'go on with those that come')
  .option('--summary', 'totals instead of messages; by day unless --by says otherwise')
  .addOption(new Option('--by <what>', 'what to make the totals by').choices(summaryKeys))
  .action(
    async ({
      since: sinceMs,
      summary = false,
      by = summary ? 'day' : undefined,
      ...options
    }: DaemonOptions & Omit<ShowLogOptions, 'socket'> & { since?: number; summary?: boolean }) => {
      const { log } = await import('./daemon.js');
      await log({ ...options, sinceMs, by });
    },
  );

const alerts = program
  .command('alerts')
  .description('show what is wrong and was told, and the ways by which the operator is told')
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .action(async (options: DaemonOptions) => {
    const { showAlerts } = await import('./alerts.js');
    await showAlerts(options);
  });

alerts
  .command('test')
  .description('tell each way that this is a test; exit code 1 if one could not be told')
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .option('--way <name>', 'only this one')
  .action(async (_: DaemonOptions, command: Command) => {
    const { testAlerts } = await import('./alerts.js');
    await testAlerts(command.optsWithGlobals());
  });

const policy = program.command('policy').description('who may be written to, and how often');

policy
  .command('unlock')
  .description(
    'lift the lock-out and cool-down of this number, and let per_recipient count it anew',
  )
  .argument('<number>', 'as +4915112345678', e164)
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .action(async (to: string, options: DaemonOptions) => {
    const { unlock } = await import('./daemon.js');
    await unlock(to, options);
  });

policy
  .command('explain')
  .description(
    'say what would become of a message to this number now, and why; exit code 1 if it would be refused',
  )
  .argument('<number>', 'as +4915112345678', e164)
  .addOption(optionalConfigOption())
  .addOption(jsonOption())
  .option('--ip <address>', 'of the client who asks for the code')
  .option('--caller <name>', 'which [[caller]] asks for it; default: the first that is configured')
  .action(async (to: string, options: DaemonOptions & { ip?: string; caller?: string }) => {
    const { explainPolicy } = await import('./daemon.js');
    await explainPolicy(to, options);
  });

program
  .command('reload')
  .description('have the running daemon read its configuration and secrets anew, all or nothing')
  .addOption(optionalConfigOption())
  .action(async (options: DaemonOptions) => {
    const { reload } = await import('./daemon.js');
    await reload(options);
  });

program
  .command('token')
  .description(
    'mint a token as Auth0 would send it, or show what a caller of another kind sends, for a trial with curl',
  )
  .addOption(configOption())
  .option('--caller <name>', 'which [[caller]], if there are several; that of [auth0] is auth0')
  .option('--expires-in <seconds>', 'its life', whole, 300)
  .action(async (options: { config: string; caller?: string; expiresIn: number }) => {
    const { credentialFor } = await import('./credential.js');
    const { config, secrets } = loadWhole(options.config, process.env);
    console.log(await credentialFor(config, secrets, options));
  });

program
  .command('demo')
  .description('a login code through a virtual modem: the whole way, without hardware')
  .option('--once', 'end by itself after the four messages')
  .action(async ({ once = false }: { once?: boolean }) => {
    const { demo } = await import('./demo.js');
    await demo({ once });
  });

program
  .command('run-recovery-hook', { hidden: true })
  .description(
    'as root, by simgate-recover.service: run the recovery hook for each note that the daemon left',
  )
  .requiredOption('--drop-dir <folder>', 'where the notes are')
  .requiredOption('--taken-dir <folder>', 'where the hook finds them')
  .requiredOption('--hook <file>', 'the program to run')
  .requiredOption('--owner <user>', 'who may leave notes')
  .action(async (options: HookOptions) => {
    const { recoveryHook } = await import('./recovery-hook.js');
    recoveryHook(options);
  });

/**
 * Those that nobody else needs, each loaded for its own words only. What is none of them may be
 * misspelt, or ask for help: then all are.
 */
const apart: Readonly<Record<string, () => Promise<Command>>> = {
  admin: async () => (await import('./admin.js')).adminCommand(),
  auth0: async () => (await import('./auth0.js')).auth0Command(),
  pin: async () => (await import('./pin.js')).pinCommand(),
  plan: async () => (await import('./plan.js')).planCommand(),
  service: async () => (await import('./service.js')).serviceCommand(),
  setup: async () => (await import('./setup.js')).setupCommand(),
  simulate: async () => (await import('../simulator/simulate.js')).simulateCommand(),
};

async function loadFor(word: string): Promise<void> {
  const isHere = program.commands.some((command) => command.name() === word);
  if (isHere || ['-V', '--version'].includes(word)) return;
  const loads = word in apart ? [apart[word]!] : Object.values(apart);
  for (const load of loads) program.addCommand(await load());
}

/** The program with all its commands, for its manual. */
export async function wholeProgram(): Promise<Command> {
  await loadFor('');
  return program;
}

/** Says which command was probably meant: `unlock` is one of `policy`. */
function refuseUnknown(word: string): void {
  const visible = program.createHelp().visibleCommands(program);
  const known = [
    ...visible.map((command) => ({ name: command.name(), words: command.name() })),
    ...visible.flatMap((group) =>
      group.commands.map((command) => ({
        name: command.name(),
        words: `${group.name()} ${command.name()}`,
      })),
    ),
  ];
  const names = known.map(({ name }) => name);
  const near = names.includes(word) ? word : nearest(word, names);
  const meant = known.find(({ name }) => name === near)?.words;
  const hint = meant === undefined ? '' : `\n(Did you mean ${meant}?)`;
  program.error(`error: unknown command '${word}'${hint}`, { code: 'commander.unknownCommand' });
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('a whole number, 1 or more');
  return number;
}

function since(text: string): number {
  const wallMs = parseSince(text, Date.now());
  if (wallMs === undefined)
    throw new InvalidArgumentError('90s, 30m, 2h, 7d, or a date and time as 2026-11-23T14:30');
  return wallMs;
}

/** Runs the command that `argv` (as `process.argv`) names; rejects with what went wrong. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  await loadFor(argv[2] ?? '');
  program.on('command:*', ([word = '']: string[]) => refuseUnknown(word));
  await program.parseAsync([...argv]);
}
