import { isDeepStrictEqual } from 'node:util';
import { type Config, loadWhole, type Secrets } from '../config/config.js';
import { requireOwnNumbers } from '../policy/own-numbers.js';

/** The new configuration cannot be taken up; the old one stays in force as a whole. */
export class ReloadError extends Error {
  override readonly name = 'ReloadError';
}

/** What only a new process can do, by its keys. */
const fixed: Readonly<Record<string, (config: Config) => unknown>> = {
  state_dir: ({ stateDir }) => stateDir,
  recovery_drop_dir: ({ recoveryDropDir }) => recoveryDropDir,
  // All but what only people and other set-ups read.
  http: ({ http }) => ({ ...http, publicUrl: undefined }),
  admin: ({ admin }) => admin,
  'control.socket': ({ control }) => control.socket,
  'journal.retention_days': ({ journal }) => journal.retentionDays,
  shared: ({ shared }) => shared,
  'log.format': ({ log }) => log.format,
};

/**
 * Reads configuration and secrets anew, for a daemon that runs with `old`. Throws a `ConfigError`
 * with all that is wrong, or a {@link ReloadError} naming what needs a restart: all or nothing.
 */
export function readAnew(
  old: Config,
  env: NodeJS.ProcessEnv,
): { config: Config; secrets: Secrets } {
  const { config, secrets } = loadWhole(old.file, env);
  requireOwnNumbers(config);
  const changed = Object.entries(fixed).filter(
    ([, part]) => !isDeepStrictEqual(part(old), part(config)),
  );
  if (changed.length > 0) {
    const keys = changed.map(([key]) => key).join(', ');
    throw new ReloadError(
      `${old.file}: ${keys} cannot change while simgate runs: restart it. Nothing was changed`,
    );
  }
  return { config, secrets };
}

/** The same work, begun only when what it was called for before is over. */
export function inTurn<T>(work: () => Promise<T>): () => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const turn = last.then(work, work);
    last = turn;
    return turn;
  };
}
