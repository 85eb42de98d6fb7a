import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { RecordEntry } from '../../../src/simulator/record.js';

type Event = { event: string } & Record<string, unknown>;
type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * The simulator as an operator runs it: a process of its own, with a record and a control channel.
 */
export class SimulatorProcess {
  /** A folder of its own, removed at the end. */
  readonly folder: string;
  readonly link: string;
  readonly ready: Event;
  readonly #child: Child;
  readonly #events: Event[] = [];
  readonly #wakers: (() => void)[] = [];

  private constructor(folder: string, child: Child, lines: Interface, ready: Event) {
    this.folder = folder;
    this.link = join(folder, 'tty');
    this.ready = ready;
    this.#child = child;
    lines.on('line', (line) => {
      this.#events.push(JSON.parse(line) as Event);
      for (const wake of this.#wakers.splice(0)) wake();
    });
  }

  static async start(...flags: string[]): Promise<SimulatorProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        join(import.meta.dirname, 'simulate.ts'),
        '--link',
        join(folder, 'tty'),
        '--record',
        join(folder, 'record.jsonl'),
        ...flags,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const lines = createInterface({ input: child.stdout });
    const [first] = (await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(() =>
        Promise.reject(new Error('the simulator ended before it was ready')),
      ),
    ])) as [string];
    return new SimulatorProcess(folder, child, lines, JSON.parse(first) as Event);
  }

  get tty(): string {
    return String(this.ready.tty);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  record(): RecordEntry[] {
    return readFileSync(join(this.folder, 'record.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RecordEntry);
  }

  accepted(): Extract<RecordEntry, { kind: 'accepted' }>[] {
    return this.record().filter((entry) => entry.kind === 'accepted');
  }

  /** Sends a control line and waits for its answer. */
  control(line: object): Promise<Event> {
    const before = this.#events.length;
    this.#child.stdin.write(`${JSON.stringify(line)}\n`);
    return this.event(['done', 'refused', 'stats'], before);
  }

  /** The first event of one of these names, from the `from`-th event on; waits for it. */
  async event(names: readonly string[], from = 0): Promise<Event> {
    for (;;) {
      const found = this.#events.slice(from).find(({ event }) => names.includes(event));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#wakers.push(resolve));
    }
  }

  /** Resolves when the tty has come back so many times. */
  async attachments(count: number): Promise<void> {
    while (this.#events.filter(({ event }) => event === 'attached').length < count) {
      await new Promise<void>((resolve) => this.#wakers.push(resolve));
    }
  }

  /** Ends it by closing its stdin, or with a signal; resolves with its exit code. */
  async stop(signal?: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      if (signal === undefined) this.#child.stdin.end();
      else this.#child.kill(signal);
      await exited;
    }
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}
