import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** A Redis of Debian's on a port of its own, and the wire to it, which can be cut. */
export class EngineProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'simgate-engine-'));
  readonly #flags: readonly string[];
  readonly #by: 'tcp' | 'tls';
  readonly #sockets = new Set<Socket>();
  readonly #relay: Server;
  /** Of the engine itself. */
  enginePort = 0;
  /** By which the boxes reach it. */
  port = 0;
  #dataFolder = this.folder;
  readonly #spawned: ChildProcess[] = [];
  #process: ChildProcess | undefined;
  #delayMs = 0;

  private constructor(flags: readonly string[], by: 'tcp' | 'tls') {
    this.#flags = flags;
    this.#by = by;
    this.#relay = createServer((inner) => this.#join(inner));
  }

  static async start(
    flags: readonly string[] = [],
    by: 'tcp' | 'tls' = 'tcp',
  ): Promise<EngineProcess> {
    const engine = new EngineProcess(flags, by);
    engine.#relay.listen(0, '127.0.0.1');
    await once(engine.#relay, 'listening');
    engine.port = portOf(engine.#relay);
    engine.enginePort = await freePort();
    await engine.launch();
    return engine;
  }

  /** Starts it, with the data that it has on its disk. */
  async launch(): Promise<void> {
    this.#process = await this.#spawn(this.enginePort, this.#dataFolder, []);
  }

  /**
   * Kills it, and makes what was its replica the engine that the boxes reach, as a sentinel or a
   * person would. What it had not yet passed on is lost.
   */
  async failOver(): Promise<void> {
    const port = await freePort();
    const folder = mkdtempSync(join(this.folder, 'replica-'));
    const replicaOf = ['--replicaof', '127.0.0.1', String(this.enginePort)];
    const replica = await this.#spawn(port, folder, replicaOf);
    while (!(await askAt(port, 'INFO', 'replication')).includes('master_link_status:up'))
      await pause(20);
    await this.kill();
    await askAt(port, 'REPLICAOF', 'NO', 'ONE');
    this.#process = replica;
    this.#dataFolder = folder;
    this.enginePort = port;
  }

  /** What it answers to a command, as redis-cli writes it. */
  ask(...words: string[]): Promise<string> {
    return askAt(this.enginePort, ...words);
  }

  async #spawn(port: number, folder: string, flags: readonly string[]): Promise<ChildProcess> {
    const ports =
      this.#by === 'tcp' ? ['--port', String(port)] : ['--port', '0', '--tls-port', String(port)];
    const args = [...ports, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
    const child = spawn('redis-server', [...args, ...this.#flags, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#spawned.push(child);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) =>
        reject(new Error(`redis-server ended with ${code} at port ${port}:\n${said}`)),
      );
      // By lines: a chunk may end within the words that are waited for.
      createInterface({ input: child.stdout }).on('line', (line) => {
        said = `${said}${line}\n`.slice(-2_000);
        if (/Ready to accept connections/.test(line)) resolve();
      });
    });
    child.removeAllListeners('exit');
    return child;
  }

  async kill(child = this.#process): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Every answer takes so long on its way. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Cuts every connection, as a failing line does. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#relay.close();
    await Promise.all(this.#spawned.map((child) => this.kill(child)));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #join(inner: Socket): void {
    const outer = connect(this.enginePort, '127.0.0.1');
    for (const socket of [inner, outer]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    inner.on('data', (octets) => outer.write(octets));
    outer.on('data', (octets) => {
      if (this.#delayMs === 0) inner.write(octets);
      else setTimeout(() => inner.writable && inner.write(octets), this.#delayMs);
    });
    const end = () => {
      for (const socket of [inner, outer]) {
        this.#sockets.delete(socket);
        socket.destroy();
      }
    };
    inner.on('close', end);
    outer.on('close', end);
  }
}

async function askAt(port: number, ...words: string[]): Promise<string> {
  const child = spawn('redis-cli', ['-p', String(port), ...words]);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += String(chunk);
  });
  await once(child, 'close');
  return said.trim();
}

const portOf = (server: Server): number => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};
