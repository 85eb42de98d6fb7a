import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/**
 * Binds the datagram socket, and prints each message with its CLOCK_MONOTONIC time; closes the
 * descriptor of a BARRIER=1, as systemd does.
 */
const program = `
import array, json, os, socket, sys, time
name = sys.argv[1]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind("\\0" + name[1:] if name.startswith("@") else name)
print(json.dumps({"bound": True}), flush=True)
while True:
    data, ancillary, _, _ = sock.recvmsg(4096, socket.CMSG_SPACE(16))
    for level, kind, octets in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds = array.array("i")
            fds.frombytes(octets[: len(octets) - len(octets) % fds.itemsize])
            for fd in fds:
                os.close(fd)
    print(json.dumps({"atMs": time.monotonic() * 1000, "lines": data.decode().split("\\n")}), flush=True)
`;

/** A message as it arrived. */
export interface Heard {
  /** CLOCK_MONOTONIC, milliseconds. */
  atMs: number;
  lines: string[];
}

/** What systemd is to a service: a datagram socket (unix(7)), in python3 because Node has none. */
export class NotifyListener {
  readonly heard: Heard[] = [];
  readonly #process: ChildProcessByStdio<null, Readable, null>;
  readonly #waiting = new Set<() => void>();

  private constructor(name: string) {
    this.#process = spawn('python3', ['-c', program, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  /** `name` is a path, or `@` and an abstract name. Rejects when it cannot be bound. */
  static async bind(name: string): Promise<NotifyListener> {
    const listener = new NotifyListener(name);
    const lines = createInterface({ input: listener.#process.stdout });
    const ended = once(listener.#process, 'exit').then(() =>
      Promise.reject(new Error('python3 ended')),
    );
    await Promise.race([once(lines, 'line'), ended]);
    ended.catch(() => undefined); // its end is asked for later on
    lines.on('line', (line) => {
      const message = JSON.parse(line) as Heard;
      if (message.lines.includes('BARRIER=1')) return;
      listener.heard.push(message);
      for (const look of listener.#waiting) look();
    });
    return listener;
  }

  /**
   * The first message since the one numbered `from` that has this line, or one that fits; vitest's
   * own timeout is the limit.
   */
  until(fits: string | RegExp, from = 0): Promise<Heard> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.heard
          .slice(from)
          .find(({ lines }) =>
            lines.some((line) => (typeof fits === 'string' ? line === fits : fits.test(line))),
          );
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** All lines of all messages, in order. */
  get lines(): string[] {
    return this.heard.flatMap(({ lines }) => lines);
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}
