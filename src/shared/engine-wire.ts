/** One connection to a Valkey or Redis; nothing of it survives its end. */

import { readFileSync } from 'node:fs';
import type { SharedConfig } from '../config/config.js';
import { foreignWords } from '../words/foreign.js';
import { whyFailed } from '../words/system-fault.js';

/** What the engine is spoken to by. */
export interface Wire {
  /** The reply; rejects with an {@link EngineRefusal}, or with the cause when the wire is cut. */
  send(command: string, ...args: (string | number)[]): Promise<unknown>;
  /** Cuts it: whatever is on its way is lost. */
  cut(): void;
}

/** The engine answered with an error; its first word is the kind (`NOSCRIPT`, `OOM`, …). */
export class EngineRefusal extends Error {
  override readonly name = 'EngineRefusal';
  readonly kind: string;

  constructor(message: string) {
    super(foreignWords(message));
    this.kind = /^[A-Z]+/.exec(message)?.[0] ?? '';
  }
}

/** Opens a wire; `onCut` is called once, when it has ended by itself. */
export type OpenWire = (onCut: (why: string) => void) => Promise<Wire>;

/** Milliseconds for TCP and TLS, and then for whoever is there to let us in. */
const connectMs = 2_000;

/**
 * By iovalkey, of which little is used: its own reconnecting, queueing and sending again are off,
 * for what became of a command that was cut off is ours to find out. Password and CA are read anew,
 * so that they can be replaced at any time.
 */
export function wireOpener({ url, passwordFile, caFile }: SharedConfig): OpenWire {
  return async (onCut) => {
    const { Redis } = await client();
    const password = fileOf('password_file', passwordFile)?.replace(/\r?\n$/, '');
    const ca = fileOf('ca_file', caFile);
    const connection = new Redis({
      host: url.host,
      port: url.port,
      ...(url.isTls && { tls: ca === undefined ? {} : { ca } }),
      lazyConnect: true,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      connectTimeout: connectMs,
      keepAlive: 10_000,
    });
    let why = 'the connection was closed';
    let timer: NodeJS.Timeout | undefined;
    connection.on('error', (error: Error) => {
      why = foreignWords(error.message);
    });
    try {
      await connection.connect();
      const wire = wireOf(connection);
      // The kernel takes connections for a process that is stopped, too.
      timer = setTimeout(() => {
        why = 'it took the connection, and says nothing';
        connection.disconnect();
      }, connectMs);
      await enter(wire, { user: url.user, database: url.database }, password);
      connection.once('end', () => onCut(why));
      return wire;
    } catch (error) {
      connection.disconnect();
      throw error instanceof EngineRefusal ? error : new Error(why, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** @throws Error that names the key */
function fileOf(key: 'password_file' | 'ca_file', file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`shared.${key} cannot be read: ${whyFailed(error)}`, { cause: error });
  }
}

/** Only a box that shares something reads it. */
async function client() {
  // It would write each command to stderr, with the password.
  delete process.env.DEBUG;
  const { default: iovalkey } = await import('iovalkey');
  return iovalkey;
}

type Connection = InstanceType<Awaited<ReturnType<typeof client>>['Redis']>;

function wireOf(connection: Connection): Wire {
  return {
    async send(command, ...args) {
      try {
        return await connection.call(command, ...args);
      } catch (error) {
        const { name, message } = error as Error;
        throw name === 'ReplyError' ? new EngineRefusal(message) : new Error(foreignWords(message));
      }
    },
    cut: () => connection.disconnect(),
  };
}

/** Says who we are. */
async function enter(
  wire: Wire,
  { user, database }: { user: string | undefined; database: number },
  password: string | undefined,
): Promise<void> {
  if (password !== undefined)
    await wire.send('AUTH', ...(user === undefined ? [] : [user]), password);
  if (database !== 0) await wire.send('SELECT', database);
}
