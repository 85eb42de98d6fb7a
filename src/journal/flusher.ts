import { type FileHandle, open } from 'node:fs/promises';
import { syncFolder } from '../secret/private-file.js';

/**
 * Puts on the disk what was committed to a database: fdatasync(2) of its WAL, from outside of
 * SQLite. A commit is either in the WAL, which the flush takes whole, or was moved from there into
 * the database by a checkpoint, which flushes both (`synchronous=NORMAL`). So only who needs it
 * pays for a flush, and nobody else's write waits behind it.
 */
export class Flusher {
  readonly #wal: FileHandle;
  /** The flush that is under way; it never rejects. */
  #running: Promise<unknown> = Promise.resolve();
  /** The one behind it, which takes all that was committed before it begins. */
  #next: Promise<void> | undefined;

  private constructor(wal: FileHandle) {
    this.#wal = wal;
  }

  /**
   * For a database that is open and has a WAL; the names of both are on the disk when it resolves.
   * Rejects as open(2) and fsync(2) fail.
   */
  static async open(file: string): Promise<Flusher> {
    const wal = await open(`${file}-wal`, 'r');
    try {
      await syncFolder(file);
    } catch (error) {
      await wal.close();
      throw error;
    }
    return new Flusher(wal);
  }

  /**
   * Resolves when everything that was committed before the call is on the disk. Calls share a
   * flush. Rejects as fdatasync(2) fails.
   */
  flush(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#running.then(() => {
      this.#next = undefined;
      return this.#wal.datasync();
    });
    this.#next = next;
    this.#running = next.catch(() => undefined);
    return next;
  }

  /** Once the flushes that were asked for are over. */
  async close(): Promise<void> {
    await this.#running;
    await this.#wal.close();
  }
}
