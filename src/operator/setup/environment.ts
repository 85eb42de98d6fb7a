/** What the wizard works with, so that a test can give it another. */

import type { Logger } from 'winston';
import { type Machine, thisMachine } from '../../doctor/this-machine.js';
import { createLog } from '../../log.js';
import type { SecretPlace } from '../auth0/secret.js';
import { ownTerminal, type Terminal } from '../auth0/terminal.js';

/** Where files are made, and for whom. */
export interface SetupPlace extends SecretPlace {
  /** passwd(5). */
  passwdFile: string;
}

/** Everything the wizard touches beside the files of the configuration. */
export interface SetupEnvironment {
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  /** What doctor looks at. */
  machine: Machine;
  place: SetupPlace;
  /** What happens while a test message is sent. */
  log: Logger;
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
  };
}
