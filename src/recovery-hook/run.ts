/**
 * The operator's own program that power-cycles a stick: the daemon leaves a note, root runs the
 * hook.
 * Knows nothing of: modems and messages; of a note only its name and bounded words.
 * Way: note in the drop directory → opened without following links → the hook with a time limit →
 * removed.
 */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../errors.js';
import { maxNoteOctets, noteName } from './note.js';

/** What root runs, for whom, and where. */
export interface HookPlace {
  /** Where notes are left: root's own, so that nobody can put another directory in its place. */
  dropDir: string;
  /** Who may leave notes: the uid of the service's user. */
  ownerUid: number;
  /** The operator's program. */
  hook: string;
  /** For what the hook reads; only root may look into it. */
  takenDir: string;
  /** Seconds for each run of the hook. */
  limitS: number;
}

export interface HookRunner {
  /**
   * Runs a command to its end; returns its exit code, or undefined when there is no such program.
   */
  run: (command: readonly string[]) => number | undefined;
  /** Who else may change the hook; undefined when nobody. */
  whoElseMayChange: (path: string) => string | undefined;
  /** A line for the journal, with its level in front (sd-daemon(3)). */
  say: (line: string) => void;
}

/**
 * Entries that one run looks at. The rest is left for the next run, which the watching unit starts
 * at once.
 */
const mostEntries = 64;
/** Seconds from SIGTERM to SIGKILL. */
const graceS = 5;

/**
 * Takes each note out of the drop directory and runs the hook for it, as `HOOK NAME FILE`, where
 * FILE holds the reason. Nothing that the daemon's user puts there is followed, run or handed on
 * but a plain file of its own, with a plain name, of bounded size; the rest is taken away and told
 * of. Throws {@link OperatorError} where the directories are not root's own, or a note cannot be
 * taken.
 */
export function runHooks(place: HookPlace, runner: HookRunner): void {
  try {
    runEach(place, runner);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw new OperatorError(error.message, { cause: error });
    throw error;
  }
}

function runEach(place: HookPlace, runner: HookRunner): void {
  const drop = openOwnFolder(place.dropDir, 0o002);
  const taken = openOwnFolder(place.takenDir, 0o077);
  try {
    for (const name of visibleNames(within(drop))) {
      const reason = takeNote(drop, name, place.ownerUid, runner);
      if (reason !== undefined) runHook(place, name, reason, runner);
    }
  } finally {
    closeSync(drop);
    closeSync(taken);
  }
}

/** The folder of a descriptor: whatever its name means by now. */
const within = (descriptor: number, name = ''): string =>
  join('/proc/self/fd', String(descriptor), name);

/**
 * A folder that only whoever runs this could have put there; `strangers` are the permissions that
 * nobody else may have in it.
 */
function openOwnFolder(path: string, strangers: number): number {
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
  const descriptor = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const { uid, mode } = fstatSync(descriptor);
  if (uid === process.geteuid?.() && (mode & strangers) === 0) return descriptor;
  closeSync(descriptor);
  throw new OperatorError(
    `${path} belongs to uid ${uid}, mode ${(mode & 0o7777).toString(8)}: another could put there what it likes. ` +
      'Remove it, and let systemd-tmpfiles --create make it anew',
  );
}

function visibleNames(folder: string): string[] {
  const names: string[] = [];
  const entries = opendirSync(folder);
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      if (!entry.name.startsWith('.')) names.push(entry.name);
      if (names.length === mostEntries) break;
    }
  } finally {
    entries.closeSync();
  }
  return names.toSorted();
}

/**
 * Takes an entry away, and returns the reason if it was a note. Before the hook runs, so that a
 * newer one is kept.
 */
function takeNote(
  drop: number,
  name: string,
  ownerUid: number,
  { say }: HookRunner,
): string | undefined {
  const path = within(drop, name);
  const read = noteName.test(name)
    ? readNote(path, ownerUid)
    : { refusal: 'is called as no modem can be' };
  remove(path, drop);
  if (read === undefined) return undefined;
  if ('reason' in read) return read.reason;
  say(`<4>${JSON.stringify(name).slice(0, 80)} in the drop directory ${read.refusal}: removed`);
  return undefined;
}

/** Undefined when it has gone meanwhile. */
function readNote(
  path: string,
  ownerUid: number,
): { reason: string } | { refusal: string } | undefined {
  let descriptor: number;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    // A link (ELOOP), a socket (ENXIO), a folder or file that may not be read.
    return { refusal: `is no plain file (${code})` };
  }
  try {
    const refusal = whyNoNote(fstatSync(descriptor), ownerUid);
    return refusal === undefined ? { reason: reasonIn(descriptor) } : { refusal };
  } finally {
    closeSync(descriptor);
  }
}

function whyNoNote(stats: Stats, ownerUid: number): string | undefined {
  if (!stats.isFile()) return 'is no plain file';
  if (stats.uid !== ownerUid) return `belongs to uid ${stats.uid}, not to the service's user`;
  if (stats.nlink !== 1) return 'has another name elsewhere';
  return stats.size > maxNoteOctets
    ? `has ${stats.size} octets, more than a reason takes`
    : undefined;
}

/** One line, of printable characters: a hook may hand it to a shell or a mail. */
function reasonIn(descriptor: number): string {
  const octets = Buffer.alloc(maxNoteOctets);
  const count = readSync(descriptor, octets, 0, maxNoteOctets, 0);
  return octets
    .toString('utf8', 0, count)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
}

/**
 * What cannot be removed at once, as a folder that is not empty, is set aside under a hidden name,
 * which no unit looks at.
 */
function remove(path: string, drop: number): void {
  try {
    if (lstatSync(path).isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR' && code !== 'EISDIR')
      throw error;
    renameSync(path, within(drop, `.aside-${process.pid}-${process.hrtime.bigint()}`));
  }
}

function runHook(
  { hook, takenDir, limitS }: HookPlace,
  name: string,
  reason: string,
  runner: HookRunner,
): void {
  const objection = whyNotRun(hook, runner);
  if (objection !== undefined)
    return runner.say(`<4>modem ${name} asks for help, but ${objection}`);
  const file = join(takenDir, name);
  rmSync(file, { force: true });
  writeFileSync(file, `${reason}\n`, { mode: 0o600, flag: 'wx' });
  const status = runner.run([
    'timeout',
    `--kill-after=${graceS}`,
    String(limitS),
    hook,
    name,
    file,
  ]);
  rmSync(file);
  if (status === 0) return runner.say(`<5>modem ${name}: the recovery hook has run`);
  runner.say(
    `<4>modem ${name}: the recovery hook ended with ${status ?? 'no program "timeout"'} (124 or 137: after ${limitS} s)`,
  );
}

function whyNotRun(hook: string, { whoElseMayChange }: HookRunner): string | undefined {
  try {
    const { mode, gid } = statSync(hook);
    if ((mode & 0o111) === 0) return `${hook} cannot be run: chmod 755`;
    const isGroups = (mode & 0o020) !== 0 && gid !== 0;
    const who = isGroups ? `its group may write to it: chmod 755` : whoElseMayChange(hook);
    return who && `${hook} is not run as root: ${who}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return `${hook} is not there, or leads nowhere`;
  }
}
