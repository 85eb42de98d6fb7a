import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { Child } from '../faults/child.js';
import { within } from '../faults/gateway.js';
import { Latch } from './latch.js';

/** One process of the daemon, from its start to its end. Nanoseconds of CLOCK_MONOTONIC. */
export interface Life {
  fromNs: bigint;
  /** Whether it listened before it was killed: by then it has taken up what the one before left. */
  wasUp: boolean;
  /** Just before the signal; undefined while it lives. */
  killedNs?: bigint;
  /** It was gone. */
  endedNs?: bigint;
}

/** For a daemon that comes up or ends when it is told to. */
const limitMs = 20_000;

/** The daemon under test, which is killed and started again. */
export class Daemon {
  readonly lives: Life[] = [];
  readonly #configFile: string;
  readonly #log: WriteStream;
  readonly #onLine: (line: string) => void;
  readonly #onFault: (what: string) => void;
  #child: Child | undefined;
  #expectedEnd: Child | undefined;
  readonly #up = new Latch<number>();
  readonly #ready = new Latch<true>();

  /** `onFault` hears when it ends by itself. */
  constructor(
    folder: string,
    configFile: string,
    on: { line: (line: string) => void; fault: (what: string) => void },
  ) {
    this.#configFile = configFile;
    this.#log = createWriteStream(join(folder, 'daemon.log'));
    this.#onLine = on.line;
    this.#onFault = on.fault;
  }

  /** Starts a process; {@link untilUp} and {@link untilReady} tell how far it is. */
  start(): void {
    const life: Life = { fromNs: process.hrtime.bigint(), wasUp: false };
    this.lives.push(life);
    const child = new Child(['serve', '--config', this.#configFile], (line) => {
      this.#log.write(`${process.hrtime.bigint()} ${line}\n`);
      this.#onLine(line);
      if (this.#child === child) this.#follow(line, life);
    });
    this.#child = child;
    void child.ended.then(({ code, signal }) => {
      if (this.#expectedEnd !== child)
        this.#onFault(`the daemon ended by itself (${code ?? signal})`);
    });
  }

  /** The port of the daemon as soon as one listens. */
  untilUp(): Promise<number> {
    return this.#up.passed();
  }

  /** Rejects when its modem is not ready within 20 s. */
  async untilReady(): Promise<void> {
    const ready = await within(limitMs, this.#ready.passed());
    if (ready === undefined) throw new Error(`the modem was not ready within ${limitMs} ms`);
  }

  /** Ends the process by `signal`, and resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const [child, life] = [this.#child, this.lives.at(-1)];
    if (child === undefined || life === undefined) return;
    this.#expectedEnd = child;
    this.#child = undefined;
    this.#up.close();
    this.#ready.close();
    life.killedNs = process.hrtime.bigint();
    if ((await within(limitMs, child.end(signal))) === undefined) await child.end('SIGKILL');
    life.endedNs = process.hrtime.bigint();
  }

  /** Ends the process in good order, and the log with it. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    await new Promise((resolve) => this.#log.end(resolve));
  }

  #follow(line: string, life: Life): void {
    if (line.includes('"event":"started"')) {
      life.wasUp = true;
      this.#up.open((JSON.parse(line) as { port: number }).port);
    }
    if (line.includes('"event":"modem"') && line.includes('"phase":"ready"'))
      this.#ready.open(true);
  }
}
