import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * An upstream in the place of simgate, down to the octets: what it was sent, and the answer the
 * test wants.
 */
export class Upstream {
  /** Called once the head and body of a request are in. */
  onRequest: (socket: Socket) => void = accept;
  readonly #server = createServer((socket) => this.#take(socket));
  readonly #sockets = new Set<Socket>();
  #connections: { octets: string }[] = [];

  static async start(): Promise<Upstream> {
    const upstream = new Upstream();
    upstream.#server.listen(0, '127.0.0.1');
    await once(upstream.#server, 'listening');
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What came in on each connection, as Latin-1. */
  get received(): readonly string[] {
    return this.#connections.map(({ octets }) => octets);
  }

  /** The request lines of what came in. */
  get requestLines(): readonly string[] {
    return this.received.map((octets) => octets.slice(0, octets.indexOf('\r\n')));
  }

  /** Forgets everything, what a proxy has begun and left behind included. */
  async reset(): Promise<void> {
    // Connections are taken in the order in which they were made: once this one is, so are all
    // before it.
    const last = connect(this.port, '127.0.0.1');
    await once(last, 'connect');
    await new Promise<void>((resolve) => {
      this.onRequest = ({ remotePort }) => remotePort === last.localPort && resolve();
      last.write('GET / HTTP/1.1\r\n\r\n');
    });
    last.destroy();
    this.#connections = [];
    this.onRequest = accept;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #take(socket: Socket): void {
    const connection = { octets: '' };
    let isWhole = false;
    this.#connections.push(connection);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // The proxy may be gone before our answer is.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      connection.octets += chunk.toString('latin1');
      if (isWhole || !isWholeRequest(connection.octets)) return;
      isWhole = true;
      this.onRequest(socket);
    });
  }
}

function accept(socket: Socket): void {
  socket.end(rawAnswer(200));
}

/** An answer as simgate gives it: problem details, and headers that a proxy might lose. */
export function rawAnswer(status: number, body = '{}', headers = ''): string {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return `HTTP/1.1 ${status} X\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
}

/** Whether the octets hold a head and all of its body (RFC 9112 6). */
function isWholeRequest(octets: string): boolean {
  const end = octets.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(octets.slice(0, end))?.[1];
  if (length === undefined)
    return !/^transfer-encoding:/im.test(octets) || octets.endsWith('0\r\n\r\n');
  return octets.length - end - 4 >= Number(length);
}
