/**
 * Files that only some may read: written whole or not at all, and on the disk before anything
 * relies on them.
 */

import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OperatorError } from '../errors.js';
import { whyFailed } from '../words/system-fault.js';

/** Who owns a file, and what they may do with it. */
export interface FileRights {
  uid: number;
  gid: number;
  /** Permission bits, as 0o640. */
  mode: number;
}

/**
 * Writes `text` to `path` in place of whatever is there. Rejects with {@link OperatorError} where
 * the system refuses. `shown` is the file's name in its message.
 */
export function writePrivateFile(
  path: string,
  text: string,
  rights: FileRights,
  shown = path,
): Promise<void> {
  return place(path, text, rights, rename, shown);
}

/**
 * As {@link writePrivateFile}, but leaves a file that is there as it is, and then resolves with
 * false.
 */
export async function createPrivateFile(
  path: string,
  text: string,
  rights: FileRights,
): Promise<boolean> {
  let isNew = true;
  await place(path, text, rights, async (from, to) => {
    // link(2) does what open(2) with O_EXCL does, for a file that is already complete.
    await link(from, to).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      isNew = false;
    });
    await rm(from);
  });
  return isNew;
}

/** A file that is on the disk beside the one it is to replace. */
export interface PrivateDraft {
  /** Puts it in place. Rejects with {@link OperatorError}, and then nothing has changed. */
  commit(): Promise<void>;
  /** Takes it away, if it was not put in place. */
  discard(): Promise<void>;
}

/**
 * As {@link writePrivateFile} in two steps: all that a disk can refuse is over before the first
 * file of several is replaced.
 */
export async function draftPrivateFile(
  path: string,
  text: string,
  rights: FileRights,
): Promise<PrivateDraft> {
  const draft = `${path}.${randomUUID()}.new`;
  await writePrivateFile(draft, text, rights, path);
  return {
    discard: () => rm(draft, { force: true }),
    async commit() {
      try {
        await rename(draft, path);
        await syncFolder(path);
      } catch (error) {
        throw cannot('be replaced', path, error);
      }
    },
  };
}

async function place(
  path: string,
  text: string,
  { uid, gid, mode }: FileRights,
  moveTo: (from: string, to: string) => Promise<void>,
  shown = path,
): Promise<void> {
  const draft = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      const made = await file.stat();
      if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await moveTo(draft, path);
    await syncFolder(path);
  } catch (error) {
    await rm(draft, { force: true });
    throw cannot('be written', shown, error);
  }
}

/**
 * Writes a file of the daemon's own state, for its user alone. Its draft has one name: what a run
 * that was killed has left of one goes with the next. Rejects as the system does.
 */
export async function writeStateFile(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  // The folder is the service's: root must neither write through a link that stands there in the
  // draft's place, nor give what it leads to away.
  await rm(draft, { force: true });
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      // Root, who enters a PIN while no daemon runs, must not shut the service's user out of it.
      if (process.geteuid?.() === 0) {
        const { uid, gid } = await stat(dirname(path));
        await file.chown(uid, gid);
      }
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/**
 * The text of a file; undefined when there is none. Rejects with {@link OperatorError} where the
 * system refuses.
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cannot('be read', path, error);
  }
}

/** As {@link readPrivateFile}, without the newline at its end. */
export async function readPrivateLine(path: string): Promise<string | undefined> {
  return (await readPrivateFile(path))?.replace(/\r?\n$/, '');
}

/** Makes a change of names in the folder of `path` outlive a power cut (fsync(2), NOTES). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** An error of the system, in words. */
export function cannot(what: string, path: string, error: unknown): OperatorError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM')
    return new OperatorError(`${path} cannot ${what} by this user: run it with sudo`, {
      cause: error,
    });
  if (code === 'ENOENT')
    return new OperatorError(`${path} cannot ${what}: there is no folder ${dirname(path)}`, {
      cause: error,
    });
  return new OperatorError(`${path} cannot ${what}: ${whyFailed(error)}`, { cause: error });
}
