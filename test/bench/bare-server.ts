/**
 * The least that an HTTP gateway does, as a process of its own: reads a JSON body, verifies the
 * caller's token (HS256, subject, audience) and answers 200. The secret, in hexadecimal, comes on
 * stdin; the port goes out as the first line. No routing, no limits, no log, no queue.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { jwtVerify } from 'jose';
import { claims } from '../config-text.js';

const secret = Buffer.from(await text(process.stdin), 'hex');
const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
  'verify',
]);
const checks = { algorithms: ['HS256'], ...claims };

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
    jwtVerify(token, key, checks).then(
      () => {
        const { recipient } = JSON.parse(Buffer.concat(chunks).toString()) as { recipient: string };
        answer(200, { recipient });
      },
      () => answer(401, { code: 'token_invalid' }),
    );
  });
  function answer(status: number, body: object): void {
    const octets = Buffer.from(JSON.stringify(body));
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': octets.length,
    });
    response.end(octets);
  }
});
// The bench holds connections open while others are measured.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
