import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { validToken } from './gateway.js';

/** An answer as it stood on the wire. */
export interface WireAnswer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** A client that says exactly the bytes it is told. */
export class Wire {
  readonly socket: Socket;
  received = '';
  /** Resolves when the connection is gone, however it went. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
    });
    // A reset shows itself by what was received before it.
    socket.on('error', () => socket.destroy());
  }

  static async open(port: number): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  write(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  /** Resolves when so many whole answers have come. */
  async answers(count: number): Promise<WireAnswer[]> {
    while (parseAnswers(this.received).length < count) await once(this.socket, 'data');
    return parseAnswers(this.received);
  }

  /** Every answer until the server closed. */
  async untilClosed(): Promise<WireAnswer[]> {
    await this.closed;
    return parseAnswers(this.received);
  }
}

/** Sends the bytes on a connection of its own and gives the answers until the server closed it. */
export async function exchange(port: number, bytes: string): Promise<WireAnswer[]> {
  const wire = await Wire.open(port);
  return wire.write(bytes).untilClosed();
}

/** The bytes of a `POST /sms`. */
export async function rawPost(body: string, headers: Record<string, string> = {}): Promise<string> {
  const all = {
    Host: 'localhost',
    Authorization: `Bearer ${await validToken()}`,
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /sms HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** Whole answers that carry a Content-Length; an interim 100 has no body. */
function parseAnswers(text: string): WireAnswer[] {
  const answers: WireAnswer[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return answers;
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    if (Number.isNaN(status)) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(': ');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
      }),
    );
    const length = Number(headers.get('content-length') ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    if (body.length < length) return answers;
    answers.push({ status, headers, body });
    rest = rest.slice(end + 4 + length);
  }
}
