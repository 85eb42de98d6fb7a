import type { Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What all callers together may take of a listener's connections. */
export interface ConnectionLimits {
  /** How many are open at a time. */
  maxConnections: number;
  /** Requests of one connection that are not answered yet (RFC 9112 9.3.2: pipelining). */
  maxPipelined: number;
  /** Milliseconds for a caller to read an answer; ours have a few hundred octets. */
  readTimeoutMs: number;
  /**
   * Milliseconds that a request may still come in when it is answered already, as a refused one's
   * body.
   */
  lingerMs: number;
  /** Milliseconds between two looks for such that do not read, or do not end. */
  checkIntervalMs: number;
}

interface Connection {
  /** In the order of the requests, answered ones before those that are not. */
  exchanges: ServerResponse[];
  /**
   * `performance.now()` of the look since which octets have been waiting, and the caller has read
   * none.
   */
  unreadSince: number | undefined;
  /** Octets that had left by the last look. */
  octetsGone: number;
  /** The same since which nothing but the rest of an answered request is awaited. */
  unendedSince: number | undefined;
}

/**
 * Which requests are under way on which connection. HTTP/1.1 callers may pipeline (RFC 9112 9.3.2),
 * so several can be, and an answer that overtakes another would be taken for it: a 400 for the
 * second request, read as the first's, would deny a message that is being sent.
 *
 * It also bounds what those can take who send no request worth an answer. When all connections are
 * taken, a new one takes the place of another that is of less use (see {@link worthOf}); one that
 * waits for an answer is never given up.
 */
export class Connections {
  /** The one whose last request, or whose coming, is longest ago is first. */
  readonly #connections = new Map<Duplex, Connection>();
  readonly #limits: ConnectionLimits;

  /**
   * `onFull` is called whenever a connection had to be given up, or a new one refused, because
   * there were too many.
   */
  constructor(server: Server, limits: ConnectionLimits, onFull: () => void) {
    this.#limits = limits;
    server.on('connection', (socket) => {
      if (this.#connections.size >= limits.maxConnections) {
        onFull();
        if (!this.#giveUpOne()) {
          socket.destroy();
          return;
        }
      }
      this.#connections.set(socket, {
        exchanges: [],
        unreadSince: undefined,
        octetsGone: 0,
        unendedSince: undefined,
      });
      // Each waiting request listens to its socket; how many may be pipelined is not for Node's
      // leak warning to say.
      socket.setMaxListeners(0);
      socket.once('close', () => this.#connections.delete(socket));
    });
    const look = setInterval(() => this.#look(), limits.checkIntervalMs);
    look.unref();
    server.once('close', () => clearInterval(look));
  }

  /**
   * To be called for each request before it is handled. False when it is not to be handled: there
   * are so many on its connection that this was ended, or one before it has an answer that ends the
   * connection (RFC 9112 9.6), so that a message would be sent and its caller never hear of it.
   */
  began(res: ServerResponse): boolean {
    const { socket } = res.req;
    const connection = this.#connections.get(socket);
    // Closed before its request was handled: nothing is left to keep.
    if (!connection) return !socket.destroyed;
    dropAnswered(connection.exchanges);
    if (connection.exchanges.some(isLast)) return false;
    connection.exchanges.push(res);
    this.#connections.delete(socket);
    if (connection.exchanges.length > this.#limits.maxPipelined) {
      socket.destroy();
      return false;
    }
    this.#connections.set(socket, connection);
    return true;
  }

  /** Ends every connection after the answers that are due on it. */
  closeAllWhenAnswered(): void {
    for (const socket of this.#connections.keys()) this.#closeAfterLast(this.#underWay(socket));
  }

  /**
   * Ends a connection whose last request is broken. True if nothing else is due on it, so that the
   * caller of this can still answer that request; else the answers to the whole requests before it
   * go out, and then it ends.
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
    return (this.#connections.get(socket)?.exchanges ?? []).filter(isUnderWay);
  }

  #closeAfterLast(exchanges: readonly ServerResponse[]): void {
    const last = exchanges.at(-1);
    if (!last) return;
    const { socket } = last.req;
    if (!last.headersSent) last.setHeader('Connection', 'close');
    else if (last.writableFinished) socket.destroySoon();
    // Made already, but it waits behind the answers before it, or to be read.
    else last.once('finish', () => socket.destroySoon());
  }

  /** False if all have a request that waits for its answer. */
  #giveUpOne(): boolean {
    let least: { socket: Duplex; worth: number } | undefined;
    for (const [socket, connection] of this.#connections) {
      const worth = worthOf(socket, connection);
      if (worth < (least?.worth ?? worths.busy)) least = { socket, worth };
      if (worth === worths.none) break;
    }
    if (least === undefined) return false;
    this.#connections.delete(least.socket);
    least.socket.destroy();
    return true;
  }

  /**
   * Node has no bound for answers that nobody reads, and a long one for what is answered and never
   * ends.
   */
  #look(): void {
    const now = performance.now();
    for (const [socket, connection] of this.#connections) {
      const octetsGone = goneBy(socket);
      // A long answer over a slow line is read all the same.
      if (octetsGone !== connection.octetsGone) connection.unreadSince = undefined;
      connection.octetsGone = octetsGone;
      connection.unreadSince =
        socket.writableLength === 0 ? undefined : (connection.unreadSince ?? now);
      connection.unendedSince = isUnended(connection)
        ? (connection.unendedSince ?? now)
        : undefined;
      const { unreadSince = now, unendedSince = now } = connection;
      const { readTimeoutMs, lingerMs } = this.#limits;
      if (now - unendedSince >= lingerMs || now - unreadSince >= readTimeoutMs) socket.destroy();
    }
  }
}

/** Octets that the system has taken for the other side. */
const goneBy = (socket: Duplex): number =>
  socket instanceof Socket ? socket.bytesWritten - socket.writableLength : 0;

/** What a connection is good for, the least first. */
const worths = {
  /**
   * All was answered, and it neither reads the answer nor ends its request: nothing of use can
   * come.
   */
  none: 0,
  /** Has sent no whole header yet. */
  unknown: 1,
  /** Was answered, and may ask again, as a proxy does. */
  idle: 2,
  /** Waits for an answer. */
  busy: 3,
} as const;

/**
 * What a connection is good for: a caller who has sent a request worth an answer comes before all
 * who have not.
 */
function worthOf(socket: Duplex, connection: Connection): number {
  if (connection.exchanges.some((res) => !res.headersSent)) return worths.busy;
  if (isUnended(connection) || connection.unreadSince !== undefined || socket.writableEnded)
    return worths.none;
  return connection.exchanges.length === 0 ? worths.unknown : worths.idle;
}

/**
 * Whether all of its requests have their answer, and one is not whole yet. An answer of ours goes
 * out as one with its header, also where the connection is kept open for the rest of the request.
 */
function isUnended({ exchanges }: Connection): boolean {
  return exchanges.every((res) => res.headersSent) && exchanges.some((res) => !res.req.complete);
}

/**
 * Answers go out in order, so only the first can be done; looking at all for each request would
 * make pipelining cost its square.
 */
function dropAnswered(exchanges: ServerResponse[]): void {
  let done = 0;
  while (done < exchanges.length && !isUnderWay(exchanges[done]!)) done++;
  exchanges.splice(0, done);
}

/** Whether its answer says, or will say, that no other follows. */
function isLast(res: ServerResponse): boolean {
  return res.getHeader('connection') === 'close';
}

function isUnderWay(res: ServerResponse): boolean {
  return !res.writableFinished || !res.req.complete;
}
