/** The service's unit as systemd has it, drop-ins included: whose it is, and its environment. */

import { readFile } from 'node:fs/promises';
import { error, type Finding } from './finding.js';
import { runProgram } from './service.js';

/** What of the unit matters to whether the daemon could start. */
export interface ServiceUnit {
  /** What `User=` names; empty without one. */
  user: string;
  /** What `SupplementaryGroups=` names. */
  groups: string[];
  /** The configuration that its command names; undefined for one that names none. */
  configFile: string | undefined;
  /** Of its environment, what simgate reads. Secrets are in it: to be passed on, never shown. */
  env: NodeJS.ProcessEnv;
  /** What keeps systemd itself from starting it. */
  findings: Finding[];
}

const properties = ['User', 'SupplementaryGroups', 'Environment', 'EnvironmentFiles', 'ExecStart'];

/** Undefined where there is no systemd, or no such unit. */
export async function serviceUnit(): Promise<ServiceUnit | undefined> {
  const args = ['show', `--property=${properties.join()}`, 'simgate.service'];
  const shown = await runProgram('systemctl', args);
  if (shown === undefined) return undefined;
  const lines = shown.split('\n').map((line): [string, string] => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)];
  });
  const all = (name: string) => lines.flatMap(([key, value]) => (key === name ? [value] : []));
  const [user = ''] = all('User');
  const groups = all('SupplementaryGroups').flatMap((names) => names.split(' '));
  const env = assignments(all('Environment').flatMap(quotedWords));
  const findings: Finding[] = [];
  for (const file of all('EnvironmentFiles')) {
    const found = await environmentFile(file);
    if ('finding' in found) findings.push(...found.finding);
    else Object.assign(env, found.env);
  }
  const [command = ''] = all('ExecStart');
  return { user, groups, configFile: configIn(command), env: whatSimgateReads(env), findings };
}

/** The long spelling first: in front of simgate a shell may have a `-c` of its own. */
function configIn(command: string): string | undefined {
  const found = /--config[ =](\S+)/.exec(command) ?? /simgate.* -c (\S+)/.exec(command);
  return found?.[1];
}

/** All others are none of doctor's business. */
const whatSimgateReads = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => isRead(name)));

const isRead = (name: string) =>
  name.startsWith('SIMGATE_') || name === 'STATE_DIRECTORY' || name === 'RUNTIME_DIRECTORY';

/** As the service would have it: what simgate reads of it is the unit's, and no shell's. */
export function asServiceEnvironment(own: NodeJS.ProcessEnv, unit: ServiceUnit): NodeJS.ProcessEnv {
  const rest = Object.entries(own).filter(([name]) => !isRead(name));
  return { ...Object.fromEntries(rest), ...unit.env };
}

function assignments(words: readonly string[]): NodeJS.ProcessEnv {
  const pairs = words.flatMap((word): [string, string][] => {
    const at = word.indexOf('=');
    return at > 0 ? [[word.slice(0, at), word.slice(at + 1)]] : [];
  });
  return Object.fromEntries(pairs);
}

/** The words that systemctl shows: quoted as a whole where it is needed, with backslashes. */
function quotedWords(text: string): string[] {
  const words = text.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  return words.map((word) =>
    word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word,
  );
}

/** One of `EnvironmentFile=`, as it is shown: `/etc/default/simgate (ignore_errors=yes)`. */
async function environmentFile(
  shown: string,
): Promise<{ env: NodeJS.ProcessEnv } | { finding: Finding[] }> {
  const match = /^(?<file>.*?) \(ignore_errors=(?<ignored>yes|no)\)$/.exec(shown);
  const { file = shown, ignored = 'no' } = match?.groups ?? {};
  // A pattern is systemd's to look up: what it finds is not known here, nor that it finds nothing.
  if (/[*?[]/.test(file)) return { finding: [] };
  try {
    return { env: assignments(environmentLines(await readFile(file, 'utf8'))) };
  } catch (thrown) {
    // Root reads it for the service; whoever else asks may not.
    const { code } = thrown as NodeJS.ErrnoException;
    if (ignored === 'yes' || code !== 'ENOENT') return { finding: [] };
    const what = `${file}, which EnvironmentFile= of simgate.service names, does not exist: systemd does not start the service`;
    const remedy = 'write the file, or take the line out: sudo systemctl edit simgate';
    return { finding: [error('configuration', what, remedy)] };
  }
}

/**
 * The assignments of an environment file (systemd.exec(5), "EnvironmentFile="), without quotes and
 * comments.
 */
function environmentLines(text: string): string[] {
  return text
    .replace(/\\\n/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^[A-Za-z_]\w*=/.test(line))
    .map((line) => {
      const at = line.indexOf('=') + 1;
      const value = line.slice(at).trim();
      const quoted = /^"((?:\\.|[^"\\])*)"$|^'([^']*)'$/.exec(value);
      const [, double, single] = quoted ?? [];
      const bare = single ?? (double ?? value).replace(/\\(.)/g, '$1');
      return line.slice(0, at) + bare;
    });
}
