import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const cli = join(import.meta.dirname, '../../dist/cli.js');

/** How a process ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Those that still run: whatever happens, the run ends them, each by its own handle. */
const running = new Set<Child>();

let areNoMoreWanted = false;

/**
 * Kills every process that this run has started and that still runs; from then on none can be
 * started.
 */
export async function endAllChildren(): Promise<void> {
  areNoMoreWanted = true;
  await Promise.all([...running].map((child) => child.end('SIGKILL')));
}

/** `simgate` as a process of its own, and what it says. */
export class Child {
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  #hasEnded = false;

  /**
   * `onLine` is given each line of stdout and stderr, in the order of each; `env` is what differs
   * from our own; `under` is a command line that becomes ours, as `setpriv`.
   */
  constructor(
    args: readonly string[],
    onLine: (line: string, from: 'stdout' | 'stderr') => void,
    env: NodeJS.ProcessEnv = {},
    under: readonly string[] = [],
  ) {
    if (areNoMoreWanted) throw new Error('the run is over');
    const [program = '', ...words] = [...under, process.execPath, cli, ...args];
    this.#process = spawn(program, words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    running.add(this);
    createInterface({ input: this.#process.stdout }).on('line', (line) => onLine(line, 'stdout'));
    createInterface({ input: this.#process.stderr }).on('line', (line) => onLine(line, 'stderr'));
    // A process that was killed no longer reads; what it was told last is lost, as it should be.
    this.#process.stdin.on('error', (error) => onLine(String(error), 'stderr'));
    this.ended = once(this.#process, 'close').then(([code, signal]: unknown[]) => {
      this.#hasEnded = true;
      running.delete(this);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Has it stand still, or go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal);
  }

  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ended> {
    this.#process.kill(signal);
    return this.ended;
  }
}
