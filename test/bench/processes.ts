import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { memorySettings } from '../../src/daemon/v8-settings.js';
import type { RecordEntry } from '../../src/simulator/record.js';
import { monotonicMs } from './monotonic.js';
import { entriesSince } from './submits.js';

/** `dist/cli.js` as `npm run build` makes it of this tree. */
export const ownCli = join(import.meta.dirname, '../../dist/cli.js');
const startWithinMs = 20_000;
const lookEveryMs = 20;
const stopWithinMs = 40_000;

/** Where a child's stdin and stdout go; its stderr is ours. */
export type Streams = [stdin: 'pipe' | 'ignore', stdout: number | 'pipe' | 'ignore'];

/** What is left should we exit before it is ended in order. */
const children = new Set<ChildProcess>();
const folders = new Set<string>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) removeFolder(folder);
});

/** Tries again for a second: who was killed a moment ago may still write there. */
function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 70 });
}

/** Node with `args`, as a process that ends with ours at the latest. */
export function startNode(
  args: readonly string[],
  streams: Streams,
  settings: Readonly<Record<string, string>> = {},
): ChildProcess {
  const child = spawn(process.execPath, args, {
    stdio: [...streams, 'inherit'],
    env: { ...settings, ...process.env },
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** `simgate` with `args`, as built in `cli`; ours with the settings that its unit has. */
export function startSimgate(
  args: readonly string[],
  streams: Streams,
  cli: string = ownCli,
): ChildProcess {
  return startNode([cli, ...args], streams, cli === ownCli ? memorySettings : {});
}

/**
 * SIGTERM, and resolves when it is gone: by SIGKILL, if its own bound on stopping does not hold.
 */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await exited;
  clearTimeout(kill);
}

/**
 * Asks `find` until it has something; rejects when `child` ends before, or nothing comes for 20 s.
 */
export async function waitFor<T>(
  what: string,
  child: ChildProcess,
  find: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const until = monotonicMs() + startWithinMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (child.exitCode !== null)
      throw new Error(`${what}: the process ended with ${child.exitCode}`);
    if (monotonicMs() > until) throw new Error(`${what}: not within ${startWithinMs} ms`);
    await pause(lookEveryMs);
  }
}

/** The text of a file that another process has yet to make. */
export function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

/** A virtual modem in a process of its own, on a real tty. */
export class ModemProcess {
  /** A folder of its own, removed at the end. */
  readonly folder: string;
  readonly tty: string;
  readonly #child: ChildProcess;
  readonly #record: string;

  private constructor(folder: string, tty: string, record: string, child: ChildProcess) {
    this.folder = folder;
    this.tty = tty;
    this.#record = record;
    this.#child = child;
  }

  /** `flags` are those of `simgate simulate`. */
  static async start(flags: readonly string[] = []): Promise<ModemProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-bench-'));
    folders.add(folder);
    const [tty, record] = [join(folder, 'tty'), join(folder, 'record.jsonl')];
    // It lives as long as its stdin: a pipe of ours, which ends with us however we end.
    const child = startSimgate(
      ['simulate', '--link', tty, '--record', record, ...flags],
      ['pipe', 'ignore'],
    );
    await waitFor(
      'the virtual modem',
      child,
      () => readIfThere(record).includes('"booted"') || undefined,
    );
    return new ModemProcess(folder, tty, record, child);
  }

  /** What the network recorded from `fromMs` (`monotonicMs`) on. */
  entriesSince(fromMs: number): RecordEntry[] {
    return entriesSince(this.#record, fromMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child);
    removeFolder(this.folder);
  }
}
