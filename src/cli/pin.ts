import { Command, Option } from 'commander';
import { defaultConfigFile } from '../config/config.js';
import { ownSetupEnvironment } from '../operator/setup/environment.js';
import { enterPin, type PinEntryFlags } from '../operator/setup/pin-entry.js';

/**
 * `simgate pin`. Its action rejects with `OperatorError`; the exit code is 1 too where the SIM is
 * not ready.
 */
export function pinCommand(): Command {
  const command = new Command('pin').description("the SIM's PIN, when a person has to enter it");
  command
    .command('enter')
    .description(
      'enter the PIN of a SIM that asks for it: shows the tries left, reads it from the terminal, tries it once, and never with one try left',
    )
    .addOption(
      new Option('-c, --config <file>', `the configuration; ${defaultConfigFile} if it is there`),
    )
    .option('--modem <name>', 'which modem, if there are several')
    .action(async (flags: PinEntryFlags) => {
      if (!(await enterPin(flags, ownSetupEnvironment()))) process.exitCode = 1;
    });
  return command;
}
