/** The world outside of the set-up commands, so that a test can be it. */

import { setTimeout as delay } from 'node:timers/promises';
import { type DaemonLink, daemonAt } from './daemon-link.js';
import type { SecretPlace } from './secret.js';
import { ownTerminal, type Terminal } from './terminal.js';

/** Everything the commands touch beside files. */
export interface Auth0Environment {
  env: NodeJS.ProcessEnv;
  fetch: typeof fetch;
  terminal: Terminal;
  /** Waits that many milliseconds; rejects when `signal` aborts. */
  wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** A monotonic clock, in milliseconds. */
  clock: () => number;
  /** The wall clock. */
  now: () => Date;
  daemonAt: (socket: string) => DaemonLink;
  place: SecretPlace;
}

/** Those of this process. */
export function ownAuth0Environment(): Auth0Environment {
  return {
    env: process.env,
    fetch: globalThis.fetch,
    terminal: ownTerminal(),
    wait: (ms, signal) => delay(ms, undefined, { signal }),
    clock: () => performance.now(),
    now: () => new Date(),
    daemonAt,
    place: { uid: process.getuid!(), gid: process.getgid!(), groupFile: '/etc/group' },
  };
}
