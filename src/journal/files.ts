import { constants } from 'node:fs';
import { access, open, readFile, realpath, rename, statfs } from 'node:fs/promises';
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
  /** Mounted so, or by the kernel because the device fails. */
  isReadOnly: boolean;
}

/** Of the disk behind a file, which need not be there. Rejects as statfs(2) fails. */
export async function roomBehind(file: string): Promise<Room> {
  const folder = dirname(file);
  const { bavail, bsize, files, ffree } = await statfs(folder);
  const freeOctets = bavail * bsize;
  const isFull = freeOctets < leastFreeOctets || (files > 0 && ffree === 0);
  return { freeOctets, isFull, isReadOnly: await isOnReadOnlyDisk(folder) };
}

/**
 * As access(2) says it, to root too. A newer kernel keeps a disk that ext4 has given up `rw` for
 * that, and only its mount's options tell (proc_pid_mountinfo(5)).
 */
async function isOnReadOnlyDisk(folder: string): Promise<boolean> {
  const fault = await access(folder, constants.W_OK).catch((error: unknown) => error);
  if (fault instanceof Error && 'code' in fault && fault.code === 'EROFS') return true;
  const [path, mounts] = await Promise.all([
    realpath(folder),
    readFile('/proc/self/mountinfo', 'utf8'),
  ]).catch(() => ['', '']);
  const above = mounts.split('\n').filter((line) => {
    const point = line.split(' ')[4]?.replaceAll('\\040', ' ') ?? '';
    return point === path || path.startsWith(point === '/' ? point : `${point}/`);
  });
  // The one that is the deepest, and of several at one place the last.
  const depth = (line: string) => line.split(' ')[4]?.length ?? 0;
  const [own = ''] = above.reverse().sort((a, b) => depth(b) - depth(a));
  return /[ ,]emergency_ro(,|$)/.test(own);
}

/** The same; undefined where that cannot be told: the fault that it explains is told as it is. */
export const roomOrNone = (file: string): Promise<Room | undefined> =>
  roomBehind(file).catch(() => undefined);
