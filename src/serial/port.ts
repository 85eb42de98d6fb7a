/**
 * A tty as a link of octets, and when it is gone.
 * Knows nothing of: AT; it sees octets only.
 * Way: `serialLink` → octets both ways → closed once, with the cause.
 */

import { readSync, writeSync } from 'node:fs';
import { SerialPortStream } from '@serialport/stream';
import { SerialPort } from 'serialport';
import { type LinkListener, LinkLost, type OpenLink, type SerialLink } from './link.js';

/** What the guard needs of serialport's Linux port (`LinuxPortBinding`). */
interface PollablePort {
  readonly isOpen: boolean;
  fd: number | null;
  poller: {
    once(event: 'readable' | 'writable', callback: (error: Error | null) => void): unknown;
  };
  read(
    buffer: Buffer,
    offset: number,
    length: number,
  ): Promise<{ buffer: Buffer; bytesRead: number }>;
  write(buffer: Buffer): Promise<void>;
}

/**
 * serialport's stream ignores a read or write that fails with this mark, and takes any other
 * failure for a lost device.
 */
const canceled = () => Object.assign(new Error('port is closed'), { canceled: true });

const isRetry = (error: unknown) =>
  ['EAGAIN', 'EWOULDBLOCK', 'EINTR'].includes((error as NodeJS.ErrnoException).code ?? '');

/**
 * Replaces the port's `read` and `write`. serialport 13 reads again when `read(2)` returns 0, but a
 * hung-up tty (USB unplug) returns 0 for ever: it spins and never reports the loss (bindings-cpp
 * issue 162). Here 0 bytes is the hang-up it means. The descriptor is O_NONBLOCK, so both are done
 * at once on this thread, a read when the tty is readable: none can be under way when the port
 * closes, which would crash the process or use a reused descriptor, and no other thread is woken
 * for a few octets.
 */
function guard(port: PollablePort): void {
  const ready = (event: 'readable' | 'writable') =>
    new Promise<void>((resolve, reject) => {
      port.poller.once(event, (error) => {
        if (!error) resolve();
        else if ('canceled' in error && error.canceled) reject(error);
        // What libuv calls a bad file descriptor here is a hang-up seen by poll(2).
        else reject(new Error('the tty was hung up', { cause: error }));
      });
    });
  port.read = async (buffer, offset, length) => {
    for (;;) {
      // After `close` the poller is destroyed, and to poll it would crash the process.
      if (!port.isOpen) throw canceled();
      await ready('readable');
      if (!port.isOpen || port.fd === null) throw canceled();
      const { fd } = port;
      const bytesRead = unlessBusy(() => readSync(fd, buffer, offset, length, null));
      if (bytesRead === 0) throw new Error('the tty was hung up');
      if (bytesRead !== undefined) return { buffer, bytesRead };
    }
  };
  port.write = async (buffer) => {
    for (let offset = 0; offset < buffer.length; ) {
      if (!port.isOpen || port.fd === null) throw canceled();
      const { fd } = port;
      const bytesWritten = unlessBusy(() => writeSync(fd, buffer, offset));
      if (bytesWritten === undefined) await ready('writable');
      else offset += bytesWritten;
    }
  };
}

/** Octets read or written; undefined when the tty has none, or takes none, now. */
function unlessBusy(transfer: () => number): number | undefined {
  try {
    return transfer();
  } catch (error) {
    if (isRetry(error)) return undefined;
    throw error;
  }
}

const guardedBinding: typeof SerialPort.binding = Object.assign(Object.create(SerialPort.binding), {
  async open(options: Parameters<typeof SerialPort.binding.open>[0]) {
    const port = await SerialPort.binding.open(options as never);
    guard(port as unknown as PollablePort);
    return port;
  },
});

/**
 * A link over a tty: raw, 8N1, locked with `flock` against another serialport (other programs are
 * kept off by the udev rule). `baudRate` matters to real UARTs only.
 */
export function serialLink(path: string, baudRate: number): OpenLink {
  return (listener) =>
    new Promise((resolve, reject) => {
      // hupcl off: dropping DTR at close makes some modems (AT&D2, AT&D3) leave command state or
      // reset.
      const port = new SerialPortStream({
        binding: guardedBinding,
        path,
        baudRate,
        hupcl: false,
        autoOpen: false,
      });
      const link = new PortLink(port, listener);
      port.open((error) => (error ? reject(openFailure(path, error)) : resolve(link)));
    });
}

class PortLink implements SerialLink {
  readonly path: string;
  readonly #port: SerialPortStream;
  #listener: LinkListener | undefined;
  #closed: Promise<void> | undefined;

  constructor(port: SerialPortStream, listener: LinkListener) {
    this.path = port.path;
    this.#port = port;
    this.#listener = listener;
    // A reader is always attached: without one serialport notices no hang-up at all.
    port.on('data', (bytes: Buffer) => this.#listener?.onData(bytes));
    port.on('error', (error: Error) => this.#lose(error));
    port.on('close', (error?: Error | null) => this.#lose(error ?? undefined));
    port.on('end', () => this.#lose(new Error('the tty ended')));
  }

  write(bytes: string): void {
    // A write to a closed serialport stream is kept and sent at the next open; this object is never
    // opened again, but the bytes must not even be queued.
    if (this.#listener === undefined || !this.#port.isOpen) return;
    this.#port.write(Buffer.from(bytes, 'latin1'));
  }

  close(): Promise<void> {
    this.#listener?.onClose(undefined);
    this.#listener = undefined;
    return this.#release();
  }

  #lose(cause: Error | undefined): void {
    // `close` comes twice when a write was in flight; only the first counts.
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onClose(
      new LinkLost(`${this.path} was lost: ${cause?.message ?? 'closed'}`, { cause }),
    );
    void this.#release();
  }

  #release(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      if (!this.#port.isOpen) return resolve();
      // What is still in the output buffer would make close(2) of a stuck tty wait up to 30 s
      // (closing_wait).
      this.#port.flush(() => {
        if (!this.#port.isOpen) return resolve();
        this.#port.close(() => resolve());
      });
    });
    return this.#closed;
  }
}

/** serialport's open errors are sentences without `code`; these are the ones a person meets. */
function openFailure(path: string, error: Error): LinkLost {
  const text = error.message;
  if (/Cannot lock port|temporarily unavailable|busy/i.test(text))
    return new LinkLost(`${path} is busy: another program holds it`, {
      cause: error,
      isOthers: true,
    });
  if (/No such file/i.test(text))
    return new LinkLost(`${path} does not exist: is the modem plugged in?`, { cause: error });
  if (/Permission denied/i.test(text))
    return new LinkLost(
      `${path}: permission denied: the user running simgate must be in the group "dialout"`,
      { cause: error, isOthers: true },
    );
  if (/Inappropriate ioctl/i.test(text))
    return new LinkLost(`${path} is not a tty`, { cause: error });
  return new LinkLost(`${path} cannot be opened: ${text}`, { cause: error });
}
