import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { startGateway, validBody } from './support/gateway.js';
import { exchange, rawPost } from './support/wire.js';

/** The listener's own. */
const maxConnections = 512;
const livez = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const post = 'POST /sms HTTP/1.1\r\nHost: x\r\n';
const badToken = 'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA\r\n';

test.each([
  [
    'with a body in chunks that never ends, and no token',
    `${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`,
  ],
  ['with a long body that never comes, and no token', `${post}Content-Length: 999999\r\n\r\n{`],
  [
    'with a short body that never comes, and a forged token',
    `${post}${badToken}Content-Length: 100\r\n\r\n{`,
  ],
  [
    'with a slow body, and a forged token',
    `${post}${badToken}Transfer-Encoding: chunked\r\n\r\n`,
    '1\r\nx\r\n',
  ],
  [
    'who wait to be told to go on',
    `${post}${badToken}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n`,
  ],
  ['with a header that never ends', `${post}X: `, 'x'],
  ['who say nothing', ''],
  ['who read no answer, and pipeline', livez.repeat(10)],
  ['who speak TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['with CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
])(
  'two thousand strangers %s, again and again, shut nobody out',
  async (_title, bytes, more?: string) => {
    const { port } = await startGateway();
    const workerData = { port, count: 2000, bytes, more };
    const crowd = new Worker(new URL('support/crowd.mjs', import.meta.url), { workerData });
    onTestFinished(async () => void (await crowd.terminate()));
    let opened = 0;
    crowd.on('message', (count: number) => {
      opened = count;
    });
    await expect.poll(() => opened, { timeout: 20_000 }).toBeGreaterThan(maxConnections);
    const tookMs: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (const text of [
        await rawPost(JSON.stringify(validBody), { Connection: 'close' }),
        livez,
      ]) {
        const before = performance.now();
        expect(await exchange(port, text), `round ${round}`).toMatchObject([{ status: 200 }]);
        tookMs.push(performance.now() - before);
      }
    }
    console.log(
      `${opened} came; the slowest of ${tookMs.length} answers took ${Math.round(Math.max(...tookMs))} ms`,
    );
  },
  60_000,
);
