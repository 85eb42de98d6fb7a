/** The service as the system knows it: whose it is, and what it said last. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { foreignWords } from '../words/foreign.js';
import { type Finding, warning } from './finding.js';

/** A user of this machine (passwd(5)). */
export interface ServiceUser {
  name: string;
  uid: number;
  gid: number;
  /** Those of which it is a member (group(5)), and those that the unit adds. */
  groups: number[];
}

/**
 * Whom the service runs as: whoever its unit names, else the user of its name, with the groups that
 * the unit adds. Undefined where there is neither.
 */
export async function serviceUser(
  unit: { user: string; groups: readonly string[] } | undefined,
): Promise<ServiceUser | undefined> {
  const names = [unit?.user, 'simgate'];
  const [users, groups] = await Promise.all([linesOf('/etc/passwd'), linesOf('/etc/group')]);
  for (const wanted of names) {
    const found = users.find(([name]) => name === wanted && name !== '');
    if (found === undefined) continue;
    const [name = '', , uid, gid] = found;
    const own = groups.filter(
      ([group = '', , , members]) =>
        members?.split(',').includes(name) || unit?.groups.includes(group),
    );
    return {
      name,
      uid: Number(uid),
      gid: Number(gid),
      groups: own.map(([, , id]) => Number(id)),
    };
  }
  return undefined;
}

const linesOf = async (file: string): Promise<string[][]> =>
  (await readFile(file, 'utf8')).split('\n').map((line) => line.split(':'));

const lastLines = 5;

/** What the service's log ends with; nothing where it may not be read, or has no line. */
export async function lastWords(): Promise<Finding[]> {
  const args = [
    '--unit=simgate.service',
    `--lines=${lastLines}`,
    '--output=cat',
    '--no-pager',
    '-q',
  ];
  const lines = ((await runProgram('journalctl', args)) ?? '')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => warning('log', `it said: ${foreignWords(sentenceOf(line), 400)}`));
}

/** Of a line of JSON its message; one of systemd's or of a fatal error is a sentence already. */
function sentenceOf(line: string): string {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === 'object' && entry !== null && 'message' in entry)
      return String(entry.message);
  } catch {
    // It is no JSON.
  }
  return line;
}

/** What a program printed; undefined when it is not there, fails or takes too long. */
export function runProgram(name: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(name, args, { timeout: 3_000, killSignal: 'SIGKILL' }, (failure, stdout) =>
      resolve(failure === null ? stdout : undefined),
    );
  });
}
