import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import type { SharedConfig } from '../../src/config/config.js';
import { wireOpener } from '../../src/shared/engine-wire.js';

afterEach(() => {
  vi.useRealTimers();
});

/** As the kernel does for a process that is stopped: takes a connection, and never says or ends. */
async function silent() {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => undefined).resume());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

test('an engine that takes the connection, and never says whether the password is right, is given up', async () => {
  const { port, sockets } = await silent();
  const folder = mkdtempSync(join(tmpdir(), 'simgate-wire-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'secret\n');
  const url = { host: '127.0.0.1', port, isTls: false, database: 0 };
  const open = wireOpener({ url, passwordFile } as SharedConfig);
  await import('iovalkey');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const opening = open(() => undefined).then(
    () => 'open',
    (error: Error) => error.message,
  );
  while (sockets[0] === undefined || sockets[0].bytesRead === 0) await new Promise(setImmediate);
  // Its time, and then that of the end which nobody answers.
  for (let count = 0; count < 5; count += 1) {
    await vi.advanceTimersByTimeAsync(1_000);
    await new Promise(setImmediate);
  }
  expect(await opening).toBe('it took the connection, and says nothing');
});

test.each([
  ['password_file', false],
  ['ca_file', true],
])('a %s that is gone is told as what it is', async (key, isTls) => {
  const { port } = await silent();
  const gone = '/nonexistent/file';
  const open = wireOpener({
    url: { host: '127.0.0.1', port, isTls, database: 0 },
    ...(isTls ? { caFile: gone } : { passwordFile: gone }),
  } as SharedConfig);
  await expect(open(() => undefined)).rejects.toThrow(
    `shared.${key} cannot be read: there is no such file or folder (ENOENT)`,
  );
});
