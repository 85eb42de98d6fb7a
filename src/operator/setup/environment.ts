/** What the wizard works with, so that a test can give it another. */

import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Logger } from 'winston';
import { type Machine, thisMachine } from '../../doctor/this-machine.js';
import { createLog } from '../../log.js';
import { accountIn } from '../../secret/accounts.js';
import type { SetupPlace } from '../rights.js';
import { findInstallation } from '../service/plan.js';
import { ownTerminal, type Terminal } from '../terminal.js';
import { otherGatewayFiles } from './other-gateways.js';

/** Everything the wizard touches beside the files of the configuration. */
export interface SetupEnvironment {
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  /** What doctor looks at. */
  machine: Machine;
  place: SetupPlace;
  /** What happens while a test message is sent. */
  log: Logger;
  /** Where other SMS programs say which modem they use. */
  otherFiles: readonly string[];
  installation: SetupInstallation;
}

/** What the last lines need to know of the installation. */
export interface SetupInstallation {
  /** What to type to run this very simgate. */
  command: string;
  /** The folder of the documentation. */
  docs: string;
  /** Whether systemd has the unit of simgate. */
  hasService: boolean;
}

/** The real ones, of this process. */
export function ownSetupEnvironment(): SetupEnvironment {
  return {
    env: process.env,
    terminal: ownTerminal(),
    machine: thisMachine(),
    place: {
      uid: process.getuid!(),
      gid: process.getgid!(),
      groupFile: '/etc/group',
      passwdFile: '/etc/passwd',
    },
    log: createLog({ level: 'warn', format: 'text', stream: process.stderr }),
    otherFiles: otherGatewayFiles(homes()),
    installation: ownInstallation(),
  };
}

/** Of who runs this, and of who called root by sudo: `.gammurc` is a person's. */
function homes(): string[] {
  const { HOME, SUDO_USER } = process.env;
  const caller = SUDO_USER ? accountIn('/etc/passwd', SUDO_USER) : undefined;
  return [...new Set([HOME, caller?.[5]].flatMap((home) => home || []))];
}

/** As this process was installed: by a package, by npm, or not at all. */
function ownInstallation(): SetupInstallation {
  const { folder, node, cli } = findInstallation();
  const docs = [join(folder, 'docs'), '/usr/share/doc/simgate/docs'].find(existsSync) ?? 'docs';
  const units = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
  return {
    command: isOnPath(cli) ? 'simgate' : `${node} ${cli}`,
    docs,
    hasService: units.some((unitFolder) => existsSync(join(unitFolder, 'simgate.service'))),
  };
}

/** Whether `simgate` alone means this one: npm's link to it, or the command of the package. */
function isOnPath(cli: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, 'simgate')).find((path) => existsSync(path));
  if (found === undefined) return false;
  return realpathSync(found) === cli || cli.startsWith('/usr/lib/simgate/');
}
