import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { SerialLink } from '../../src/serial/link.js';
import { serialLink } from '../../src/serial/port.js';
import { AccessServer } from '../serial/access-server.js';
import type { NetworkFault } from './deck.js';

/** How a modem that is elsewhere is reached. */
export type NetworkProtocol = 'tcp' | 'rfc2217';

const ctrlZ = 0x1a;

/**
 * What gives a modem's tty to the network, as ser2net does with `kickolduser`, and the network in
 * between, which can be broken. What it holds back when a connection ends is lost: nothing reaches
 * the modem later. Octets to the modem are never held back, for the record's stamps count as the
 * daemon's.
 */
export class NetworkPath {
  readonly device: string;
  readonly #server: Server;
  readonly #link: string;
  readonly #protocol: NetworkProtocol;
  readonly #connections = new Set<Connection>();
  #owner: Connection | undefined;
  /** New connections are reset at once. */
  #isDown = false;
  /** Nothing of what comes is forwarded, on any connection that is made meanwhile. */
  #isDark = false;
  #isStalled = false;
  #isTrickling = false;
  #onCtrlZ: (() => void) | undefined;

  private constructor(server: Server, link: string, protocol: NetworkProtocol) {
    this.#server = server;
    this.#link = link;
    this.#protocol = protocol;
    const { port } = server.address() as AddressInfo;
    this.device = `${protocol}://127.0.0.1:${port}`;
    server.on('connection', (socket) => this.#take(socket));
  }

  /** The way to the tty that `link` points to whenever somebody connects. */
  static async open(link: string, protocol: NetworkProtocol): Promise<NetworkPath> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new NetworkPath(server, link, protocol);
  }

  /** Has a fault for a while; one that waits for a Ctrl-Z gives up when `over` is aborted. */
  async play(fault: NetworkFault, forMs: number, over: AbortSignal): Promise<void> {
    switch (fault) {
      case 'cut':
        return this.#down(forMs, (connection) => connection.socket.resetAndDestroy());
      case 'end':
        return this.#down(forMs, (connection) => connection.socket.end());
      case 'cut-after-ctrlz':
        if (await this.#untilCtrlZ(over))
          await this.#down(forMs, (connection) => connection.socket.resetAndDestroy());
        return;
      case 'half-open':
        for (const connection of this.#connections) connection.isDead = true;
        this.#isDark = true;
        await pause(forMs);
        this.#isDark = false;
        return;
      case 'stall':
        this.#isStalled = true;
        await pause(forMs);
        this.#isStalled = false;
        for (const connection of this.#connections) connection.flush();
        return;
      case 'trickle':
        this.#isTrickling = true;
        await pause(forMs);
        this.#isTrickling = false;
        return;
      case 'steal':
        return this.#steal(forMs);
    }
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const connection of this.#connections) connection.socket.destroy();
    await once(this.#server, 'close');
  }

  async #down(forMs: number, end: (connection: Connection) => void): Promise<void> {
    this.#isDown = true;
    for (const connection of this.#connections) end(connection);
    await pause(forMs);
    this.#isDown = false;
  }

  async #steal(forMs: number): Promise<void> {
    const thief = connect((this.#server.address() as AddressInfo).port, '127.0.0.1');
    thief.on('error', () => undefined); // it is thrown out in its turn
    await Promise.race([pause(forMs), new Promise((resolve) => thief.once('close', resolve))]);
    thief.destroy();
  }

  #untilCtrlZ(over: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      this.#onCtrlZ = () => {
        this.#onCtrlZ = undefined;
        resolve(true);
      };
      over.addEventListener('abort', () => resolve(false), { once: true });
    });
  }

  #take(socket: Socket): void {
    socket.on('error', () => undefined); // faults cut connections
    if (this.#isDown) return void socket.resetAndDestroy();
    this.#owner?.socket.end();
    const connection = new Connection(socket, this.#protocol, {
      isStalled: () => this.#isStalled,
      isTrickling: () => this.#isTrickling,
      onCtrlZ: () => this.#onCtrlZ?.(),
    });
    connection.isDead = this.#isDark;
    this.#connections.add(connection);
    const before = this.#owner?.closed;
    this.#owner = connection;
    void connection.closed.then(() => {
      this.#connections.delete(connection);
      if (this.#owner === connection) this.#owner = undefined;
    });
    // One tty, one client: the next has it when the last has let it go.
    void (before ?? Promise.resolve()).then(() => connection.openTty(this.#link));
  }
}

/** What of the way matters to one connection. */
interface Way {
  isStalled(): boolean;
  isTrickling(): boolean;
  onCtrlZ(): void;
}

class Connection {
  readonly socket: Socket;
  /** Its tty is free again. */
  readonly closed: Promise<void>;
  /** Nothing is forwarded any more, and nobody is told. */
  isDead = false;
  readonly #way: Way;
  readonly #access: AccessServer | undefined;
  #tty: SerialLink | undefined;
  /** From the daemon, while the tty is not open. */
  #early = '';
  /** From the modem, while it is held back. */
  #held = Buffer.alloc(0);

  constructor(socket: Socket, protocol: NetworkProtocol, way: Way) {
    this.socket = socket;
    this.#way = way;
    this.closed = new Promise((resolve) => socket.once('close', resolve)).then(() =>
      this.#tty?.close(),
    );
    if (protocol === 'rfc2217')
      this.#access = new AccessServer(socket, { onData: (octet) => this.#toModem(octet) });
    else
      socket.on('data', (bytes) => {
        for (const octet of bytes) this.#toModem(octet);
      });
  }

  async openTty(link: string): Promise<void> {
    if (this.socket.destroyed) return;
    try {
      const tty = await serialLink(
        link,
        115_200,
      )({ onData: (bytes) => this.#fromModem(bytes), onClose: () => void this.socket.end() });
      this.#tty = tty;
      if (this.socket.destroyed) await tty.close();
      else tty.write(this.#early);
    } catch (error) {
      this.#say(Buffer.from(`Device open failure: ${String(error)}\r\n`));
      this.socket.end();
    }
  }

  flush(): void {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    this.#say(held);
  }

  #toModem(octet: number): void {
    if (this.isDead) return;
    const text = String.fromCharCode(octet);
    if (this.#tty === undefined) this.#early += text;
    else this.#tty.write(text);
    if (octet === ctrlZ) this.#way.onCtrlZ();
  }

  #fromModem(bytes: Buffer): void {
    if (this.#way.isStalled() || this.#held.length > 0)
      this.#held = Buffer.concat([this.#held, bytes]);
    else if (this.#way.isTrickling()) void this.#trickle(bytes);
    else this.#say(bytes);
  }

  async #trickle(bytes: Buffer): Promise<void> {
    this.#held = Buffer.concat([this.#held, bytes]);
    while (this.#held.length > 0 && !this.#way.isStalled()) {
      const next = this.#held.subarray(0, 1);
      this.#held = this.#held.subarray(1);
      this.#say(next);
      await pause(1);
    }
  }

  #say(bytes: Buffer): void {
    if (this.isDead || bytes.length === 0 || !this.socket.writable) return;
    if (this.#access) this.#access.say(bytes);
    else this.socket.write(bytes);
  }
}
