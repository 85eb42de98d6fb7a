import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  lstatSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';

/**
 * What a client has not read: beyond this, bytes are lost and counted, as a UART without flow
 * control loses them.
 */
const maxUnreadOctets = 1024 * 1024;

/** The master side of a real pseudo-terminal; the client opens {@link slavePath}. */
export interface Pty {
  /** `/dev/pts/N`: raw, without echo, and alive while no client has it open. */
  readonly slavePath: string;
  readonly droppedOctets: number;
  /**
   * What no client reads is kept up to a bound, then lost and counted. `script` keeps it without a
   * bound of ours.
   */
  write(bytes: Buffer): void;
  /**
   * Hangs the terminal up: a client's descriptor reads its end from now on. Resolves when it is
   * gone.
   */
  hangUp(): Promise<void>;
}

export interface PtyListener {
  onData(bytes: Buffer): void;
  /** The terminal failed by itself. */
  onError(error: Error): void;
}

export const ptyMakers = ['node-pty', 'script'] as const;
export type PtyMaker = (typeof ptyMakers)[number];

/** No pseudo-terminal could be had. */
export class PtyUnavailable extends Error {
  override readonly name = 'PtyUnavailable';
}

/**
 * Opens a pseudo-terminal: with the optional `@lydell/node-pty` where it loads (it has no binary
 * for 32-bit ARM and musl), else with `script` of util-linux. `maker` insists on one. Rejects with
 * {@link PtyUnavailable}.
 */
export async function openPty(listener: PtyListener, maker?: PtyMaker): Promise<Pty> {
  const nodePty = maker === 'script' ? undefined : loadNodePty(maker === 'node-pty');
  return nodePty === undefined ? openByScript(listener) : openByNodePty(nodePty, listener);
}

/**
 * The native part of node-pty. `open` gives the two descriptors, non-blocking, and the slave's
 * path.
 */
interface NativePty {
  open(columns: number, rows: number): { master: number; slave: number; pty: string };
}

interface BinaryLoader {
  requireBinary(file: string): NativePty;
}

/**
 * Its own `open()` will not do: it reads the slave itself, and so takes the modem's first bytes
 * from the client; it leaks a descriptor of the slave; and it writes to the master by a stream that
 * spins while no client reads.
 */
function loadNodePty(isRequired: boolean): NativePty | undefined {
  try {
    const loader = createRequire(import.meta.url)(
      '@lydell/node-pty/requireBinary.js',
    ) as BinaryLoader;
    return loader.requireBinary('pty.node');
  } catch (cause) {
    if (isRequired) throw new PtyUnavailable('@lydell/node-pty cannot be loaded', { cause });
    return undefined;
  }
}

function openByNodePty(native: NativePty, listener: PtyListener): Pty {
  const { master, slave, pty: slavePath } = native.open(80, 24);
  // Raw mode, lest the terminal echoes to the modem what it says before a client comes. libuv opens
  // the slave anew for this; the descriptor given to it stays ours and keeps the terminal alive
  // between clients.
  const terminal = new ReadStream(slave);
  terminal.setRawMode(true);
  terminal.destroy();
  const input = new ReadStream(master);
  const output = new MasterWriter(master);
  return new StreamPty(slavePath, listener, input, output, () => {
    output.stop();
    input.destroy();
    closeSync(slave);
  });
}

/** While the client's side is full, another try is made after this time. */
const retryMs = 2;

