/**
 * The notification protocol of sd_notify(3), and of sd_watchdog_enabled(3), as this daemon speaks
 * it.
 */

import { execFile } from 'node:child_process';
import type { Logger } from 'winston';

/** What the service manager asked for, through the environment. */
export interface ServiceManager {
  /** The datagram socket it listens on: a path, or `@` and an abstract name (unix(7)). */
  socket: string;
  /**
   * Milliseconds after which it kills a process that gave no sign of life; undefined when it does
   * not watch this one.
   */
  watchdogMs: number | undefined;
}

/** One message. The names are the protocol's; a value is one line. */
export interface Notification {
  READY?: 1;
  RELOADING?: 1;
  STOPPING?: 1;
  WATCHDOG?: 1;
  /**
   * CLOCK_MONOTONIC in microseconds as the reload began; Type=notify-reload wants it beside
   * RELOADING=1.
   */
  MONOTONIC_USEC?: bigint;
  /** For people, as `systemctl status` shows it. */
  STATUS?: string;
}

/**
 * Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. Undefined when no manager wants to be
 * told, as when run by hand. A watchdog that was meant for another process (`WATCHDOG_PID` is not
 * `pid`) is none of ours.
 */
export function readServiceManager(
  env: NodeJS.ProcessEnv,
  pid: number,
): ServiceManager | undefined {
  const socket = env.NOTIFY_SOCKET;
  if (socket === undefined || socket === '') return undefined;
  const usec = /^[1-9]\d{0,15}$/.test(env.WATCHDOG_USEC ?? '')
    ? Number(env.WATCHDOG_USEC)
    : undefined;
  const isForUs = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(pid);
  return { socket, watchdogMs: usec !== undefined && isForUs ? usec / 1000 : undefined };
}

/**
 * As the protocol's lines: a line break within a value would begin a line of its own, so there is
 * none.
 */
export function linesOf(notification: Notification): string[] {
  return Object.entries(notification)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${String(value).replace(/[\r\n\0]/g, ' ')}`);
}

/** CLOCK_MONOTONIC, in microseconds, as the service manager reads it too. */
export const monotonicUsec = (): bigint => process.hrtime.bigint() / 1000n;

/**
 * Tells the service manager something. Resolves with whether the manager has taken it. Never
 * rejects: the daemon works without.
 */
export type Notify = (notification: Notification) => Promise<boolean>;

/**
 * Milliseconds that one call may take; systemd-notify itself waits up to 5 s for the manager to
 * read it.
 */
const tellTimeoutMs = 10_000;

/**
 * Tells it through `systemd-notify`, a child process of some 10 ms. Node has no Unix datagram
 * sockets, and a native package would have to be built for each machine. The calls run one after
 * the other, so that RELOADING and READY come in order. The child is given the socket and no
 * secret.
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
