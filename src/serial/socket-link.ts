import { connect as connectTcp, type Socket } from 'node:net';
import { type NetworkPlace, networkDevice } from '../config/selector.js';
import { foreignWords } from '../words/foreign.js';
import { type LinkListener, LinkLost, type OpenLink, type SerialLink } from './link.js';
import { PortControl } from './rfc2217.js';
import { looksLikeTelnet, telnetHead } from './telnet.js';

/** Milliseconds for a connection, and for an access server to set its port. */
const connectMs = 10_000;
const negotiateMs = 5_000;
/** Milliseconds for each of several addresses of a name. */
const addressMs = 3_000;
/**
 * Milliseconds without an octet after which the other end is asked whether it is there: the kernel
 * asks a raw one, ten times, a second each; the access server of RFC 2217 is asked what only it
 * answers.
 */
const quietMs = 10_000;
/** Milliseconds that it has for its answer. */
const answerMs = 10_000;
/** Octets of what came last that are kept, to tell why a connection ended. */
const lastOctets = 128;

/** A link over TCP: octets as they are, or a port by RFC 2217 that is set to `baudRate`. */
export function socketLink(place: NetworkPlace, baudRate: number): OpenLink {
  return async (listener) => {
    const device = networkDevice(place);
    const link = new SocketLink(device, await connected(place, device), listener);
    if (place.protocol === 'rfc2217') await link.negotiate(baudRate);
    return link;
  };
}

function connected({ host, port }: NetworkPlace, device: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: quietMs,
      autoSelectFamilyAttemptTimeout: addressMs,
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new LinkLost(`${device}: ${whyNotConnected(error, host)}`, { cause: error }));
    };
    const timer = setTimeout(
      () => fail(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      connectMs,
    );
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function whyNotConnected(error: Error, host: string): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code ?? '') {
    case 'ECONNREFUSED':
      return 'nothing listens there: does ser2net, or what else has the modem, run on that machine?';
    case 'ETIMEDOUT':
      return `nobody answers there within ${connectMs / 1000} s: is that machine on, and let through by what is between?`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name ${host} has no address now (${code}): look at its spelling, and at this machine's name server`;
    case 'EPERM':
    case 'EACCES':
      return `this process may not reach that machine (${code}): IPAddressAllow= of its unit, or a firewall`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `no way leads there (${code}): is the network up, or the tunnel?`;
    default:
      return `no connection: ${code ?? foreignWords(error.message)}`;
  }
}

/** Nothing is said of why: the next try shows which. */
const endedThere =
  'the other end closed the connection: another client has taken the port, its server was restarted, or it lost its tty. ' +
  'Only one client may use a modem: look who else connects to it';

/** What the other end of a connection says before it ends it, as far as it is known. */
const lastWords: readonly { said: RegExp; means: string; isOthers: boolean }[] = [
  {
    said: /port already in use/i,
    means:
      'another client has the port, or an old connection that is dead: look who else connects to it; kickolduser: true of ser2net ends dead ones',
    isOthers: true,
  },
  {
    said: /device (open failure|already in use|failed open)/i,
    means: 'that machine cannot open its tty: is the modem plugged in there?',
    isOthers: false,
  },
];

class SocketLink implements SerialLink {
  readonly path: string;
  readonly #socket: Socket;
  #listener: LinkListener | undefined;
  #control: PortControl | undefined;
  /** What waits for the port to be set, while it is. */
  #opening: { resolve: () => void; reject: (error: LinkLost) => void } | undefined;
  #last = Buffer.alloc(0);
  /** The octets that came first, to tell telnet by. */
  #first = Buffer.alloc(0);
  /** The port is set: from here on somebody there is heard from time to time. */
  #isWatched = false;
  #watch: NodeJS.Timeout | undefined;
  readonly #ended: Promise<void>;

  constructor(path: string, socket: Socket, listener: LinkListener) {
    this.path = path;
    this.#socket = socket;
    this.#listener = listener;
    this.#ended = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error) => this.#lose(whyEnded(error), error));
    socket.on('end', () => this.#lose(endedThere));
    socket.on('close', () => this.#lose(endedThere));
  }

  /** Has the port set by the access server; rejects with a {@link LinkLost}. */
  async negotiate(baudRate: number): Promise<void> {
    const control = new PortControl(baudRate, {
      send: (bytes) => void this.#socket.write(bytes),
      onReady: () => this.#portIsSet(),
      onRefused: (why) => this.#lose(`it ${why}`),
    });
    this.#control = control;
    const timer = setTimeout(
      () =>
        this.#lose(
          `it has not set its port by RFC 2217 within ${negotiateMs / 1000} s: is it a raw one? Then tcp://`,
        ),
      negotiateMs,
    );
    try {
      await new Promise<void>((resolve, reject) => {
        this.#opening = { resolve, reject };
        this.#inOneWrite(() => control.start());
      });
    } finally {
      clearTimeout(timer);
    }
  }

  write(bytes: string): void {
    if (this.#listener === undefined) return;
    const octets = Buffer.from(bytes, 'latin1');
    if (this.#control === undefined) this.#socket.write(octets);
    else this.#control.put(octets);
  }

  close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onClose(undefined);
    return this.#release();
  }

  #take(bytes: Buffer): void {
    if (this.#listener === undefined) return;
    if (this.#control === undefined && this.#first.length < telnetHead) {
      this.#first = Buffer.concat([this.#first, bytes]).subarray(0, telnetHead);
      if (looksLikeTelnet(this.#first))
        return this.#lose('it speaks telnet: write rfc2217:// instead of tcp://');
    }
    if (this.#isWatched) this.#watchFor(quietMs, () => this.#askAccessServer());
    const data = this.#inOneWrite(() => this.#control?.take(bytes) ?? bytes);
    if (data.length === 0) return;
    this.#last = Buffer.concat([this.#last, data]).subarray(-lastOctets);
    this.#listener?.onData(data);
  }

  /**
   * What `work` sends goes out together. The write after one that met a closed connection fails,
   * and Node then throws away what has not been read: the words that say why it was closed.
   */
  #inOneWrite<T>(work: () => T): T {
    this.#socket.cork();
    try {
      return work();
    } finally {
      this.#socket.uncork();
    }
  }

  #portIsSet(): void {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#isWatched = true;
    this.#watchFor(quietMs, () => this.#askAccessServer());
    opening?.resolve();
  }

  #askAccessServer(): void {
    this.#control?.ask();
    this.#watchFor(answerMs, () => this.#lose('nothing comes back over the network any more'));
  }

  #watchFor(ms: number, run: () => void): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(run, ms);
  }

  /** The connection is of no use any more; told once, to who opens it or to who listens. */
  #lose(why: string, cause?: Error): void {
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener === undefined) return;
    const heard = this.#last.toString('latin1');
    const known = lastWords.find(({ said }) => said.test(heard));
    const what = this.#opening ? `${this.path}:` : `${this.path} was lost:`;
    const lost = new LinkLost(`${what} ${known?.means ?? why}`, {
      cause,
      isOthers: known?.isOthers === true,
    });
    void this.#release();
    if (this.#opening) this.#opening.reject(lost);
    else listener.onClose(lost);
  }

  /**
   * Reset, not ended: what the network has not taken yet is thrown away, and cannot reach the modem
   * late, between the octets of a newer connection.
   */
  #release(): Promise<void> {
    clearTimeout(this.#watch);
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
    return this.#ended;
  }
}

function whyEnded(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the other end reset the connection';
  if (code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return 'nothing comes back over the network any more';
  return code ?? foreignWords(error.message);
}