/** Writes to a non-blocking master; what the terminal does not take waits. */
class MasterWriter implements ByteSink {
  readonly #descriptor: number;
  #waiting: Buffer = Buffer.alloc(0);
  #retry: NodeJS.Timeout | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  get writableLength(): number {
    return this.#waiting.length;
  }

  write(bytes: Buffer): void {
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    if (this.#retry === undefined) this.#drain();
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#waiting = Buffer.alloc(0);
  }

  #drain(): void {
    this.#retry = undefined;
    while (this.#waiting.length > 0) {
      const written = this.#writeSome();
      if (written === 0) {
        this.#retry = setTimeout(() => this.#drain(), retryMs);
        return;
      }
      this.#waiting = this.#waiting.subarray(written);
    }
  }

  #writeSome(): number {
    try {
      return writeSync(this.#descriptor, this.#waiting);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }
}

/**
 * `script` holds a terminal whose slave `cat` keeps alive; its own standard streams are the master
 * side. `cat` waits on a fourth stream, which ends with this process, so that nothing is left
 * behind even by a kill.
 */
async function openByScript(listener: PtyListener): Promise<Pty> {
  const child = spawn('script', ['-qfec', 'stty raw -echo; tty; exec cat <&3', '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null)
    throw new PtyUnavailable('script of util-linux has no streams');
  let rest = Buffer.alloc(0);
  const slavePath = await new Promise<string>((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new PtyUnavailable('script of util-linux gives no tty', { cause }));
    child.once('error', fail);
    child.once('exit', fail);
    stdout.on('data', function read(chunk: Buffer) {
      rest = Buffer.concat([rest, chunk]);
      const end = rest.indexOf('\n');
      if (end < 0) return;
      stdout.off('data', read);
      child.off('exit', fail);
      resolve(rest.subarray(0, end).toString().trim());
    });
  });
  return new StreamPty(slavePath, listener, stdout, stdin, () => killScript(child));
}

async function killScript(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  // Not SIGTERM: script would hand it to its child and live on until that ends.
  child.kill('SIGKILL');
  await exited;
}

/** Where the modem's bytes go; a stream is one. */
interface ByteSink {
  /** Octets not taken yet. */
  readonly writableLength: number;
  write(bytes: Buffer): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

class StreamPty implements Pty {
  readonly slavePath: string;
  readonly #output: ByteSink;
  readonly #destroy: () => void | Promise<void>;
  #isUp = true;
  droppedOctets = 0;

  constructor(
    slavePath: string,
    listener: PtyListener,
    input: Readable,
    output: ByteSink,
    destroy: () => void | Promise<void>,
  ) {
    this.slavePath = slavePath;
    this.#output = output;
    this.#destroy = destroy;
    input.on('data', (bytes: Buffer) => {
      if (this.#isUp) listener.onData(bytes);
    });
    const report = (error: Error): void => {
      if (this.#isUp) listener.onError(error);
    };
    input.on('error', report);
    output.on?.('error', report);
  }

  write(bytes: Buffer): void {
    if (!this.#isUp || this.#output.writableLength + bytes.length > maxUnreadOctets) {
      this.droppedOctets += bytes.length;
      return;
    }
    this.#output.write(bytes);
  }

  async hangUp(): Promise<void> {
    if (!this.#isUp) return;
    this.#isUp = false;
    await this.#destroy();
  }
}

/** The link's name is taken. */
export class LinkRefused extends Error {
  override readonly name = 'LinkRefused';
}

/**
 * Makes `link` point at `target`, the path of a tty of ours. What was left there by a virtual modem
 * that is gone is replaced. Throws {@link LinkRefused} where something else stands, as the link of
 * another that runs.
 */
export function placeLink(link: string, target: string): void {
  refuseTaken(link, target);
  rmSync(link, { force: true });
  try {
    symlinkSync(target, link);
  } catch (error) {
    throw new LinkRefused(`${link} cannot be made: ${whyNotMade(error)}`, { cause: error });
  }
}

/** Throws {@link LinkRefused} where {@link placeLink} would, for the sake of what stands there. */
export function refuseTaken(link: string, target?: string): void {
  const why = whyTaken(link, target);
  if (why !== undefined) throw new LinkRefused(`${link} ${why}`);
}

/** Takes the link away, unless it has come to point elsewhere meanwhile. */
export function removeLink(link: string, target: string): void {
  if (targetOf(link) === target) rmSync(link, { force: true });
}

/** Undefined when there is nothing, or a link to a tty that is no more. */
function whyTaken(link: string, ours: string | undefined): string | undefined {
  const present = lstatSync(link, { throwIfNoEntry: false, bigint: true });
  if (present === undefined) return undefined;
  const target = targetOf(link);
  if (target === undefined) return 'exists and is no symbolic link: choose another name';
  if (!/^\/dev\/pts\/\d+$/.test(target))
    return `is a link to ${target}, which is no virtual modem's: choose another name`;
  if (target === ours) return undefined;
  const tty = statSync(target, { throwIfNoEntry: false, bigint: true });
  // The number of a tty that is gone is soon another's: such a tty is younger than the link.
  if (tty === undefined || tty.ctimeNs > present.ctimeNs) return undefined;
  return `is the link of another virtual modem, which runs (at ${target}): end that, or choose another name`;
}

/** What it points at; undefined when it is no symbolic link. */
function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if (['ENOENT', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}

function whyNotMade(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such folder';
  if (code === 'EACCES') return 'its folder may not be written by this user';
  return code === 'EEXIST' ? 'something has just been put there' : message;
}
