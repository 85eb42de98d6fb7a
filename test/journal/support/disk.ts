/** A disk that forgets what was not flushed: what is left of a journal after a power cut. */

import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { folder } from './rig.js';

/** What a flush does to its disk; it settles as fdatasync(2) does. */
export type Flush = (flush: () => Promise<void>) => Promise<void>;

export interface Disk {
  /** How often a WAL was flushed. */
  flushes: number;
  /** Copies what a power cut would leave now to a folder of its own; returns the database there. */
  cut(): string;
}

const parts = ['', '-wal'] as const;

/**
 * Stands between the journal and the disk its file is on, until the test ends. What was written
 * before a flush began, and the flush ended, outlives {@link Disk.cut}; what came later is
 * forgotten.
 * @param file the database
 */
export async function forgetfulDisk(
  file: string,
  flushAs: Flush = (flush) => flush(),
): Promise<Disk> {
  const kept = join(folder(), 'kept.db');
  const disk: Disk = {
    flushes: 0,
    cut() {
      const left = join(folder(), 'journal.db');
      for (const part of parts) if (existsSync(kept + part)) copyFileSync(kept + part, left + part);
      return left;
    },
  };
  const handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const datasync = Reflect.get(prototype, 'datasync') as FileHandle['datasync'];
  const spy = vi.spyOn(prototype, 'datasync').mockImplementation(async function flushed(
    this: FileHandle,
  ) {
    disk.flushes += 1;
    const written = parts.map((part) =>
      existsSync(file + part) ? readFileSync(file + part) : undefined,
    );
    await flushAs(() => datasync.call(this));
    for (const [index, part] of parts.entries()) {
      const octets = written[index];
      if (octets !== undefined) writeFileSync(kept + part, octets);
    }
  });
  onTestFinished(() => spy.mockRestore());
  return disk;
}
