import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { Child, type Ended } from './child.js';

/** From the signal to the new daemon's being there; nanoseconds of CLOCK_MONOTONIC. */
export interface Restart {
  signal: 'SIGKILL' | 'SIGTERM';
  fromNs: bigint;
  /** The old one is gone. */
  endedNs: bigint;
  toNs: bigint;
}

/** Milliseconds for a daemon to be there; it binds before it looks at a modem. */
const startLimitMs = 15_000;
/**
 * Milliseconds for one to be gone after SIGTERM: its own 30 s for what is in a modem, and what it
 * takes to close.
 */
const stopLimitMs = 40_000;

interface Started {
  child: Child;
  port: number;
  adminPort: number;
}

/**
 * The daemon under test with its restarts. What is wrong with a start or an end is told by
 * `onFault`.
 */
export class Gateway {
  readonly restarts: Restart[] = [];
  readonly #configFile: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: WriteStream;
  readonly #onLine: (line: string) => void;
  readonly #onFault: (what: string) => void;
  readonly #onDown: () => void;
  #now: Started | undefined;
  #expectedEnd: Child | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(
    folder: string,
    configFile: string,
    on: { line: (line: string) => void; fault: (what: string) => void; down?: () => void },
    env: NodeJS.ProcessEnv = {},
  ) {
    this.#env = env;
    this.#configFile = configFile;
    this.#log = createWriteStream(join(folder, 'daemon.log'));
    this.#onLine = on.line;
    this.#onFault = on.fault;
    this.#onDown = on.down ?? (() => {});
  }

  get port(): number {
    return this.#now?.port ?? 0;
  }

  get adminPort(): number {
    return this.#now?.adminPort ?? 0;
  }

  get pid(): number | undefined {
    return this.#now?.child.pid;
  }

  async start(): Promise<void> {
    this.#now = await this.#launch();
  }

  /** Ends the daemon by `signal` and starts it anew; one restart at a time. */
  restart(signal: Restart['signal']): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      const fromNs = process.hrtime.bigint();
      await this.#end(signal);
      const endedNs = process.hrtime.bigint();
      this.#onDown();
      this.#now = await this.#launch();
      this.restarts.push({ signal, fromNs, endedNs, toNs: process.hrtime.bigint() });
    });
    return this.#changing;
  }

  /** Has the daemon read its configuration anew. */
  reload(): Promise<void> {
    this.#changing = this.#changing.then(() => {
      const child = this.#now?.child;
      if (child !== undefined && !child.hasEnded) process.kill(child.pid, 'SIGHUP');
    });
    return this.#changing;
  }

  async stop(): Promise<void> {
    await this.#changing;
    await this.#end('SIGTERM');
    this.#now = undefined;
    await new Promise((resolve) => this.#log.end(resolve));
  }

  async #end(signal: Restart['signal']): Promise<void> {
    const child = this.#now?.child;
    if (child === undefined || child.hasEnded) return;
    this.#expectedEnd = child;
    const ended = await within(stopLimitMs, child.end(signal));
    if (ended === undefined) {
      this.#onFault(`${signal} did not end the daemon within ${stopLimitMs} ms`);
      await child.end('SIGKILL');
    } else if (signal === 'SIGTERM' && ended.code !== 0) {
      this.#onFault(`SIGTERM ended the daemon with ${ended.code ?? ended.signal}, not 0`);
    }
  }

  async #launch(): Promise<Started> {
    const errors: string[] = [];
    let onPorts: (ports: Omit<Started, 'child'>) => void = () => {};
    const ports = new Promise<Omit<Started, 'child'>>((resolve) => {
      onPorts = resolve;
    });
    const takeLine = (line: string, from: 'stdout' | 'stderr'): void => {
      this.#log.write(`${process.hrtime.bigint()} ${line}\n`);
      this.#onLine(line);
      if (from === 'stderr') errors.push(line);
      else if (line.includes('"event":"started"')) {
        const { port, admin_port } = JSON.parse(line) as { port: number; admin_port: number };
        onPorts({ port, adminPort: admin_port });
      }
    };
    const child = new Child(['serve', '--config', this.#configFile], takeLine, this.#env);
    void child.ended.then((ended) => this.#noteEnd(child, ended, errors));
    const found = await within(startLimitMs, Promise.race([ports, child.ended]));
    if (found === undefined || !('port' in found))
      throw new Error(`the daemon did not start: ${errors.join('\n')}`);
    return { child, ...found };
  }

  /** A daemon that ends unasked is a fault; systemd would start it anew, and so does this. */
  #noteEnd(child: Child, { code, signal }: Ended, errors: readonly string[]): void {
    if (child === this.#expectedEnd || this.#now?.child !== child) return;
    this.#onFault(`the daemon ended by itself (${code ?? signal}): ${errors.join('\n')}`);
    this.restart('SIGKILL').catch((error: unknown) => this.#onFault(String(error)));
  }
}

/** The value, or undefined when it takes longer. */
export async function within<T>(ms: number, value: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resident set size of a process in KiB (proc_pid_status(5)); undefined when it is gone. */
export function residentKiB(pid: number): number | undefined {
  try {
    const kiB = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kiB === undefined ? undefined : Number(kiB);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
