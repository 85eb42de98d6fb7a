import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { PlannedSession } from './plan.js';

/** What the caller saw on its connection. */
export interface Told {
  session: PlannedSession;
  received: Buffer;
  /**
   * `closed`: by the daemon, after it had answered or because it had enough. `reset`: so too, while
   * more was coming in, which takes answers along that were not read yet (RFC 9112 9.6). `left`: by
   * the caller. `hung`: by nobody in time. `refused`: never open.
   */
  end: 'closed' | 'reset' | 'left' | 'hung' | 'refused';
}

/**
 * Milliseconds that a caller who is due an answer waits for it: the daemon's own deadline and some.
 */
const patienceMs = 35_000;
/** Milliseconds of silence after which a caller who is due no answer of its own leaves. */
const quietMs = 120;

/**
 * Plays the session on a connection of its own; `answers` counts the whole answers in what came.
 * Never rejects.
 */
export async function play(
  port: number,
  session: PlannedSession,
  answers: (received: Buffer) => number,
): Promise<Told> {
  const wire = new FuzzWire(connect({ port, host: '127.0.0.1', noDelay: true }));
  await wire.opened;
  await sendInPieces(wire, session);
  const end = await endOf(wire, session, answers);
  wire.socket.destroy();
  return { session, received: wire.received, end };
}

async function sendInPieces(
  { socket }: FuzzWire,
  { requests, cuts }: PlannedSession,
): Promise<void> {
  const octets = Buffer.concat(requests.map((request) => request.octets));
  let at = 0;
  for (const cut of cuts) {
    if (socket.destroyed) return;
    socket.write(octets.subarray(at, cut.at));
    at = cut.at;
    await pause(cut.pauseMs);
  }
  if (!socket.destroyed) socket.write(octets.subarray(at));
}

async function endOf(
  wire: FuzzWire,
  { requests, ending }: PlannedSession,
  answers: (received: Buffer) => number,
): Promise<Told['end']> {
  if (ending === 'resets') {
    wire.socket.resetAndDestroy();
    return 'left';
  }
  if (ending === 'stays') return (await wire.closedWithin(patienceMs)) ? wire.ending() : 'hung';
  const isWhole = requests.every(({ statuses }) => statuses !== undefined);
  const due = requests.filter(({ statuses }) => statuses !== undefined).length;
  const until = performance.now() + patienceMs;
  while (answers(wire.received) < due) {
    if (await wire.closedOrMore(until - performance.now())) return wire.ending();
    if (performance.now() >= until) return 'hung';
  }
  // Whoever sent something broken hears so, or is silent himself and leaves.
  if (!isWhole) {
    const isOpen = requests.at(-1)?.fate === 'open';
    if (await wire.closedWithin(isOpen ? 8 * quietMs : quietMs)) return wire.ending();
  }
  return 'left';
}

class FuzzWire {
  readonly socket: Socket;
  readonly opened: Promise<void>;
  readonly #chunks: Buffer[] = [];
  readonly #closed: Promise<void>;
  #isOpen = false;
  #isReset = false;
  #onMore: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    const connected = new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    void connected.then(() => {
      this.#isOpen = true;
    });
    this.opened = Promise.race([connected, this.#closed]);
    socket.on('error', () => {
      this.#isReset = true;
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#onMore();
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  ending(): 'closed' | 'reset' | 'refused' {
    if (!this.#isOpen) return 'refused';
    return this.#isReset ? 'reset' : 'closed';
  }

  /** True once the daemon has closed. */
  closedWithin(ms: number): Promise<boolean> {
    return this.#race(ms, new Promise<never>(() => {}));
  }

  /** True once it has closed, false when more came or the time is over. */
  closedOrMore(ms: number): Promise<boolean> {
    const more = new Promise<false>((resolve) => {
      this.#onMore = () => resolve(false);
    });
    return this.#race(ms, more);
  }

  async #race(ms: number, other: Promise<false>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), Math.max(0, ms));
    });
    const closed = this.#closed.then(() => true);
    const isClosed = await Promise.race([closed, other, late]);
    clearTimeout(timer);
    return isClosed;
  }
}
