/** What the commands for Auth0 work with, so that a test can give them another. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Auth0View } from '../../config/config.js';
import type { Finding } from '../../doctor/finding.js';
import type { SecretPlace } from '../rights.js';
import { ownTerminal, type Terminal } from '../terminal.js';
import { type DaemonLink, daemonAt } from './daemon-link.js';
import type { Auth0Folder } from './folder.js';

/** All that the commands touch beside files. */
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
  daemonAt: (socket: string, caller: string) => DaemonLink;
  place: SecretPlace;
}

/** The real ones, of this process. */
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

/** Another caller of the kind `auth0`, with a tenant or connection of its own. */
export interface OtherCaller {
  config: Auth0View;
  folder: Auth0Folder;
}

/** All that a command of this family works with. */
export interface Auth0Context {
  config: Auth0View;
  folder: Auth0Folder;
  /** What is done for this caller must leave these alone. */
  others: readonly OtherCaller[];
  daemon: DaemonLink;
  environment: Auth0Environment;
}

/** Findings as lines: nothing for those that are well, unless `isFull`. */
export function tell(
  findings: readonly Finding[],
  { terminal }: Auth0Environment,
  isFull = false,
): void {
  for (const { level, what, remedy } of findings) {
    if (level === 'ok' && !isFull) continue;
    terminal.say(`${level}: ${what}`);
    if (remedy !== undefined) terminal.say(`  → ${remedy}`);
  }
}
