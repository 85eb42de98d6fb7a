import { execFile } from 'node:child_process';
import type { Logger } from 'winston';
import { linesOf, type Notification } from './protocol.js';

/**
 * Tells the service manager something; never rejects, for a daemon must work untold. Resolves with
 * whether it was told.
 */
export type Notify = (notification: Notification) => Promise<boolean>;

/**
 * Milliseconds that one telling may take; systemd-notify itself waits up to 5 s until it was read.
 */
const tellTimeoutMs = 10_000;

/**
 * Tells it through `systemd-notify`, a child of some 10 ms: Node has no Unix datagram sockets, and
 * a native package would have to be built for each machine. One after the other, so that RELOADING
 * and READY come in order. The child is given the socket and no secret.
 */
export function createNotify(socket: string, env: NodeJS.ProcessEnv, log: Logger): Notify {
  let last: Promise<unknown> = Promise.resolve();
  let lastFault: string | undefined;
  const tell = async (notification: Notification): Promise<boolean> => {
    const fault = await runSystemdNotify(linesOf(notification), {
      PATH: env.PATH,
      NOTIFY_SOCKET: socket,
    });
    // Each new reason once: the watchdog would repeat it twice a minute.
    if (fault !== undefined && fault !== lastFault)
      log.warn('the service manager could not be told', { event: 'notify', reason: fault });
    lastFault = fault;
    return fault === undefined;
  };
  return (notification) => {
    const told = last.then(() => tell(notification));
    last = told;
    return told;
  };
}

/** What went wrong; undefined when the manager has read it. */
function runSystemdNotify(lines: string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { env, timeout: tellTimeoutMs, killSignal: 'SIGKILL' } as const;
    execFile('systemd-notify', lines, options, (error, _, stderr) => {
      if (error === null) return resolve(undefined);
      if (error.code === 'ENOENT')
        return resolve('systemd-notify (package systemd) is not installed');
      resolve(stderr.trim().slice(0, 200) || error.message);
    });
  });
}
