/**
 * The notification protocol of sd_notify(3), and of sd_watchdog_enabled(3), as this daemon speaks
 * it.
 */

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
