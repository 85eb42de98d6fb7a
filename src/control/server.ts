/**
 * The control socket: how doctor and its kin ask a daemon that runs, as JSON lines.
 * Knows nothing of: the commands that are answered; the daemon gives them.
 * Way: a line with a request → the named command → a line for each thing it yields → the end.
 */

import { once } from 'node:events';
import { chmod, lstat, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'winston';
import { OperatorError } from '../errors.js';
import { withoutNumbers } from '../words/foreign.js';
import { askDaemon, NoDaemon } from './client.js';
import { type ControlRequest, LineCutter, maxRequestOctets, parseObject } from './protocol.js';

/**
 * A command of the control socket: yields the lines of its answer. `signal` is aborted when who
 * asked has left, or the daemon stops. What it throws is told to who asked: a `OperatorError` by
 * its message, anything else as a bug.
 */
export type ControlCommand = (
  request: ControlRequest,
  signal: AbortSignal,
) => AsyncIterable<object>;

export interface ControlServerOptions {
  /** Path of the Unix socket; its folder must be there. */
  path: string;
  /** By name. `status` must be there, and say the daemon's `pid`. */
  commands: Readonly<Record<string, ControlCommand>> & { readonly status: ControlCommand };
  /**
   * Those of them that end by themselves when the daemon stops, with an answer that is worth
   * waiting for; default: none.
   */
  finishing?: readonly string[];
  log: Logger;
}

export interface ControlServer {
  /**
   * Lets nobody in any more, ends every connection, but for those that finish within `graceMs`, and
   * removes the socket; default: at once.
   */
  close(graceMs?: number): Promise<void>;
}

/** Connections at a time; more are refused. */
const maxConnections = 8;
/** Milliseconds for a request to come, and for a reader to take what it asked for. */
const patienceMs = 10_000;
/** Milliseconds between two looks whether the socket is still there. */
const lookMs = 10_000;

/**
 * Opens the control socket, mode 0660. A file that a dead daemon left is replaced; that of a live
 * one throws {@link OperatorError}, which names its pid. A socket that cannot be made is a warning:
 * SMS go out without it. It is tried again every ten seconds, and so is one that somebody removed:
 * who cleans up in /run would else have a daemon that sends, and that nobody can ask.
 */
export async function openControlSocket(options: ControlServerOptions): Promise<ControlServer> {
  const connections = new Connections(options);
  const door = new Door(options, (socket) => connections.take(socket));
  await door.open();
  return {
    async close(graceMs = 0) {
      const closed = door.close();
      connections.endAll((isFinishing) => graceMs > 0 && isFinishing);
      const timer = setTimeout(() => connections.endAll(() => false), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** The socket at its path, made anew when it is gone. */
class Door {
  readonly #options: Pick<ControlServerOptions, 'path' | 'log'>;
  readonly #onConnection: (socket: Socket) => void;
  #server: Server | undefined;
  /** One look at a time. */
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Whether the last try failed: it is told once. */
  #isTold = false;

  constructor(
    options: Pick<ControlServerOptions, 'path' | 'log'>,
    onConnection: (socket: Socket) => void,
  ) {
    this.#options = options;
    this.#onConnection = onConnection;
  }

  /** @throws OperatorError when another daemon listens there, or it is no socket */
  async open(): Promise<void> {
    await this.#make();
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, lookMs).unref();
  }

  /** Lets nobody in from now on. Resolves when the last connection has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    const closed = ended(this.#server);
    // One that was being made meanwhile is not to be left behind.
    await this.#looking;
    await Promise.all([closed, ended(this.#server)]);
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { path, log } = this.#options;
    if (this.#isClosed || (await isThere(path))) return;
    // Closing removes the path: the old one goes before the new one is made.
    this.#server?.close();
    try {
      if (await this.#make())
        log.warn(`the control socket ${path} was gone, and is made anew`, { event: 'control' });
    } catch (error) {
      // Another daemon was quicker: the path is its own now.
      log.warn(withoutNumbers((error as Error).message), { event: 'control' });
    }
  }

  /** @throws OperatorError when the path is somebody's. @returns whether it was made */
  async #make(): Promise<boolean> {
    const { path, log } = this.#options;
    const server = createServer(this.#onConnection);
    try {
      await bind(server, path);
      await chmod(path, 0o660);
    } catch (error) {
      server.close();
      if (error instanceof OperatorError) throw error;
      const told =
        `the control socket ${path} cannot be made, so doctor and its kin cannot ask this daemon: its folder must be there and ` +
        `be writable (RuntimeDirectory= of the unit), or set control.socket (${(error as Error).message})`;
      if (!this.#isTold) log.warn(told, { event: 'control' });
      this.#isTold = true;
      return false;
    }
    server.on('error', (error) =>
      log.error('the control socket failed', { event: 'control', error }),
    );
    this.#server = server;
    this.#isTold = false;
    return true;
  }
}

/** Closes it, if there is one, and resolves when its last connection has ended. */
const ended = (server: Server | undefined): Promise<unknown> =>
  new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));

/** Whether anything is at the path; what cannot be looked at is taken to be there. */
async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
  );
}

async function bind(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const holder = await whoListens(path);
    if (holder !== undefined)
      throw new OperatorError(
        `control.socket ${path} is in use by another simgate (pid ${holder}): stop it first, or give this one a socket of its own`,
      );
    // Whatever else stands there is somebody's, and a mistake in the configuration.
    if (!(await lstat(path)).isSocket())
      throw new OperatorError(`control.socket ${path} is there and no socket: choose another path`);
    await rm(path, { force: true });
    await listen(server, path);
  }
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

/** The pid of the daemon behind the socket; undefined when there is none any more. */
async function whoListens(path: string): Promise<string | undefined> {
  try {
    for await (const { pid } of askDaemon(path, { command: 'status' }, AbortSignal.timeout(2_000)))
      if (typeof pid === 'number') return String(pid);
    return 'unknown';
  } catch (error) {
    return error instanceof NoDaemon ? undefined : 'unknown';
  }
}

/** Who asks, and for what. */
interface Asked {
  left: AbortController;
  isFinishing: boolean;
}

/** Those who ask, each answered in turn with one command; bounded in number, size and time. */
class Connections {
  readonly #options: ControlServerOptions;
  readonly #open = new Map<Socket, Asked>();

  constructor(options: ControlServerOptions) {
    this.#options = options;
  }

  take(socket: Socket): void {
    const left = new AbortController();
    const asked: Asked = { left, isFinishing: false };
    this.#open.set(socket, asked);
    socket.once('close', () => {
      this.#open.delete(socket);
      left.abort(new OperatorError('who asked has left'));
    });
    // Who left in the middle of the answer resets the connection; `close` follows and says all
    // there is to know.
    socket.on('error', () => undefined);
    const work = this.#open.size > maxConnections ? refuse(socket) : this.#serve(socket, asked);
    // Told as the last line by `#serve`; what is left is a connection that broke.
    work.catch(() => socket.destroy());
  }

  /** @param mayFinish whether one is left for now */
  endAll(mayFinish: (isFinishing: boolean) => boolean): void {
    for (const [socket, { left, isFinishing }] of this.#open) {
      if (mayFinish(isFinishing)) continue;
      left.abort(new OperatorError('the daemon is stopping'));
      socket.destroy();
    }
  }

  async #serve(socket: Socket, asked: Asked): Promise<void> {
    const { log, commands, finishing = [] } = this.#options;
    const { signal } = asked.left;
    try {
      const request = parseRequest(await readRequest(socket, signal));
      const command = Object.hasOwn(commands, request.command)
        ? commands[request.command]
        : undefined;
      if (command === undefined)
        throw new OperatorError(`unknown command; known are ${Object.keys(commands).join(', ')}`);
      asked.isFinishing = finishing.includes(request.command);
      for await (const line of command(request, signal)) await write(socket, line, signal);
      await write(socket, { done: true }, signal);
    } catch (error) {
      if (signal.aborted || error instanceof ReaderLeft) return;
      if (!(error instanceof OperatorError))
        log.error('a control command failed', { event: 'control', error });
      const message =
        error instanceof OperatorError ? error.message : 'a bug: the log of the daemon has it';
      await write(socket, { error: withoutNumbers(message) }, signal);
    }
    close(socket);
  }
}

