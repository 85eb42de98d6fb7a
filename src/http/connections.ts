import type { Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Which requests are under way on which connection. HTTP/1.1 callers may pipeline (RFC 9112 9.3.2), so several can be, and
 * an answer that overtakes another would be taken for it: a 400 for the second request, read as the first's, would
 * deny a message that is being sent.
 */
export class Connections {
  readonly #exchanges = new Map<Duplex, ServerResponse[]>();

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#exchanges.set(socket, []);
      // Each waiting request listens to its socket; how many may be pipelined is not for Node's leak warning to say.
      socket.setMaxListeners(0);
      socket.once('close', () => this.#exchanges.delete(socket));
    });
  }

  /** To be called for each request before it is handled. */
  began(res: ServerResponse): void {
    const { socket } = res.req;
    const underWay = this.#exchanges.get(socket);
    // Closed before its request was handled: nothing is left to keep.
    if (underWay) this.#exchanges.set(socket, [...underWay.filter(isUnderWay), res]);
  }

  /** Ends every connection after the answers that are due on it. */
  closeAllWhenAnswered(): void {
    for (const socket of this.#exchanges.keys()) this.#closeAfterLast(this.#underWay(socket));
  }

  /**
   * Ends a connection whose last request is broken. True if nothing else is due on it, so that the caller of this can
   * still answer that request; else the answers to the whole requests before it go out, and then it ends.
   */
  closeBroken(socket: Duplex): boolean {
    const underWay = this.#underWay(socket);
    const whole = underWay.filter((res) => res.req.complete);
    if (whole.length > 0) {
      this.#closeAfterLast(whole);
      return false;
    }
    // Answered although its body never came whole, as with a refused token.
    if (underWay.some((res) => res.headersSent)) {
      socket.destroy();
      return false;
    }
    return true;
  }

  #underWay(socket: Duplex): ServerResponse[] {
    return (this.#exchanges.get(socket) ?? []).filter(isUnderWay);
  }

  #closeAfterLast(exchanges: readonly ServerResponse[]): void {
    const last = exchanges.at(-1);
    if (last && !last.headersSent) last.setHeader('Connection', 'close');
    else last?.req.socket.destroySoon();
  }
}

function isUnderWay(res: ServerResponse): boolean {
  return !res.writableFinished || !res.req.complete;
}
