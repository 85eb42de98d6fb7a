/**
 * The command line: what an operator types, and the exit code and sentence that come back.
 * Knows nothing of: the inside of any room; each command hands over at once.
 * Way: arguments → the module of the command, loaded only now → exit code; every error leaves
 * through `tell`.
 */

import { parseArgs } from 'node:util';
import { closeProcess } from '../daemon/closed-process.js';

/**
 * EX_CONFIG (sysexits.h): the unit's RestartPreventExitStatus, for starting anew mends no
 * configuration and no option of Node's.
 */
const wrongConfiguration = 78;

closeProcess();
// `simgate status | head -1`, a terminal that was closed: who reads has left, and nobody is there
// to be told. What is under way goes on, as a message that is sent, or a daemon; the exit code says
// how it ended.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!['EPIPE', 'EIO'].includes(error.code ?? '')) void end(error);
  });

try {
  await run(process.argv);
} catch (error) {
  await end(error);
}

/** What the command has found out before is true, though it could not be said. */
async function end(error: unknown): Promise<void> {
  const code = await tell(error);
  process.exitCode ??= code;
}

/** Says what ended the command; resolves with the exit code. */
async function tell(error: unknown): Promise<number> {
  const { fatalText, isForPeople } = await import('../words/error-text.js');
  if (!isForPeople(error)) {
    console.error(fatalText(error));
    return 1;
  }
  console.error(`simgate: ${error.message}`);
  return ['ConfigError', 'OpenProcessError'].includes(error.name) ? wrongConfiguration : 1;
}

/**
 * The daemon has a way in of its own: what reads the other commands would stay in its memory for
 * years.
 */
async function run(argv: readonly string[]): Promise<void> {
  const config = argv[2] === 'serve' ? await configOfServe(argv.slice(3)) : undefined;
  if (config === undefined) {
    const { runCommand } = await import('./commands.js');
    return runCommand(argv);
  }
  const { serve } = await import('../daemon/serve.js');
  return serve(config, process.env);
}

/**
 * Undefined when the words are not those of a plain start: the other way then says what is wrong
 * with them.
 */
async function configOfServe(words: string[]): Promise<string | undefined> {
  const { defaultConfigFile } = await import('../config/config.js');
  try {
    const options = { config: { type: 'string', short: 'c', default: defaultConfigFile } } as const;
    return parseArgs({ args: words, options }).values.config;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
