/** Who has a state directory: the lock in it says its pid to whoever connects. */

import { connect } from 'node:net';

/** Of connect(2) on a Unix socket: its process is gone, or it was removed meanwhile. */
const nobodyListens: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT']);

/**
 * The pid of whoever listens, `unknown` where it does not say; undefined when surely nobody does.
 * Rejects with the system's error when that cannot be told: a lock that this user may not ask
 * (EACCES) is another's, and taking it away would let two daemons talk to one modem.
 */
export function whoHolds(socket: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let answer = '';
    connection.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    connection.setTimeout(2_000, () => connection.destroy());
    connection.once('error', (error: NodeJS.ErrnoException) => {
      if (nobodyListens.has(error.code)) resolve(undefined);
      // Somebody listens, and has more to accept than its queue holds, or ends right now.
      else if (error.code === 'EAGAIN' || error.code === 'ECONNRESET') resolve('unknown');
      else reject(error);
    });
    connection.once('close', () => resolve(answer.trim() || 'unknown'));
  });
}
