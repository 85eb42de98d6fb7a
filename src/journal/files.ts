import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the file for its owner only; SQLite gives the `-wal` and `-shm` beside it the same mode. Rejects as open(2) fails. */
export async function makePrivate(file: string): Promise<void> {
  await open(file, 'a', 0o600).then((handle) => handle.close());
}

/** Flushes the names in a folder, so that a power cut does not undo a rename or a link. */
export async function syncFolderOf(file: string): Promise<void> {
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Renames a database nobody has open, with what belongs to it, to `FILE.corrupt-<UTC stamp>`. The WAL goes first: were it left
 * behind beside a new file, it could be taken for that one's.
 * @returns the new name
 */
export async function setAside(file: string, at: Date): Promise<string> {
  const aside = `${file}.corrupt-${at.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  for (const suffix of ['-wal', '-shm', '']) {
    await rename(file + suffix, aside + suffix).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await syncFolderOf(file);
  return aside;
}
