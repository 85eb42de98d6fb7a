import type { Logger } from 'winston';
import { readServiceManager } from './protocol.js';
import { createNotify } from './sender.js';
import { createServiceNotifier, type ServiceNotifier, type WatchedModem } from './service.js';

export type { ServiceNotifier } from './service.js';

/**
 * The notifier for this process, as the environment asks for it; one that does nothing where no
 * service manager does.
 */
export function createOwnNotifier(
  env: NodeJS.ProcessEnv,
  modems: readonly WatchedModem[],
  log: Logger,
): ServiceNotifier {
  const manager = readServiceManager(env, process.pid);
  const told = manager && { manager, notify: createNotify(manager.socket, env, log) };
  return createServiceNotifier(told, modems, log);
}
