/** The world outside of the wizard, so that a test can be it. */

import type { Logger } from 'winston';
import { ownSurroundings, type Surroundings } from '../../doctor/surroundings.js';
import { createLog } from '../../log.js';
import type { SecretPlace } from '../auth0/secret.js';
import { ownTerminal, type Terminal } from '../auth0/terminal.js';

/** Where files are made, and for whom. */
export interface SetupPlace extends SecretPlace {
  /** passwd(5). */
  passwdFile: string;
}

/** Everything the wizard touches beside the files of the configuration. */
export interface SetupSurroundings {
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  /** What doctor looks at. */
  machine: Surroundings;
  place: SetupPlace;
  /** What happens while a test message is sent. */
  log: Logger;
}

/** Those of this process. */
export function ownSetupSurroundings(): SetupSurroundings {
  return {
    env: process.env,
    terminal: ownTerminal(),
    machine: ownSurroundings(),
    place: {
      uid: process.getuid!(),
      gid: process.getgid!(),
      groupFile: '/etc/group',
      passwdFile: '/etc/passwd',
    },
    log: createLog({ level: 'warn', format: 'text', stream: process.stderr }),
  };
}
