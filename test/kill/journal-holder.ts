import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const program = join(import.meta.dirname, 'hold-journal.mjs');

/** Another program that holds the journal for a while. */
export class JournalHolder {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  private constructor(file: string) {
    this.#process = spawn(process.execPath, [program, file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdin.on('error', () => undefined); // it is killed whenever the round is over
    this.#lines = createInterface({ input: this.#process.stdout });
  }

  /** Resolves when the journal is held, for `ms` from then on. Rejects when it cannot be. */
  static async hold(file: string, ms: number): Promise<JournalHolder> {
    const holder = new JournalHolder(file);
    try {
      await holder.#said('open');
      const held = holder.#said('held');
      holder.#process.stdin.write(`${ms}\n`);
      await held;
      return holder;
    } catch (error) {
      await holder.kill();
      throw error;
    }
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  async #said(what: string): Promise<void> {
    const ended = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`the program that holds the journal ended with ${String(code)}`);
    });
    ended.catch(() => undefined); // after its line nobody waits for its end
    const [line] = (await Promise.race([once(this.#lines, 'line'), ended])) as [string];
    if (line !== what)
      throw new Error(`the program that holds the journal said "${line}", not "${what}"`);
  }
}