async function refuse(socket: Socket): Promise<void> {
  socket.resume();
  socket.write(
    `${JSON.stringify({ error: `${maxConnections} others ask already: try again in a moment` })}\n`,
  );
  close(socket);
}

/** Ends our side; a reader that does not take the rest in time loses it. */
function close(socket: Socket): void {
  socket.setTimeout(patienceMs, () => socket.destroy());
  socket.end();
}

function parseRequest(line: string): ControlRequest {
  const { command, ...rest } = parseObject(line);
  if (typeof command !== 'string') throw new OperatorError('a request needs a "command"');
  return { ...rest, command };
}

/** The first line; whatever comes after it is dropped unread. */
function readRequest(socket: Socket, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const cutter = new LineCutter(maxRequestOctets);
    const settle = (how: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onLeft);
      socket.off('data', onData);
      socket.resume();
      how();
    };
    const onLeft = () => settle(() => reject(signal.reason as Error));
    const onData = (chunk: Buffer) => {
      try {
        const [line] = cutter.push(chunk);
        if (line !== undefined) settle(() => resolve(line));
      } catch (error) {
        settle(() => reject(error as Error));
      }
    };
    const late = new OperatorError(`no request came within ${patienceMs / 1000} s`);
    const timer = setTimeout(() => settle(() => reject(late)), patienceMs);
    signal.addEventListener('abort', onLeft);
    socket.on('data', onData);
  });
}

/** Who asked reads no more: nothing is left to be told, and nobody to be told. */
class ReaderLeft extends Error {
  override readonly name = 'ReaderLeft';
}

/** Writes a line, and waits while the reader is slow, but not for one that takes nothing at all. */
async function write(socket: Socket, line: object, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (socket.write(`${JSON.stringify(line)}\n`)) return;
  const timer = setTimeout(() => socket.destroy(), patienceMs);
  try {
    await once(socket, 'drain', { signal });
  } catch (cause) {
    throw new ReaderLeft('who asked reads no more', { cause });
  } finally {
    clearTimeout(timer);
  }
}
