import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What a server on the loopback heard, and the connections that it has. */
export interface Listening {
  port: number;
  /** All octets of all connections, in order. */
  heard(): Buffer;
  /** The connection that came last. */
  socket(): Promise<Socket>;
  close(): Promise<void>;
}

/** A server that says nothing by itself; `onConnection` may. */
export async function listen(
  onConnection: (socket: Socket) => void = () => undefined,
): Promise<Listening> {
  const chunks: Buffer[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (bytes) => chunks.push(bytes));
    socket.on('error', () => undefined); // the tests cut connections
    server.emit('arrived');
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => Buffer.concat(chunks),
    socket: async () => {
      if (sockets.length === 0) await once(server, 'arrived');
      return sockets.at(-1)!;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const [iac, sb, se] = [0xff, 0xfa, 0xf0];
const [will, wont, doIt, dont] = [0xfb, 0xfc, 0xfd, 0xfe];
const comPort = 44;

/** How an access server behaves. */
export interface AccessServerOptions {
  /** Options it declines. */
  declines?: readonly number[];
  /** What it says its port's baud is, whatever was asked. */
  baud?: number;
  /** It answers no command about the port. */
  isMute?: boolean;
  /** Is given each octet of data. */
  onData?: (octet: number) => void;
}

/**
 * The other end of RFC 2217, written from the RFCs alone: agrees to binary, go-ahead and port
 * control, answers each command, and hands on what is data.
 */
export class AccessServer {
  readonly data: number[] = [];
  /** Commands about the port, each with its value, as they came. */
  readonly commands: { command: number; value: Buffer }[] = [];
  readonly #socket: Socket;
  readonly #options: AccessServerOptions;
  #pending: number[] = [];
  #baud = 9600;

  constructor(socket: Socket, options: AccessServerOptions = {}) {
    this.#socket = socket;
    this.#options = options;
    // As real ones do: it wants to echo, and is declined.
    this.#send([iac, will, 1, iac, will, 3, iac, doIt, 0]);
    socket.on('data', (bytes) => {
      this.#pending.push(...bytes);
      while (this.#step());
    });
  }

  /** Data to the client. */
  say(bytes: Buffer): void {
    this.#send([...bytes].flatMap((octet) => (octet === iac ? [iac, iac] : [octet])));
  }

  /** A command of its own accord, as 8 for "send no more" and 9 for "send again". */
  command(command: number, ...value: number[]): void {
    this.#send([iac, sb, comPort, command, ...value, iac, se]);
  }

  #step(): boolean {
    const [first, second, third] = this.#pending;
    if (first === undefined) return false;
    if (first !== iac) return this.#takeData(first, 1);
    if (second === undefined) return false;
    if (second === iac) return this.#takeData(iac, 2);
    if (second === sb) return this.#subnegotiation();
    if (third === undefined) return false;
    this.#pending.splice(0, 3);
    this.#answer(second, third);
    return true;
  }

  #takeData(octet: number, octets: number): true {
    this.data.push(octet);
    this.#options.onData?.(octet);
    this.#pending.splice(0, octets);
    return true;
  }

  #answer(verb: number, option: number): void {
    const accepts = [0, 3, comPort].includes(option) && !this.#options.declines?.includes(option);
    // What it said at first is agreed to by the client's own words.
    if (verb === doIt && option !== 3) this.#send([iac, accepts ? will : wont, option]);
    if (verb === will && option !== 0) this.#send([iac, accepts ? doIt : dont, option]);
    if (verb === will && option === 0 && !accepts) this.#send([iac, dont, option]);
  }

  #subnegotiation(): boolean {
    const value: number[] = [];
    for (let at = 2; at + 1 < this.#pending.length; at += 1) {
      const octet = this.#pending[at]!;
      if (octet !== iac) value.push(octet);
      else if (this.#pending[at + 1] === iac) {
        value.push(iac);
        at += 1;
      } else {
        this.#pending.splice(0, at + 2);
        this.#takeCommand(value);
        return true;
      }
    }
    return false;
  }

  #takeCommand([option, command = 0, ...value]: number[]): void {
    if (option !== comPort) throw new Error(`a subnegotiation of ${option}`);
    this.commands.push({ command, value: Buffer.from(value) });
    if (this.#options.isMute) return;
    if (command !== 1) return this.command(command + 100, ...value);
    const asked = Buffer.from(value).readUInt32BE();
    if (asked !== 0) this.#baud = this.#options.baud ?? asked;
    const answer = Buffer.alloc(4);
    answer.writeUInt32BE(this.#baud);
    this.#send([
      iac,
      sb,
      comPort,
      101,
      ...[...answer].flatMap((octet) => (octet === iac ? [iac, iac] : [octet])),
      iac,
      se,
    ]);
  }

  #send(octets: readonly number[]): void {
    if (octets.length > 0) this.#socket.write(Buffer.from(octets));
  }
}
