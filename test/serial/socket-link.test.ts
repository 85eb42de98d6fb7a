import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { deviceLink } from '../../src/serial/device-link.js';
import { LinkLost, type SerialLink } from '../../src/serial/link.js';
import { escapeIac, TelnetReader } from '../../src/serial/telnet.js';
import { AccessServer, type AccessServerOptions, type Listening, listen } from './access-server.js';

const links: SerialLink[] = [];
const servers: Listening[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(links.splice(0).map((link) => link.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serving(...args: Parameters<typeof listen>): Promise<Listening> {
  const server = await listen(...args);
  servers.push(server);
  return server;
}

interface Opened {
  link: SerialLink;
  data: () => string;
  closes: (LinkLost | undefined)[];
}

async function open(device: string): Promise<Opened> {
  let text = '';
  const closes: (LinkLost | undefined)[] = [];
  const link = await deviceLink(
    device,
    115_200,
  )({
    onData: (bytes) => {
      text += bytes.toString('latin1');
    },
    onClose: (cause) => closes.push(cause),
  });
  links.push(link);
  return { link, data: () => text, closes };
}

/** An access server without its tty, in a thread of its own. */
const closesAtOnce = `
const { createServer } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const server = createServer((socket) => {
  socket.end('Device open failure: Value or file not found\\r\\n', () => socket.destroy());
  socket.on('close', () => {
    Atomics.store(workerData, 0, 1);
    Atomics.notify(workerData, 0);
  });
}).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

const everyOctet = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));

describe('a raw link over TCP', () => {
  test('carries every octet both ways untouched', async () => {
    const server = await serving();
    const { link, data } = await open(`tcp://127.0.0.1:${server.port}`);
    link.write(everyOctet.toString('latin1'));
    await expect.poll(() => server.heard().equals(everyOctet)).toBe(true);
    (await server.socket()).write(everyOctet);
    await expect.poll(data).toBe(everyOctet.toString('latin1'));
    expect(link.path).toBe(`tcp://127.0.0.1:${server.port}`);
  });

  test.each([
    ['Port already in use\r\n', /another client has the port/, true],
    ['Device open failure: Value or file not found\r\n', /cannot open its tty/, false],
    ['\r\nOK\r\n', /the other end closed the connection: another client/, false],
  ])('says what the other end meant by %j', async (said, meaning, isOthers) => {
    const server = await serving((socket) => socket.end(said));
    const { closes } = await open(`tcp://127.0.0.1:${server.port}`);
    await expect.poll(() => closes.length).toBe(1);
    expect(closes[0]).toBeInstanceOf(LinkLost);
    expect(closes[0]?.message).toMatch(meaning);
    expect(closes[0]?.isOthers).toBe(isOthers);
  });

  test('is lost once when the other end resets it', async () => {
    const server = await serving();
    const { closes, link } = await open(`tcp://127.0.0.1:${server.port}`);
    (await server.socket()).resetAndDestroy();
    await expect.poll(() => closes.length).toBe(1);
    expect(closes[0]?.message).toMatch(/reset the connection/);
    link.write('AT\r');
    await link.close();
    expect(closes).toHaveLength(1);
  });

  test('resets the connection as it closes, so that nothing reaches the modem late', async () => {
    const server = await serving();
    const { link, closes } = await open(`tcp://127.0.0.1:${server.port}`);
    const socket = await server.socket();
    const ended = new Promise((resolve) => socket.once('error', resolve));
    await link.close();
    expect(await ended).toMatchObject({ code: 'ECONNRESET' });
    expect(closes).toEqual([undefined]);
  });

  test('names a port that speaks telnet', async () => {
    const server = await serving((socket) => void new AccessServer(socket));
    const { closes } = await open(`tcp://127.0.0.1:${server.port}`);
    await expect.poll(() => closes[0]?.message).toMatch(/speaks telnet: write rfc2217:/);
  });

  test('names it wherever its first octets are cut', async () => {
    const server = await serving();
    const { closes, link } = await open(`tcp://127.0.0.1:${server.port}`);
    const socket = await server.socket();
    socket.setNoDelay(true);
    for (const octet of [0xff, 0xfb, 0x2c]) {
      socket.write(Buffer.from([octet]));
      // By itself: what comes back shows that it was taken.
      const heard = server.heard().length;
      link.write('A');
      await expect.poll(() => server.heard().length > heard || closes.length > 0).toBe(true);
    }
    await expect.poll(() => closes[0]?.message).toMatch(/speaks telnet: write rfc2217:/);
  });

  test('says that nothing listens', async () => {
    const server = await listen();
    await server.close();
    await expect(open(`tcp://127.0.0.1:${server.port}`)).rejects.toThrow(
      /^tcp:\/\/127\.0\.0\.1:\d+: nothing listens there/,
    );
  });

  test('says that a name has no address', async () => {
    await expect(open('tcp://gone.invalid:2001')).rejects.toThrow(/gone\.invalid has no address/);
  });

  test('gives up a connection that does not come about', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    // 192.0.2.0/24 is nobody's (RFC 5737): silence there, or a refusal by what is in between.
    const opening = open('tcp://192.0.2.1:2001').catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await opening).toMatchObject({
      name: 'LinkLost',
      message: expect.stringMatching(
        /nobody answers there|no way leads there|nothing listens|may not/,
      ),
    });
  });
});

