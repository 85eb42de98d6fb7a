import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { monotonicMs } from './monotonic.js';

/** A request and its answer. Times are `monotonicMs` of the caller's process. */
export interface Exchange {
  status: number;
  body: string;
  /** Right before the request was written, as one piece. */
  sentAtMs: number;
  /** The answer was whole. */
  answeredAtMs: number;
}

/** Far beyond every deadline: a daemon that never answers must not hang the run. */
const silentMs = 200_000;

const closed = () => new Error('the daemon closed the connection before it answered');

/**
 * A kept-alive connection with one request at a time, as bare as it can be: what it costs counts as
 * the daemon's.
 */
export class Caller {
  readonly #socket: Socket;
  #received = '';
  #onWhole: ((status: number, body: string) => void) | undefined;
  #onFailed: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => this.#take(text));
    socket.setTimeout(silentMs, () => socket.destroy(new Error(`no answer within ${silentMs} ms`)));
    socket.on('error', (error) => this.#onFailed?.(error));
    socket.on('close', () => this.#onFailed?.(closed()));
  }

  /**
   * The daemon waits 10 s for a connection's first request, so none is opened long before it is
   * used.
   */
  static async open(port: number): Promise<Caller> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Caller(socket);
  }

  /** Rejects when the connection ends before the answer is whole. */
  exchange(request: Buffer): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(closed());
      this.#onFailed = reject;
      this.#onWhole = (status, body) =>
        resolve({ status, body, sentAtMs, answeredAtMs: monotonicMs() });
      const sentAtMs = monotonicMs();
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#onFailed = undefined;
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    const headOctets = this.#received.indexOf('\r\n\r\n') + 4;
    if (headOctets < 4) return;
    const head = this.#received.slice(0, headOctets);
    const bodyOctets = Number(/^content-length: *(\d+)\r$/im.exec(head)?.[1]);
    // Not `<`: without a length the comparison must not come out as "whole".
    if (!(this.#received.length >= headOctets + bodyOctets)) return;
    const body = this.#received.slice(headOctets, headOctets + bodyOctets);
    this.#received = this.#received.slice(headOctets + bodyOctets);
    this.#onWhole?.(Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]), body);
  }
}
