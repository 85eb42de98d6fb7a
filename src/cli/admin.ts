import { Command, Option } from 'commander';
import { defaultConfigFile } from '../config/config.js';
import { type PasswordOptions, setPassword } from '../operator/admin/set-password.js';
import { ownSetupEnvironment } from '../operator/setup/environment.js';

/** `simgate admin …`. Its actions reject with `OperatorError` when nothing was changed. */
export function adminCommand(): Command {
  const admin = new Command('admin').description('the page of the admin listener');
  admin
    .command('password')
    .description(
      'set the password of the admin listener: asked for twice, or one line on standard input; kept as a hash in admin.password_file',
    )
    .addOption(new Option('-c, --config <file>', 'the configuration').default(defaultConfigFile))
    .action((options: PasswordOptions) =>
      setPassword(options, ownSetupEnvironment(), process.stdin),
    );
  return admin;
}
