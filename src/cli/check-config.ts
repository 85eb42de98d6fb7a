/** `simgate check-config`: all that is wrong with a configuration, and then what it comes to. */

import { ConfigError, checkConfig, loadConfig } from '../config/config.js';
import { judgeUnitNetwork } from '../doctor/unit-network.js';
import { leftOver } from '../inbound/left-over.js';
import { refusedOwnNumbers } from '../policy/own-numbers.js';
import { callerText, pathsText } from './caller-text.js';

/** Touches nothing. @throws ConfigError when anything is wrong */
export async function tellConfig(file: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { problems, warnings } = checkConfig(file, env);
  const config = problems.length === 0 ? loadConfig(file, env) : undefined;
  if (config !== undefined) {
    problems.push(...refusedOwnNumbers(config));
    const left = config.inbound === undefined ? leftOver(config.stateDir) : undefined;
    if (left !== undefined) warnings.push(`${left.sentence}: ${left.remedy}`);
  }
  for (const warning of warnings) console.log(`warning: ${warning}`);
  if (config === undefined || problems.length > 0) throw new ConfigError(file, problems);
  console.log(`${file}: no problems`);
  for (const { what, remedy } of await judgeUnitNetwork(config))
    console.log(`warning: ${what}. ${remedy}`);
  for (const caller of config.callers) console.log(callerText(caller));
  console.log(`paths for the proxy: ${pathsText(config.callers)}`);
}
