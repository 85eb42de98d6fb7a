import { once } from 'node:events';
import { chmod, lstat, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createConnection } from 'node:net';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import type { ListenAddress, ListenSocket } from '../config/config.js';
import { hostAndPort } from '../config/listen.js';

/** What was bound: of an address its port, as the system chose it for 0. */
export type Bound<Where extends ListenAddress | ListenSocket> = Where extends ListenSocket
  ? ListenSocket
  : ListenAddress;

/** A listener's address cannot be bound. */
export class ListenError extends Error {
  override readonly name = 'ListenError';

  /** `words` follow the name of the place. */
  constructor(where: string, words: string, cause?: unknown) {
    super(`${where} ${words}`, { cause });
  }
}

/** Rejects with a {@link ListenError} that says why it cannot, and what to do. */
export async function bind<Where extends ListenAddress | ListenSocket>(
  server: Server,
  where: Where,
): Promise<Bound<Where>>;
export async function bind(
  server: Server,
  where: ListenAddress | ListenSocket,
): Promise<ListenAddress | ListenSocket> {
  return 'path' in where ? bindSocket(server, where) : bindAddress(server, where);
}

async function bindAddress(server: Server, { host, port }: ListenAddress): Promise<ListenAddress> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    const busy =
      'is taken: does another simgate run? Else choose another address for http.listen or admin.listen';
    const words = cause.code === 'EADDRINUSE' ? busy : `cannot be listened on: ${cause.message}`;
    throw new ListenError(hostAndPort({ host, port }), words, cause);
  }
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError('a TCP listener has an address');
  return { host, port: address.port };
}

/**
 * For the daemon's user and group (0660): a proxy in that group connects. The group is that of the
 * folder where this has the set-group-ID bit (mkdir(2)). A socket that a dead process left is
 * replaced; any other thing at that place is somebody's.
 */
async function bindSocket(server: Server, { path }: ListenSocket): Promise<ListenSocket> {
  try {
    await listenOn(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw await notBound(path, error);
    await removeDead(path);
    await listenOn(server, path).catch(async (cause: unknown) => {
      throw await notBound(path, cause);
    });
  }
  try {
    await chmod(path, 0o660);
  } catch (error) {
    server.close();
    throw await notBound(path, error);
  }
  return { path };
}

async function listenOn(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

/** Removes a socket that nobody listens on. */
async function removeDead(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  // Gone since: there is nothing to be removed.
  if (there === undefined) return;
  if (!there.isSocket())
    throw new ListenError(
      `unix:${path}`,
      'is there and no socket: choose another path for admin.listen',
    );
  if (await isListenedOn(path))
    throw new ListenError(
      `unix:${path}`,
      'is taken: does another simgate run? Stop it first, or choose another path for admin.listen',
    );
  await rm(path, { force: true }).catch(async (cause: unknown) => {
    throw await notBound(path, cause);
  });
}

/** Whether a process has it open. One that we may not ask is taken for one. */
async function isListenedOn(path: string): Promise<boolean> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ECONNREFUSED' && code !== 'ENOENT';
  } finally {
    socket.destroy();
  }
}

/** Libuv says EACCES for a folder that is not there, too (2.0: pipe.c): the folder tells. */
async function notBound(path: string, error: unknown): Promise<ListenError> {
  const cause = error as NodeJS.ErrnoException;
  const folder = dirname(path);
  const user = nameOfUser();
  const words: Partial<Record<string, string>> = {
    ENOENT: `cannot be made: its folder ${folder} is not there. RuntimeDirectory= of the unit makes /run/simgate; another must be made first, for user ${user}`,
    ENOTDIR: `cannot be made: ${folder} is no folder`,
    EACCES: `cannot be made: user ${user} may not write to ${folder}. Give that folder to the user, or choose a path in /run/simgate`,
    EROFS: `cannot be made: ${folder} is read-only. Choose a path in /run/simgate, or name the folder in ReadWritePaths= of a drop-in`,
  };
  const told = words[(await faultOfFolder(folder)) ?? cause.code ?? ''];
  return new ListenError(`unix:${path}`, told ?? `cannot be made: ${cause.message}`, cause);
}

async function faultOfFolder(folder: string): Promise<string | undefined> {
  try {
    return (await stat(folder)).isDirectory() ? undefined : 'ENOTDIR';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** Of a user that /etc/passwd does not know, as in a container, its number. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'of the daemon');
  }
}
