import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type InsideView, type Vitals, vitalsOf } from './vitals.js';

const cli = join(import.meta.dirname, '../../dist/cli.js');
const preload = join(import.meta.dirname, 'look-inside.mjs');

/** Of a modem that was lost. */
interface Return {
  modem: string;
  isLost: boolean;
  resolve: (atNs: bigint) => void;
}

/** The daemon as built, in a process of its own that can be looked into. */
export class Daemon {
  /** What it wrote to stderr: warnings of Node, and nothing else if all is well. */
  readonly complaints: string[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<[number | null, NodeJS.Signals | null]>;
  readonly #log: WriteStream;
  readonly #returns = new Set<Return>();
  readonly #ready = new Set<string>();
  #port = 0;
  #onChange: (() => void)[] = [];
  #onView: ((view: InsideView) => void) | undefined;

  constructor(folder: string, configFile: string) {
    // The preload uses v8.queryObjects, which warns of itself; everything on stderr is to be the
    // daemon's.
    const node = ['--expose-gc', '--disable-warning=ExperimentalWarning', '--import', preload];
    const args = [...node, cli, 'serve', '--config', configFile];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    this.#process = child;
    this.#log = createWriteStream(join(folder, 'daemon.log'));
    this.#ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    createInterface({ input: child.stdout! }).on('line', (line) => this.#takeLine(line));
    createInterface({ input: child.stderr! }).on('line', (line) => this.complaints.push(line));
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) =>
      this.#onView?.(JSON.parse(line) as InsideView),
    );
  }

  get port(): number {
    return this.#port;
  }

  /** Resolves when the daemon listens and has said of each of these modems that it is ready. */
  async untilReady(modems: readonly string[]): Promise<void> {
    while (this.#port === 0 || !modems.every((modem) => this.#ready.has(modem))) {
      await this.#orEnd(new Promise<void>((resolve) => this.#onChange.push(resolve)));
    }
  }

  /**
   * Resolves with the time (CLOCK_MONOTONIC, nanoseconds) at which the modem is ready once more,
   * lost in between. To be asked before it is unplugged.
   */
  untilBack(modem: string): Promise<bigint> {
    return this.#orEnd(
      new Promise<bigint>((resolve) => {
        this.#returns.add({ modem, isLost: false, resolve });
      }),
    );
  }

  /** One look, after a full collection inside. */
  async look(): Promise<Vitals> {
    const view = new Promise<InsideView>((resolve) => {
      this.#onView = resolve;
    });
    this.#process.kill('SIGUSR2');
    return vitalsOf(this.#process.pid!, await this.#orEnd(view));
  }

  /** SIGTERM; rejects unless it ends with 0. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    const [code, signal] = await this.#ended;
    await new Promise((resolve) => this.#log.end(resolve));
    if (code !== 0) throw new Error(`SIGTERM ended the daemon with ${code ?? signal}, not 0`);
  }

  /** What is awaited of the daemon; rejects when it ends before. */
  #orEnd<T>(awaited: Promise<T>): Promise<T> {
    const ended = this.#ended.then(([code, signal]): never => {
      throw new Error(`the daemon ended with ${code ?? signal}: ${this.complaints.join('\n')}`);
    });
    return Promise.race([awaited, ended]);
  }

  #takeLine(line: string): void {
    const atNs = process.hrtime.bigint();
    this.#log.write(`${atNs} ${line}\n`);
    const { event, port, modem, phase } = JSON.parse(line) as LogLine;
    if (event === 'started' && port !== undefined) this.#port = port;
    if (event === 'modem' && modem !== undefined) this.#takePhase(modem, phase, atNs);
    for (const tell of this.#onChange.splice(0)) tell();
  }

  #takePhase(modem: string, phase: string | undefined, atNs: bigint): void {
    if (phase === 'ready') this.#ready.add(modem);
    else this.#ready.delete(modem);
    for (const awaited of this.#returns) {
      if (awaited.modem !== modem) continue;
      if (phase === 'lost') awaited.isLost = true;
      if (phase !== 'ready' || !awaited.isLost) continue;
      this.#returns.delete(awaited);
      awaited.resolve(atNs);
    }
  }
}

interface LogLine {
  event?: string;
  port?: number;
  modem?: string;
  phase?: string;
}