describe('a link by RFC 2217', () => {
  async function served(options: AccessServerOptions = {}) {
    const accessServers: AccessServer[] = [];
    const server = await serving((socket) => {
      accessServers.push(new AccessServer(socket, options));
    });
    return {
      device: `rfc2217://127.0.0.1:${server.port}`,
      server,
      access: () => accessServers[0]!,
    };
  }

  test('sets the port as a tty is opened: 8N1, no flow control, DTR on, and the baud', async () => {
    const { device, access } = await served();
    await open(device);
    const said = access().commands.map(({ command, value }) => [command, ...value]);
    expect(said).toEqual([
      [2, 8],
      [3, 1],
      [4, 1],
      [5, 1],
      [5, 8],
      [10, 0],
      [11, 0],
      [1, 0, 1, 0xc2, 0],
    ]);
  });

  test('carries every octet both ways, 0xFF too', async () => {
    const { device, access } = await served();
    const { link, data } = await open(device);
    link.write(everyOctet.toString('latin1'));
    await expect.poll(() => Buffer.from(access().data).equals(everyOctet)).toBe(true);
    access().say(everyOctet);
    await expect.poll(data).toBe(everyOctet.toString('latin1'));
  });

  test('holds back what the access server cannot take now', async () => {
    const { device, access } = await served();
    const { link, data } = await open(device);
    access().command(8);
    access().say(Buffer.from('held'));
    await expect.poll(data).toBe('held');
    link.write('AT\r');
    access().say(Buffer.from('?'));
    await expect.poll(data).toBe('held?');
    expect(access().data).toEqual([]);
    access().command(9);
    await expect.poll(() => Buffer.from(access().data).toString()).toBe('AT\r');
  });

  test.each<[string, AccessServerOptions, RegExp]>([
    ['declines to have its port set', { declines: [44] }, /telnet without RFC 2217/],
    ['declines to carry all octets', { declines: [0] }, /does not carry all octets/],
    ['runs at another speed', { baud: 9600 }, /at 9600 baud, not at 115200/],
  ])('names an access server that %s', async (_, options, why) => {
    const { device } = await served(options);
    await expect(open(device)).rejects.toThrow(why);
  });

  test('hears why it was closed, although that was before we had said anything', async () => {
    const turn = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(closesAtOnce, { eval: true, workerData: turn });
    onTestFinished(() => void worker.terminate());
    const [port] = await once(worker, 'message');
    const opening = open(`rfc2217://127.0.0.1:${port}`);
    opening.catch(() => undefined);
    // The kernel connects. We are a busy machine: the other end has closed before we go on.
    await new Promise((resolve) => process.nextTick(resolve));
    expect(Atomics.wait(turn, 0, 0, 5_000)).not.toBe('timed-out');
    await expect(opening).rejects.toThrow(/cannot open its tty/);
  });

  test('gives up one that does not answer about its port', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { device, access } = await served({ isMute: true });
    const opening = open(device).catch((error: unknown) => error);
    await vi.waitFor(() => expect(access().commands.length).toBeGreaterThan(0));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await opening).toMatchObject({
      name: 'LinkLost',
      message: expect.stringMatching(/within 5 s: is it a raw one\? Then tcp:/),
    });
  });

  test('asks a quiet access server whether it is there, and is lost when it is not', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { device, access, server } = await served();
    const { closes } = await open(device);
    const asked = () => access().commands.filter(({ command }) => command === 1).length;
    expect(asked()).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    await vi.waitFor(() => expect(asked()).toBe(2));
    // Its answer counts: the next question comes as late as the first did.
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(9_000);
    expect(asked()).toBe(2);
    (await server.socket()).pause();
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(closes[0]?.message).toMatch(/nothing comes back over the network/);
  });
});

test('telnet is taken apart the same wherever the chunks are cut', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 8 }).map((data) => escapeIac(Buffer.from(data))),
    fc
      .tuple(fc.integer({ min: 0xfb, max: 0xfe }), fc.integer({ min: 0, max: 255 }))
      .map(([verb, option]) => Buffer.from([0xff, verb, option])),
    fc
      .uint8Array({ minLength: 1, maxLength: 80 })
      .map((payload) =>
        Buffer.concat([
          Buffer.from([0xff, 0xfa]),
          escapeIac(Buffer.from(payload)),
          Buffer.from([0xff, 0xf0]),
        ]),
      ),
  );
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(40)), (pieces, cuts) => {
      const whole = Buffer.concat(pieces);
      expect(read([...pieces])).toEqual(read([whole]));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const length of cuts) {
        chunks.push(whole.subarray(at, at + length));
        at += length;
      }
      chunks.push(whole.subarray(at));
      expect(read(chunks)).toEqual(read([whole]));
    }),
  );
});

function read(chunks: readonly Buffer[]) {
  const said: unknown[] = [];
  const reader = new TelnetReader({
    onVerb: (verb, option) => said.push([verb, option]),
    onSubnegotiation: (option, payload) => said.push([option, payload.toString('hex')]),
  });
  const data = Buffer.concat(chunks.map((chunk) => reader.take(chunk)));
  return { data: data.toString('hex'), said };
}
