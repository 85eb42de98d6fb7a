import { once } from 'node:events';
import { connect } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { base64url } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Send } from '../../src/dispatch/message.js';
import { createServer } from '../../src/http/server.js';
import { accepted, json, LogRecord, post, startGateway, validBody } from './support/gateway.js';
import { exchange, rawPost, Wire } from './support/wire.js';

const livez = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';

describe('when all connections are taken', () => {
  it('a new caller is served, and the one of least use gives way, of several the one that was quiet for longest', async () => {
    const gateway = await startGateway({ limits: { maxConnections: 4 } });
    const { port } = gateway;
    const kept = await Wire.open(port);
    const silent = await Wire.open(port);
    const slow = (await Wire.open(port)).write('POST /sms HTTP/1.1\r\nHost: ');
    const unfinished = (await rawPost('x'.repeat(100)))
      .replace(/Bearer \S+/, 'Bearer x.y.z')
      .slice(0, -50);
    const refused = await Wire.open(port);
    await refused.write(unfinished).answers(1);
    await kept.write(livez).answers(1);
    // First what is answered and does not end; then those that have asked nothing; last who may ask
    // again.
    for (const [quietest, others] of [
      [refused, [silent, slow, kept]],
      [silent, [slow, kept]],
      [slow, [kept]],
    ] as const) {
      const newcomer = await Wire.open(port);
      expect(await newcomer.write(livez).answers(1)).toMatchObject([{ status: 200 }]);
      await quietest.closed;
      expect(others.map(({ socket }) => socket.destroyed)).toEqual(others.map(() => false));
    }
    expect((await post(gateway)).status).toBe(200);
    expect(gateway.record.of('connections_full')).toHaveLength(1);
  });

  it('whoever waits for an answer keeps its place, and the new one is turned away', async () => {
    const gate = new EventTarget();
    const send: Send = async (message, control) => {
      await once(gate, 'go');
      return accepted(message, control);
    };
    const { port, sent } = await startGateway({ send, limits: { maxConnections: 2 } });
    const waiting = [await Wire.open(port), await Wire.open(port)];
    for (const wire of waiting) wire.write(await rawPost(JSON.stringify(validBody)));
    await expect.poll(() => sent.length, { interval: 1 }).toBe(2);
    const newcomer = await Wire.open(port);
    expect(await newcomer.write(livez).untilClosed()).toEqual([]);
    gate.dispatchEvent(new Event('go'));
    for (const wire of waiting) expect(await wire.answers(1)).toMatchObject([{ status: 200 }]);
    expect(
      await exchange(port, livez.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')),
    ).toHaveLength(1);
  });
});

describe('one connection', () => {
  it('may pipeline a few requests, and ends at once when it pipelines many', async () => {
    const { port, record } = await startGateway({ limits: { maxPipelined: 8 } });
    const few = await Wire.open(port);
    expect(await few.write(livez.repeat(8)).answers(8)).toHaveLength(8);
    expect(await few.write(livez.repeat(8)).answers(16)).toHaveLength(16);
    const many = await Wire.open(port);
    expect((await many.write(livez.repeat(2000)).untilClosed()).length).toBeLessThanOrEqual(8);
    expect(await few.write(livez).answers(17)).toHaveLength(17);
    expect(record.entries.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('ends when nobody reads its answers', async () => {
    let closed: Promise<unknown> | undefined;
    const server = createServer({
      // More than the kernel takes for us, so that it stays here.
      handler: (_req, res) => {
        closed = once(res, 'close');
        res.setHeader('Content-Length', 2 ** 26).end(Buffer.alloc(2 ** 26));
      },
      listen: { host: '127.0.0.1', port: 0 },
      log: new LogRecord().log,
      limits: { readTimeoutMs: 50, checkIntervalMs: 10 },
    });
    onTestFinished(() => server.close(0));
    const wire = await Wire.open((await server.listen()).port);
    onTestFinished(() => void wire.socket.destroy());
    wire.socket.pause();
    wire.write(livez);
    await expect.poll(() => closed, { interval: 1 }).toBeDefined();
    await closed;
    wire.socket.resume();
    await wire.closed;
    expect(wire.received.length).toBeLessThan(2 ** 26);
  });

  it('goes on as long as somebody reads its long answer, however slowly', async () => {
    const chunk = Buffer.alloc(2 ** 18);
    const chunks = 128;
    const server = createServer({
      handler: (_req, res) => {
        res.setHeader('Content-Length', chunks * chunk.length);
        const parts = Array<Buffer>(chunks).fill(chunk);
        pipeline(Readable.from(parts, { objectMode: false }), res, () => undefined);
      },
      listen: { host: '127.0.0.1', port: 0 },
      log: new LogRecord().log,
      limits: { readTimeoutMs: 400, checkIntervalMs: 10 },
    });
    onTestFinished(() => server.close(0));
    const { port } = await server.listen();
    const socket = connect(port, '127.0.0.1');
    socket.write(livez);
    let octets = 0;
    socket.on('data', (data) => {
      octets += data.length;
      socket.pause();
      setTimeout(() => socket.resume(), 4);
      if (octets > chunks * chunk.length) socket.destroy();
    });
    await once(socket, 'close');
    expect(octets).toBeGreaterThan(chunks * chunk.length);
  });

  it('is closed with the refusal of a request whose long body is not worth reading', async () => {
    const { port } = await startGateway();
    for (const framing of ['Content-Length: 99999999', 'Transfer-Encoding: chunked']) {
      const wire = await Wire.open(port);
      const [answer] = await wire
        .write(`POST /sms HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`)
        .answers(1);
      expect([answer?.status, answer?.headers.get('connection')]).toEqual([401, 'close']);
      wire.socket.destroy();
    }
  });

  it('survives the refusal of a request with a short body', async () => {
    const { port } = await startGateway();
    const wire = await Wire.open(port);
    const [head, body] = ['POST /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n', 'hello'];
    expect(await wire.write(head).answers(1)).toMatchObject([{ status: 401 }]);
    expect(await wire.write(body).write(livez).answers(2)).toMatchObject([
      { status: 401 },
      { status: 200 },
    ]);
  });
});

describe('bad tokens', () => {
  const deep = (key: string) =>
    base64url.encode(`{"${key}":${'['.repeat(5000)}${']'.repeat(5000)}}`);
  const header = base64url.encode('{"alg":"HS256"}');

  it.each([
    ['deep claims', `${header}.${deep('aud')}.AAAA`],
    ['a deep header', `${deep('alg')}.e30.AAAA`],
    [
      'a deep critical header',
      `${base64url.encode(`{"alg":"HS256","crit":${'['.repeat(5000)}${']'.repeat(5000)}}`)}.e30.AAAA`,
    ],
    [
      'an unencoded payload (RFC 7797)',
      `${base64url.encode('{"alg":"HS256","b64":false,"crit":["b64"]}')}.e30.AAAA`,
    ],
    [
      'claims that are functions by name',
      `${header}.${base64url.encode('{"aud":{"toJSON":1},"__proto__":1,"sub":null}')}.AAAA`,
    ],
    ['no base64', 'Ä.Ö.Ü'],
    ['nothing but dots', '..'],
    ['many dots', '.'.repeat(10_000)],
  ])('with %s are refused as any other', async (_title, token) => {
    const { port, record } = await startGateway();
    const text = await rawPost('{}', { Authorization: `Bearer ${token}`, Connection: 'close' });
    const [answer] = await exchange(port, text);
    expect(answer?.status).toBe(401);
    expect(record.entries.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('never stand in the way of a good one, nor in the log more than ten times', async () => {
    const gateway = await startGateway();
    const forge = async () => (await post(gateway, { token: `${header}.e30.AAAA` })).status;
    const statuses = await Promise.all(
      Array.from({ length: 300 }, (_, index) => (index % 30 === 7 ? postGood() : forge())),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 401)).toHaveLength(290);
    expect(gateway.record.of('token_refused')).toHaveLength(10);

    async function postGood() {
      const response = await post(gateway);
      await json(response);
      return response.status;
    }
  });
});

describe('what a request has one of', () => {
  it.each([
    'Authorization: Bearer x.y.z',
    'Host: other',
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
  ])('it must not have twice: %s', async (line) => {
    const { port, sent } = await startGateway();
    const text = await rawPost(JSON.stringify(validBody));
    for (const twice of [
      text.replace('\r\n', `\r\n${line}\r\n`),
      text.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`),
    ]) {
      expect(await exchange(port, twice)).toMatchObject([{ status: 400 }]);
    }
    expect(sent).toEqual([]);
  });

  it('it must not have two idempotency keys', async () => {
    const { port, sent } = await startGateway();
    const text = await rawPost(JSON.stringify(validBody), {
      'Idempotency-Key': 'a',
      'idempotency-key': 'b',
    });
    expect(await exchange(port, text)).toMatchObject([{ status: 400 }]);
    expect(sent).toEqual([]);
  });
});
