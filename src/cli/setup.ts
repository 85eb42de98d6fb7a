import { Command, Option } from 'commander';
import { defaultConfigFile } from '../config/config.js';
import { callerChoices } from '../operator/setup/caller-step.js';
import { ownSetupEnvironment, type SetupEnvironment } from '../operator/setup/environment.js';
import { type SetupFlags, setUp } from '../operator/setup/wizard.js';

/**
 * `simgate setup`. Its action rejects with `OperatorError` when nothing was changed; the exit code
 * is 1 too when something is still wrong.
 */
export function setupCommand(environment?: SetupEnvironment): Command {
  return new Command('setup')
    .description(
      'find the modem, ask what must be known, write configuration and secret, and say what comes next; run again, it changes ' +
        'what you answer otherwise. Without a terminal it asks nothing: every answer is an option',
    )
    .addOption(new Option('-c, --config <file>', 'the configuration').default(defaultConfigFile))
    .option('--modem <name>', 'which [[modem]], if there are several; a new name adds one')
    .option(
      '--device <device>',
      'the path of its tty, auto, usb:VVVV:PPPP[:SERIAL], imei:…, tcp://… or rfc2217://…',
    )
    .option(
      '--pin-file <file>',
      'where the PIN is, or is to be written (the PIN itself: asked for, or SIMGATE_PIN in the environment)',
    )
    .option('--countries <codes>', 'that may be written to, as DE,AT; * is every one')
    .addOption(
      new Option('--caller <who>', 'Auth0, or a program of yours with a token').choices(
        callerChoices,
      ),
    )
    .option('--subject <sub>', 'of its tokens')
    .option('--audience <aud>', 'of its tokens')
    .option('--secret-file <file>', 'where the secret is, or is to be made')
    .option(
      '--url <url>',
      'under which the world reaches this gateway, as https://sms.example.com/sms',
    )
    .option('--send <number>', 'send a test message there, as +4915112345678')
    .option('--dry-run', 'say what would change, and change nothing')
    .option('-y, --yes', 'do not ask: take what is there and what would be proposed')
    .action(async (flags: SetupFlags) => {
      if (!(await setUp(flags, environment ?? ownSetupEnvironment()))) process.exitCode = 1;
    });
}
