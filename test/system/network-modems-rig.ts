import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mintToken } from '../../src/secret/token.js';
import { claims } from '../config-text.js';
import { Rig, secret } from '../e2e/rig.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { readPages } from './docs-markdown.js';
import { freePort } from './free-port.js';

/** A program of Debian's that runs until it is told to end. */
export class Service {
  readonly #process: ChildProcess;
  #said = '';

  constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => {
      this.#said += chunk.toString();
    };
    this.#process.stdout?.on('data', keep);
    this.#process.stderr?.on('data', keep);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal);
  }

  /**
   * Resolves when the port is listened at; rejects with what the program said, if it ends. A
   * connection would have the tty opened.
   */
  async untilListening(port: number): Promise<void> {
    while (!isListenedAt(port)) {
      if (this.#process.exitCode !== null) throw new Error(`it ended: ${this.#said}`);
      await pause(20);
    }
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

/** By the kernel's list (proc(5), /proc/net/tcp): state 0A is LISTEN. */
function isListenedAt(port: number): boolean {
  const listening = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `);
  return ['tcp', 'tcp6'].some((kind) => listening.test(readFileSync(`/proc/net/${kind}`, 'utf8')));
}

/** A block of docs/modems.md, by its language and its place among those. */
export function documented(language: string, index: number): string {
  const root = join(import.meta.dirname, '../..');
  const page = readPages(root).find(({ path }) => path === 'docs/modems.md');
  const fence = page?.fences.filter((each) => each.language === language)[index];
  if (fence === undefined) throw new Error(`docs/modems.md has no block ${index} of ${language}`);
  return fence.text;
}

/** Throws where there is nothing to replace, so that nothing is tried but what is documented. */
export function replaced(
  text: string,
  replacements: readonly (readonly [from: string | RegExp, to: string])[],
): string {
  return replacements.reduce((before, [from, to]) => {
    const after = before.replace(from, () => to);
    if (after === before && !before.includes(to)) throw new Error(`no ${from} in ${before}`);
    return after;
  }, text);
}

/** Debian's ser2net at one tty, raw at one port and with RFC 2217 at another. */
export class Ser2net {
  readonly raw: number;
  readonly rfc2217: number;
  readonly #file: string;
  #service: Service | undefined;

  private constructor(file: string, raw: number, rfc2217: number) {
    this.#file = file;
    this.raw = raw;
    this.rfc2217 = rfc2217;
  }

  static async start(folder: string, tty: string, kickOldUser = true): Promise<Ser2net> {
    const file = join(folder, 'ser2net.yaml');
    const ser2net = new Ser2net(file, await freePort(), await freePort());
    // As docs/modems.md has it, and once more without telnet.
    const connection = (name: string, port: number) =>
      replaced(documented('yaml', 0), [
        ['&main', `&${name}`],
        ['127.0.0.1,2001', `127.0.0.1,${port}`],
        [/\/dev\/[^,]+/, tty],
        ['kickolduser: true', `kickolduser: ${kickOldUser}`],
      ]);
    const raw = replaced(connection('raw', ser2net.raw), [['telnet(rfc2217),', '']]);
    writeFileSync(file, `${raw}\n${connection('ctl', ser2net.rfc2217)}`);
    await ser2net.run();
    return ser2net;
  }

  /** Starts it, or starts it anew. */
  async run(): Promise<void> {
    // -n stays in the foreground, and the pid file is nobody's.
    const service = new Service('ser2net', ['-n', '-d', '-c', this.#file]);
    this.#service = service;
    await service.untilListening(this.raw);
    await service.untilListening(this.rfc2217);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#service?.signal(signal);
  }

  async end(): Promise<void> {
    await this.#service?.end();
  }
}

/** A daemon whose modem is behind ser2net. */
export class NetworkRig extends Rig {
  ser2net!: Ser2net;

  static async startBehind(
    deviceOf: (ser2net: Ser2net) => string,
    { kickOldUser = true, extra = '' } = {},
  ): Promise<NetworkRig> {
    const rig = new NetworkRig();
    rig.modem = await VirtualModem.start(rig.folder, 'modem', []);
    rig.ser2net = await Ser2net.start(rig.folder, rig.modem.link, kickOldUser);
    writeFileSync(join(rig.folder, 'secret'), secret, { mode: 0o600 });
    writeFileSync(rig.configFile, rig.config(deviceOf(rig.ser2net), 'state', extra));
    rig.token = await mintToken({ secret: Buffer.from(secret), ...claims, expiresInS: 600 });
    await rig.startDaemon();
    await rig.untilPhase('ready');
    return rig;
  }

  /** The modem comes into that phase after line `from` of the log; the line. */
  untilPhase(phase: string, from = 0) {
    return this.until((line) => line.event === 'modem' && line.phase === phase, from);
  }

  /** Whether the modem was ever restarted, or its radio switched. */
  wasReset(): boolean {
    return this.modem
      .record()
      .some(
        (entry) =>
          entry.kind === 'boot' ||
          (entry.kind === 'command' && /^AT\+CFUN=(0|4|1,1)/.test(entry.line)),
      );
  }

  override async stop(): Promise<void> {
    if (!this.daemon.hasEnded) await this.daemon.end('SIGTERM');
    await this.ser2net.end();
    await super.stop();
  }
}
