import { open, rename, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../secret/private-file.js';

/**
 * Makes the file for its owner only; SQLite gives the `-wal` and `-shm` beside it the same mode.
 * Rejects as open(2) fails.
 */
export async function makePrivate(file: string): Promise<void> {
  await open(file, 'a', 0o600).then((handle) => handle.close());
}

/**
 * Renames a database nobody has open, with what belongs to it, to `FILE.corrupt-<UTC stamp>`. The
 * WAL goes first: were it left behind beside a new file, it could be taken for that one's.
 * @returns the new name
 */
export async function setAside(file: string, at: Date): Promise<string> {
  const aside = `${file}.corrupt-${at.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  for (const suffix of ['-wal', '-shm', '']) {
    await rename(file + suffix, aside + suffix).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await syncFolder(file);
  return aside;
}

/**
 * What SQLite makes beside a database at its opening (`-shm`, the head of `-wal`) has no room in
 * less.
 */
const leastFreeOctets = 65_536;

/** What a disk has left. */
export interface Room {
  /** As its user has it; what is root's only does not count. */
  freeOctets: number;
  /** No room, or no inode, for what a journal needs. */
  isFull: boolean;
}

/** Of the disk behind a file, which need not be there. Rejects as statfs(2) fails. */
export async function roomBehind(file: string): Promise<Room> {
  const { bavail, bsize, files, ffree } = await statfs(dirname(file));
  const freeOctets = bavail * bsize;
  return { freeOctets, isFull: freeOctets < leastFreeOctets || (files > 0 && ffree === 0) };
}

/** Whether the disk behind a file is full. False where that cannot be told. */
export async function isFullBehind(file: string): Promise<boolean> {
  try {
    return (await roomBehind(file)).isFull;
  } catch {
    return false; // the fault that was to be explained is told as it is
  }
}
