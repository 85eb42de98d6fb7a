import { spawn } from 'node:child_process';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { Clock, type ClockOptions, clockFile } from '../clock/clock.js';
import { whoHolds } from '../control/holder.js';
import { whyFailed } from '../words/system-fault.js';

/** The state directory cannot be used, or another daemon has it. */
export class StateDirError extends Error {
  override readonly name = 'StateDirError';
}

/** A held state directory. */
export interface StateDir {
  path: string;
  /** The wall clock, as far as it can be trusted by what is noted here. */
  clock: Clock;
  release(): Promise<void>;
}

/**
 * Makes and locks `path`, so that a second daemon never talks to the same modems. The lock is a
 * listening Unix socket in it: it ends with its process, however that ends, and tells who holds it.
 * Rejects with {@link StateDirError}.
 */
export async function openStateDir(
  path: string,
  clockOptions: Pick<ClockOptions, 'log' | 'isSynchronised' | 'settleMs'>,
): Promise<StateDir> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new StateDirError(`state_dir ${path} cannot be made: ${whyFailed(error)}`);
  });
  await refuseRoot(path);
  const lock = await lockDir(path);
  const unlock = async (): Promise<void> => {
    await new Promise((resolve) => lock.server.close(resolve));
    await lock.directory.close();
  };
  const clock = await Clock.open({ ...clockOptions, file: clockFile(path) }).catch(
    async (error: Error) => {
      await unlock();
      throw new StateDirError(`state_dir ${path} cannot be written: ${whyFailed(error)}`);
    },
  );
  return {
    path,
    clock,
    async release() {
      await clock.close();
      await unlock();
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

async function lockDir(
  path: string,
): Promise<{ server: Server; directory: { close(): Promise<void> } }> {
  const directory = await open(path, 'r').catch((error: Error) => {
    throw new StateDirError(`state_dir ${path} cannot be opened: ${whyFailed(error)}`);
  });
  // Its lock ends as it is closed.
  const turn = await open(path, 'r');
  try {
    await takeTurn(turn.fd);
    return { server: await lock(directory.fd, path), directory };
  } catch (error) {
    await directory.close();
    throw error;
  } finally {
    await turn.close();
  }
}

/** Seconds to wait for another start at most. */
const turnS = 10;

/**
 * Of several that find a lock of a process that is gone, the one must not take away what the other
 * has put in its place: they take turns, by flock(2) on the directory, which holds between
 * containers too, and leaves nothing behind. It is no lock by itself, for root may have it for
 * whatever it does: it is waited for, not depended on.
 */
async function takeTurn(turn: number): Promise<void> {
  // Node has no flock(2). What util-linux's locks is the open file, which stays ours.
  const program = spawn('flock', ['--timeout', String(turnS), '3'], {
    stdio: ['ignore', 'ignore', 'ignore', turn],
  });
  await new Promise((resolve) => program.once('error', resolve).once('exit', resolve));
}

/** Listens at the lock in the directory of that descriptor. */
async function lock(directory: number, path: string): Promise<Server> {
  // Through the descriptor: a Unix socket's path may have 107 octets at most (unix(7)), a state
  // directory more.
  const socket = `/proc/self/fd/${directory}/lock`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await listen(socket);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const holder =
        code === 'EADDRINUSE'
          ? await whoHolds(socket).catch((fault: unknown) => {
              throw new StateDirError(
                `state_dir ${path} cannot be locked: whether another simgate has it cannot be told, for its file "lock" does not let this user ask: ${whyFailed(fault)}`,
              );
            })
          : undefined;
      if (code === 'EADDRINUSE' && holder === undefined && attempt < 3) {
        // Left by a process that is gone.
        const fault = await rm(socket, { force: true }).catch((thrown: Error) => thrown);
        if (fault === undefined) continue;
        throw new StateDirError(`state_dir ${path} cannot be locked: ${whyFailed(fault)}`);
      }
      throw new StateDirError(
        code === 'EADDRINUSE'
          ? `state_dir ${path} is in use by another simgate (pid ${holder ?? 'unknown'}): stop it first, or give this one a state_dir of its own`
          : `state_dir ${path} cannot be locked: ${whyFailed(error)}`,
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
