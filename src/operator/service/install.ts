/** Writes a plan into a system, and takes it away again. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OperatorError } from '../../errors.js';
import { afterRemoval, marker, type Plan, type SystemFile } from './plan.js';

/** The system that the service is for. */
export interface System {
  /** What its paths are below; `/` for this machine. */
  tree: string;
  isRoot: boolean;
  /** Whether systemd is its init. */
  hasSystemd: boolean;
  /**
   * Runs a command, whose output goes to the terminal; returns its exit code, or undefined when
   * there is no such command.
   */
  run(command: readonly string[]): number | undefined;
  say(line: string): void;
}

/** The unit of the Debian package. */
const packagedUnit = '/usr/lib/systemd/system/simgate.service';

/**
 * Writes the files and has the system read them; starts and enables nothing. A second time it
 * replaces what the first has written. Throws {@link OperatorError}: before anything is written
 * without rights or systemd, or where a file is not ours; later when a command failed, and then it
 * can be done again.
 */
export function install(plan: Plan, system: System): void {
  demandRights(system, 'install');
  if (existsSync(join(system.tree, packagedUnit)))
    throw new OperatorError(
      `the Debian package has installed its service (${packagedUnit}): remove one of the two`,
    );
  const foreign = plan.files.filter((file) => stateOf(file, system) === 'foreign');
  if (foreign.length > 0)
    throw new OperatorError(
      `not written by this command, so move away first: ${foreign.map(({ path }) => path).join(', ')}`,
    );
  // Where the configuration and its secrets will be.
  mkdirSync(join(system.tree, '/etc/simgate'), { recursive: true, mode: 0o755 });
  for (const file of plan.files) {
    if (stateOf(file, system) === 'same') system.say(`unchanged  ${file.path}`);
    else {
      write(join(system.tree, file.path), file.content);
      system.say(`written    ${file.path}`);
    }
  }
  runAll(plan.commands, system);
  system.say('');
  system.say('Next, if it is new:         sudo simgate setup');
  system.say('                            sudo systemctl enable --now simgate');
  system.say('If it runs already:         sudo systemctl restart simgate');
}

/**
 * Stops the service and removes what {@link install} has written. Configuration, secrets, journal
 * and user stay. Throws {@link OperatorError}.
 */
export function uninstall(plan: Plan, system: System): void {
  demandRights(system, 'uninstall');
  const ours = plan.files.filter((file) => ['same', 'ours'].includes(stateOf(file, system)));
  if (ours.length === 0)
    throw new OperatorError('"simgate service install" has installed nothing here');
  const units = ours
    .map(({ path }) => path)
    .filter((path) => path.startsWith('/etc/systemd/system/'));
  if (units.length > 0)
    runAll([['systemctl', 'disable', '--now', ...units.map(nameOf).filter(isEnabled)]], system);
  for (const { path } of ours) {
    rmSync(join(system.tree, path));
    system.say(`removed    ${path}`);
  }
  runAll(afterRemoval, system);
  system.say('Kept: /etc/simgate, /var/lib/simgate, and the user simgate.');
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
/** The recovery's service is started by its path unit only, and has no [Install]. */
const isEnabled = (unit: string): boolean => unit !== 'simgate-recover.service';

/** What would be done, in words that are themselves no secret and no change. */
export function show(plan: Plan, system: Pick<System, 'say'>): void {
  for (const { path, content } of plan.files) {
    system.say(`==> ${path}`);
    system.say(content);
  }
  for (const command of plan.commands) system.say(`$ ${command.join(' ')}`);
}

function demandRights({ isRoot, hasSystemd }: System, what: string): void {
  if (!isRoot)
    throw new OperatorError(
      `this takes root: sudo simgate service ${what} (--dry-run shows what it does)`,
    );
  if (!hasSystemd)
    throw new OperatorError(
      'systemd does not run here; docs/systemd.md says how simgate runs without it',
    );
}

function stateOf(
  { path, content }: SystemFile,
  { tree }: System,
): 'absent' | 'same' | 'ours' | 'foreign' {
  const file = join(tree, path);
  if (!existsSync(file)) return 'absent';
  const present = readFileSync(file, 'utf8');
  if (present === content) return 'same';
  return present.startsWith(marker) ? 'ours' : 'foreign';
}

/** Whole or not at all. */
function write(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.new`;
  writeFileSync(temporary, content, { mode: 0o644, flag: 'wx', flush: true });
  renameSync(temporary, file);
}

function runAll(commands: Plan['commands'], system: System): void {
  for (const command of commands) {
    const text = command.join(' ');
    system.say(`running    ${text}`);
    const status = system.run(command);
    if (status === undefined) throw new OperatorError(`${text}: there is no such command here`);
    if (status !== 0)
      throw new OperatorError(`${text} ended with ${status}; put that right, and run this again`);
  }
}
