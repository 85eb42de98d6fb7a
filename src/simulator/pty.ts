import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, lstatSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';

/** What a client has not read: beyond this, bytes are lost and counted, as a UART without flow control loses them. */
const maxUnreadOctets = 1024 * 1024;

/** The master side of a real pseudo-terminal; the client opens {@link slavePath}. */
export interface Pty {
  /** `/dev/pts/N`: raw, without echo, and alive while no client has it open. */
  readonly slavePath: string;
  readonly droppedOctets: number;
  write(bytes: Buffer): void;
  /** Hangs the terminal up: a client's descriptor reads its end from now on. Resolves when it is gone. */
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
 * Opens a pseudo-terminal: with the optional `@lydell/node-pty` where it loads (it has no binary for 32-bit ARM and
 * musl), else with `script` of util-linux. `maker` insists on one. Rejects with {@link PtyUnavailable}.
 */
export async function openPty(listener: PtyListener, maker?: PtyMaker): Promise<Pty> {
  const nodePty = maker === 'script' ? undefined : await loadNodePty(maker === 'node-pty');
  return nodePty === undefined ? openByScript(listener) : openByNodePty(nodePty, listener);
}

/** What `open()` of node-pty gives; its type declarations leave it out. */
interface OpenedTerminal {
  readonly ptsName: string;
  readonly master: ReadStream;
  readonly slave: ReadStream;
}

interface NodePty {
  open(options: { encoding: null; cols: number; rows: number }): OpenedTerminal;
}

async function loadNodePty(isRequired: boolean): Promise<NodePty | undefined> {
  try {
    const loaded: { default?: unknown } = await import('@lydell/node-pty');
    return (loaded.default ?? loaded) as NodePty;
  } catch (cause) {
    if (isRequired) throw new PtyUnavailable('@lydell/node-pty cannot be loaded', { cause });
    return undefined;
  }
}

function openByNodePty(nodePty: NodePty, listener: PtyListener): Pty {
  const { ptsName, master, slave } = nodePty.open({ encoding: null, cols: 80, rows: 24 });
  // node-pty reads the slave itself and would steal the modem's first bytes. Another descriptor keeps the
  // terminal alive between clients; raw mode keeps it from echoing what is said before one comes.
  const keepAlive = openSync(ptsName, constants.O_RDWR | constants.O_NOCTTY);
  slave.setRawMode(true);
  slave.destroy();
  return new StreamPty(ptsName, listener, master, master, () => {
    master.destroy();
    closeSync(keepAlive);
  });
}

/** `script` holds a terminal whose slave `sleep` keeps alive; its own standard streams are the master side. */
async function openByScript(listener: PtyListener): Promise<Pty> {
  const child = spawn('script', ['-qfec', 'stty raw -echo; tty; exec sleep infinity', '/dev/null']);
  let rest = Buffer.alloc(0);
  const slavePath = await new Promise<string>((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new PtyUnavailable('script of util-linux gives no tty', { cause }));
    child.once('error', fail);
    child.once('exit', fail);
    child.stdout.on('data', function read(chunk: Buffer) {
      rest = Buffer.concat([rest, chunk]);
      const end = rest.indexOf('\n');
      if (end < 0) return;
      child.stdout.off('data', read);
      child.off('exit', fail);
      resolve(rest.subarray(0, end).toString().trim());
    });
  });
  return new StreamPty(slavePath, listener, child.stdout, child.stdin, () => killScript(child));
}

async function killScript(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  // Not SIGTERM: script would hand it to its child and live on until that ends.
  child.kill('SIGKILL');
  await exited;
}

class StreamPty implements Pty {
  readonly slavePath: string;
  readonly #output: Writable | Duplex;
  readonly #destroy: () => void | Promise<void>;
  #isUp = true;
  droppedOctets = 0;

  constructor(
    slavePath: string,
    listener: PtyListener,
    input: Readable,
    output: Writable | Duplex,
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
    if (output !== input) output.on('error', report);
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

/** Something that is no symbolic link stands where the link should be. */
export class LinkRefused extends Error {
  override readonly name = 'LinkRefused';
}

/** Points `link` at `target`, atomically where a link is there already. Throws {@link LinkRefused}. */
export function placeLink(link: string, target: string): void {
  const present = lstatSync(link, { throwIfNoEntry: false });
  if (present !== undefined && !present.isSymbolicLink()) {
    throw new LinkRefused(`${link} exists and is no symbolic link: choose another name`);
  }
  const temporary = `${link}.${process.pid}.new`;
  symlinkSync(target, temporary);
  renameSync(temporary, link);
}

export function removeLink(link: string): void {
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(link);
}
