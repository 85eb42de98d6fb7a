/** `simgate service`: for an installation by npm; the Debian package brings its service along. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { OperatorError } from '../errors.js';
import { install, type System, show, uninstall } from '../operator/service/install.js';
import { findInstallation, planFor, whyNotForService } from '../operator/service/plan.js';

const thisSystem: System = {
  tree: '/',
  isRoot: process.getuid?.() === 0,
  hasSystemd: existsSync('/run/systemd/system'), // sd_booted(3)
  run([file = '', ...args]) {
    const { status, error, signal } = spawnSync(file, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    if (error) throw error;
    return status ?? (signal === null ? 1 : 128);
  },
  say: (line) => console.log(line),
};

/** The command and those below it; their actions throw `OperatorError`. */
export function serviceCommand(): Command {
  const command = new Command('service').description(
    'have systemd run this simgate, where npm has installed it: units, udev rules, user',
  );
  command
    .command('install')
    .description('write the files, start nothing; a second time it brings them up to date')
    .option('--dry-run', 'show the files and commands, and change nothing')
    .action(({ dryRun = false }: { dryRun?: boolean }) => {
      const installation = findInstallation();
      const plan = planFor(installation);
      const why = whyNotForService(installation);
      if (dryRun) {
        show(plan, thisSystem);
        if (why !== undefined) console.log(`\nIt would be refused here: ${why}`);
        return;
      }
      if (why !== undefined)
        throw new OperatorError(
          `${why}. Install Node and simgate for the whole machine: sudo npm install -g simgate`,
        );
      install(plan, thisSystem);
    });
  command
    .command('uninstall')
    .description(
      'stop the service and remove the files; configuration, secrets, journal and user stay',
    )
    .action(() => uninstall(planFor(findInstallation()), thisSystem));
  return command;
}
