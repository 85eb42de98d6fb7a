import { existsSync } from 'node:fs';
import { mkdir, open, rm, stat, utimes } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { releasedAtMs } from './version.js';

/** The state directory cannot be used, or another daemon has it. */
export class StateDirError extends Error {
  override readonly name = 'StateDirError';
}

/** A held state directory. */
export interface StateDir {
  path: string;
  /**
   * False while the wall clock reads earlier than the newest time known: the release, the last run here, or `newestStampMs` (milliseconds since 1970);
   * unless the system says that it has synchronised the clock, for then it is the stamps that were wrong.
   */
  readonly clockIsSet: (newestStampMs?: number) => boolean;
  release(): Promise<void>;
}

/** A clock that NTP steps back a little is still right enough to judge tokens. */
const clockSlackMs = 60_000;
/** Made by systemd-timesyncd once it has set the clock since the machine started (systemd-timesyncd.service(8)). */
const timesyncMark = '/run/systemd/timesync/synchronized';
/** How often the time is noted while the daemon runs. */
const stampEveryMs = 3_600_000;

/**
 * Makes and locks `path`, so that a second daemon never talks to the same modems. The lock is a listening Unix socket in it:
 * it ends with its process, however that ends, and tells who holds it. Rejects with {@link StateDirError}.
 * @param synchronisedMark a file that is there once the system has set its clock
 */
export async function openStateDir(path: string, synchronisedMark = timesyncMark): Promise<StateDir> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new StateDirError(`state_dir ${path} cannot be made: ${error.message}`);
  });
  await refuseRoot(path);
  const lock = await lockDir(path);
  const stampFile = join(path, 'clock');
  const known = Math.max(releasedAtMs, await lastStamp(stampFile));
  const clockIsSet = (newestStampMs = 0) =>
    Date.now() >= Math.max(known, newestStampMs) - clockSlackMs || existsSync(synchronisedMark);
  const stamp = async () => {
    if (!clockIsSet()) return;
    await open(stampFile, 'a', 0o600).then((file) => file.close());
    const now = new Date();
    await utimes(stampFile, now, now);
  };
  await stamp().catch((error: Error) => {
    throw new StateDirError(`state_dir ${path} cannot be written: ${error.message}`);
  });
  // A disk that fills up or fails later must not end the daemon: the stamp only grows old.
  const timer = setInterval(() => void stamp().catch(() => undefined), stampEveryMs);
  timer.unref();
  return {
    path,
    clockIsSet,
    async release() {
      clearInterval(timer);
      await stamp().catch(() => undefined);
      await new Promise((resolve) => lock.server.close(resolve));
      await lock.directory.close();
    },
  };
}

/** What root made in the directory of the service's user, that user could not open afterwards. */
async function refuseRoot(path: string): Promise<void> {
  const { uid } = await stat(path);
  if (process.geteuid?.() !== 0 || uid === 0) return;
  throw new StateDirError(
    `state_dir ${path} belongs to another user (uid ${uid}), and what root writes there that user could not read: start the service ` +
      '(systemctl start simgate), or run "sudo -u simgate simgate serve"',
  );
}

async function lastStamp(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

async function lockDir(path: string): Promise<{ server: Server; directory: { close(): Promise<void> } }> {
  const directory = await open(path, 'r');
  // Through the descriptor: a Unix socket's path may have 107 octets at most (unix(7)), a state directory more.
  const socket = `/proc/self/fd/${directory.fd}/lock`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { server: await listen(socket), directory };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const holder = code === 'EADDRINUSE' ? await whoHolds(socket) : undefined;
      if (code === 'EADDRINUSE' && holder === undefined && attempt < 3) {
        // Left by a process that is gone.
        const fault = await rm(socket, { force: true }).catch((thrown: Error) => thrown);
        if (fault === undefined) continue;
        await directory.close();
        throw new StateDirError(`state_dir ${path} cannot be locked: ${fault.message}`);
      }
      await directory.close();
      throw new StateDirError(
        code === 'EADDRINUSE'
          ? `state_dir ${path} is in use by another simgate (pid ${holder ?? 'unknown'}): stop it first, or give this one a state_dir of its own`
          : `state_dir ${path} cannot be locked: ${message}`,
      );
    }
  }
}

function listen(socket: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.end(`${process.pid}\n`));
    server.once('error', reject);
    server.listen(socket, () => resolve(server));
    server.unref();
  });
}

/** The pid of whoever listens; undefined when nobody does. */
function whoHolds(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    let answer = '';
    connection.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    connection.setTimeout(2_000, () => connection.destroy());
    connection.once('error', () => resolve(undefined));
    connection.once('connect', () => connection.once('close', () => resolve(answer.trim() || 'unknown')));
  });
}
