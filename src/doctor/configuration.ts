import { existsSync } from 'node:fs';
import {
  type Config,
  ConfigError,
  defaultConfigFile,
  defaultControlSocket,
  loadConfig,
} from '../config/config.js';
import { error, type Finding, ok, warning } from './finding.js';

/** What the CLI's commands know before they look at any modem. */
export interface Configuration {
  /** Undefined when there is none, or none that is valid. */
  config: Config | undefined;
  /** Where a running daemon is asked. */
  socket: string;
  findings: Finding[];
}

/**
 * Reads the configuration, if there is one. `named` must be there, the default need not. What is
 * wrong with it becomes findings, since a modem can be examined without it. Secrets are not
 * touched.
 */
export function readConfiguration(
  named: string | undefined,
  env: NodeJS.ProcessEnv,
): Configuration {
  const file = named ?? defaultConfigFile;
  const socket = defaultControlSocket(env);
  if (named === undefined && !existsSync(file)) {
    const what = `${file} does not exist: everything that is plugged in is looked at`;
    return { config: undefined, socket, findings: [ok('configuration', what)] };
  }
  try {
    const config = loadConfig(file, env);
    const warnings = config.warnings.map((text) => warning('configuration', text));
    return {
      config,
      socket: config.control.socket,
      findings: [ok('configuration', `${config.file}: no problems`), ...warnings],
    };
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const findings = thrown.problems.map(({ path, message, value }) => {
      const what = `${file}: ${path}${path ? ': ' : ''}${message}${value === undefined ? '' : ` (it is ${value})`}`;
      return error('configuration', what);
    });
    return { config: undefined, socket, findings };
  }
}
