import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that the kernel gives to whoever takes any port (32768 and up, ip(7)): none of them
 * is given away before the program listens that is told of it. Each of vitest's workers has 1000.
 */
const from = 16_000 + 1_000 * (Number(process.env.VITEST_POOL_ID ?? 0) % 16);
let offset = Math.floor(Math.random() * 1_000);

/** A port of 127.0.0.1 that nobody listens at, and that is given out once. */
export async function freePort(): Promise<number> {
  for (;;) {
    offset = (offset + 1) % 1_000;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).once('listening', () => resolve(true));
      server.listen(from + offset, '127.0.0.1');
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return from + offset;
  }
}
