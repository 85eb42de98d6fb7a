import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { Html } from '../../src/page/html.js';
import type { Fragment } from '../../src/page/shell.js';
import { Streams, type StreamsOptions } from '../../src/page/streams.js';

/** More than the kernel takes for one who does not read from a socket of this machine. */
const much = (id: string): Fragment => ({ id, html: new Html('x'.repeat(2 * 1024 * 1024)) });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Streams at a real listener; `open` is a browser that has asked for one, and reads nothing. */
async function start(options: Partial<StreamsOptions>, isStillIn = () => true) {
  const streams = new Streams({
    fragments: () => [],
    newRows: async (after) => ({ rows: [], lastChange: after }),
    ...options,
  });
  const errors: unknown[] = [];
  const server = createServer((_req, res) => {
    // Nobody else listens for it: the daemon would end.
    res.on('error', (error) => errors.push(error));
    streams.open({ view: 'messages', response: res, lastChange: 0, isStillIn });
  });
  const folder = mkdtempSync(join(tmpdir(), 'simgate-streams-'));
  const path = join(folder, 's');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const sockets: Socket[] = [];
  onTestFinished(() => {
    streams.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const open = async () => {
    const before = streams.size;
    const socket = connect(path);
    sockets.push(socket.on('error', () => undefined));
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(streams.size).toBe(before + 1));
    return socket;
  };
  /** As time goes by, with what is awaited meanwhile. */
  const look = async () => {
    vi.advanceTimersByTime(1_000);
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  };
  return { streams, open, look, errors };
}

test('who does not read, and was ended for it, is told nothing more', async () => {
  const { streams, open, look, errors } = await start({
    fragments: () => [{ id: 'queue', html: new Html(randomUUID()) }],
    newRows: async (after = 0) => ({ rows: [much(`m-${after}`)], lastChange: after + 1 }),
  });
  await open();
  for (let count = 0; count < 4; count += 1) await look();
  expect(errors).toEqual([]);
  expect(streams.size).toBe(0);
});

test('who is not in any more is told nothing more, however slowly it reads', async () => {
  let isIn = true;
  const { streams, open, look, errors } = await start(
    { newRows: async (after = 0) => ({ rows: [much(`m-${after}`)], lastChange: after + 1 }) },
    () => isIn,
  );
  await open();
  isIn = false;
  for (let count = 0; count < 3; count += 1) await look();
  expect(errors).toEqual([]);
  expect(streams.size).toBe(0);
});
