import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export const webhookSecret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

/** What the receiver has been told, once its signature was found right by somebody else's code. */
export interface Told {
  id: string;
  from: string;
  text: string | null;
  modem: string;
  received_at: string;
  missing_parts?: number[];
}

export type Mood = 'takes' | 'hangs' | 'refuses' | 'breaks' | 'redirects';

/** A receiver that takes, hangs, refuses, breaks off, or is not there. */
export class Receiver {
  readonly told: Told[] = [];
  /** Signatures that were not right. */
  readonly unproven: unknown[] = [];
  /** All calls, those too that were not taken. */
  readonly calls: { id: string; text: string | null; wasTaken: boolean }[] = [];
  mood: Mood = 'takes';
  #server: Server | undefined;
  port = 0;

  async listen(port = 0): Promise<void> {
    const judge = new Webhook(webhookSecret);
    const server = createServer((request, response) => {
      let body = '';
      // A chunk may end within a character.
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const id = String(request.headers['webhook-id']);
        const told = JSON.parse(body) as Told;
        this.calls.push({ id, text: told.text, wasTaken: this.mood === 'takes' });
        if (this.mood === 'hangs') return;
        if (this.mood === 'breaks') return request.socket.destroy();
        if (this.mood === 'redirects') return response.writeHead(307, { location: '/' }).end();
        if (this.mood === 'refuses') return response.writeHead(503).end('no');
        this.told.push({ ...told, id });
        try {
          judge.verify(body, request.headers as Record<string, string>);
        } catch (error) {
          this.unproven.push(error);
        }
        response.writeHead(204).end();
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  get ids(): string[] {
    return this.calls.map(({ id }) => id);
  }

  get texts(): (string | null)[] {
    return this.told.map(({ text }) => text);
  }
}
