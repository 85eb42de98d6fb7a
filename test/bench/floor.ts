import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { mintToken } from '../../src/secret/token.js';
import { claims } from '../config-text.js';
import { Caller } from './caller.js';
import { monotonicMs } from './monotonic.js';
import { ModemProcess, startNode, stop } from './processes.js';
import { requestOf } from './requests.js';
import { type Submit, submitsOf } from './submits.js';

/** What the bare loop did with some messages. */
export interface BareRun {
  submits: Submit[];
  cpuMsPerMessage: number;
}

/** The bare loop in a process of its own, at a modem nobody else uses. */
export class BareLoop {
  readonly #modem: ModemProcess;
  readonly #child: ChildProcess;

  private constructor(modem: ModemProcess, child: ChildProcess) {
    this.#modem = modem;
    this.#child = child;
  }

  static async start(): Promise<BareLoop> {
    const modem = await ModemProcess.start();
    const script = join(import.meta.dirname, 'bare-loop.ts');
    return new BareLoop(modem, startNode(['--import', 'tsx', script, modem.tty], ['pipe', 'pipe']));
  }

  /** Sends the very octets of `submits` again. */
  async send(submits: readonly Submit[]): Promise<BareRun> {
    const fromMs = monotonicMs();
    const lines = submits.map(({ command, data }) => `${command} ${data}\n`);
    this.#child.stdin!.write(`${lines.join('')}\n`);
    const [said] = await once(this.#child.stdout!, 'data');
    return { submits: submitsOf(this.#modem.entriesSince(fromMs)), cpuMsPerMessage: Number(said) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child);
    await this.#modem[Symbol.asyncDispose]();
  }
}

/** The bare HTTP server in a process of its own, bundled as the daemon is. */
export class BareServer {
  readonly pid: number;
  /** One that it takes. */
  readonly request: Buffer;
  readonly #port: number;
  readonly #stop: () => Promise<void>;
  readonly #callers: Caller[] = [];

  private constructor(pid: number, port: number, request: Buffer, stop: () => Promise<void>) {
    this.pid = pid;
    this.request = request;
    this.#port = port;
    this.#stop = stop;
  }

  static async start(): Promise<BareServer> {
    const folder = mkdtempSync(join(tmpdir(), 'simgate-bench-'));
    const outfile = join(folder, 'bare-server.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'bare-server.ts')],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      minifyWhitespace: true,
      minifySyntax: true,
      logLevel: 'warning',
    });
    const child = startNode([outfile], ['pipe', 'pipe']);
    const secret = randomBytes(32);
    child.stdin!.end(secret.toString('hex'));
    const [port] = await once(child.stdout!, 'data');
    rmSync(folder, { recursive: true });
    const token = await mintToken({ secret, ...claims, expiresInS: 3600 });
    const request = requestOf({ token, recipient: '+4915000000000' });
    return new BareServer(child.pid!, Number(port), request, () => stop(child));
  }

  async connect(): Promise<Caller> {
    const caller = await Caller.open(this.#port);
    this.#callers.push(caller);
    return caller;
  }

  connectMany(count: number): Promise<Caller[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect()));
  }

  /** One request; milliseconds until its answer was whole. */
  async ask(caller: Caller): Promise<number> {
    const { status, sentAtMs, answeredAtMs } = await caller.exchange(this.request);
    if (status !== 200) throw new Error(`the bare server answered ${status}`);
    return answeredAtMs - sentAtMs;
  }

  /** As many requests as its code takes to be compiled for good. */
  async warmUp(): Promise<void> {
    let left = 4_000;
    const callers = await this.connectMany(8);
    const work = callers.map(async (caller) => {
      while (left-- > 0) await this.ask(caller);
    });
    await Promise.all(work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await this.#stop();
  }
}
