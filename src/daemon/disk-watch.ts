import { join } from 'node:path';
import { type Room, roomBehind } from '../journal/files.js';

/** Milliseconds between looks. */
const lookEveryMs = 10_000;

/**
 * Looks at the room that the state directory's disk has left: a journal with nothing to write would
 * not notice that it is full before the next message.
 */
export class DiskWatch {
  readonly #file: string;
  readonly #timer: NodeJS.Timeout;
  #room: Room | undefined;
  #isLooking = false;

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'journal.db');
    this.#timer = setInterval(() => void this.look(), lookEveryMs);
    this.#timer.unref();
    void this.look();
  }

  /** As last seen; undefined while it could not be told. */
  get room(): Room | undefined {
    return this.#room;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A disk that does not answer is asked once, and its room is not known meanwhile. */
  async look(): Promise<void> {
    if (this.#isLooking) {
      this.#room = undefined;
      return;
    }
    this.#isLooking = true;
    this.#room = await roomBehind(this.#file).catch(() => undefined);
    this.#isLooking = false;
  }
}
