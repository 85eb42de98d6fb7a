import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An alert as the form `json` has it. */
export interface Told {
  id: string;
  state: string;
  kind: string;
  subject?: string;
  severity: string;
  title: string;
  text: string;
}

/** What a receiver does with a call: `drips` answers octet by octet, and is never done. */
export type Mood = 'well' | 'slow' | 'hangs' | 'refuses' | 'closes' | 'drips';

const dripMs = 300;
/** Longer than a message may take for which nobody waits. */
const slowMs = 3_000;

/** Whoever is told of alerts, or hears the heartbeat: on a real socket, in whatever mood. */
export class Receiver {
  /** What it took. */
  readonly told: Told[] = [];
  /** `performance.now()` of each call, in whatever mood. */
  readonly calledAt: number[] = [];
  mood: Mood = 'well';
  readonly #waiting = new Set<() => void>();
  readonly #server: Server = createServer((request, response) => this.#called(request, response));

  get calls(): number {
    return this.calledAt.length;
  }

  /** Gives its address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** Resolves when that is so; vitest's own timeout is the limit. */
  until(fits: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!fits()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** What it was told of that kind, and of that subject where one is named. */
  of(kind: string, subject?: string): Told[] {
    return this.told.filter(
      (each) => each.kind === kind && (subject === undefined || each.subject === subject),
    );
  }

  was(state: string, kind: string, subject?: string): boolean {
    return this.of(kind, subject).some((each) => each.state === state);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #called(request: IncomingMessage, response: ServerResponse): void {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      this.calledAt.push(performance.now());
      this.#answer(body, response);
      for (const look of this.#waiting) look();
    });
  }

  #answer(body: string, response: ServerResponse): void {
    const { mood } = this;
    if (mood === 'well' || mood === 'slow') {
      if (body !== '') this.told.push(JSON.parse(body) as Told);
      setTimeout(() => response.writeHead(204).end(), mood === 'slow' ? slowMs : 0);
    } else if (mood === 'refuses') response.writeHead(500).end('out of order');
    else if (mood === 'closes') response.socket?.destroy();
    else if (mood === 'drips') drip(response);
  }
}

/** A status line that never comes to its end. */
function drip({ socket }: ServerResponse): void {
  const octets = `HTTP/1.1 200 ${'O'.repeat(1_000)}`;
  let sent = 0;
  const timer = setInterval(() => {
    socket?.write(octets.charAt(sent));
    sent += 1;
  }, dripMs);
  socket?.once('close', () => clearInterval(timer));
}
