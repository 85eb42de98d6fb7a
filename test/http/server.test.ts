import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createServer } from '../../src/http/server.js';
import { createLog } from '../../src/log.js';
import { post, startGateway, validBody } from './support/gateway.js';
import { exchange, rawPost, Wire } from './support/wire.js';

describe('what is no proper request is answered as a problem, on the socket', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'request_malformed'],
    [
      'a TLS client hello',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      400,
      'request_malformed',
    ],
    ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'request_malformed'],
    ['HTTP/1.1 without Host', 'GET /livez HTTP/1.1\r\n\r\n', 400, 'request_malformed'],
    [
      'a bad Content-Length',
      'POST /sms HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      400,
      'request_malformed',
    ],
    [
      'two framings at once, as a smuggler sends them',
      'POST /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'request_malformed',
    ],
    ['two hosts', 'GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400, 'request_malformed'],
    [
      'a version that does not exist',
      'GET /livez HTTP/2.0\r\nHost: x\r\n\r\n',
      400,
      'request_malformed',
    ],
    ['HTTP/0.9', 'GET /livez\r\n\r\n', 400, 'request_malformed'],
    [
      'a folded header line',
      'GET /livez HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n',
      400,
      'request_malformed',
    ],
    [
      'a space before the colon',
      'POST /sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
      400,
      'request_malformed',
    ],
    [
      'a coding that we do not undo',
      'POST /sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      400,
      'request_malformed',
    ],
    [
      'a coding in HTTP/1.0, which has none',
      'POST /sms HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'request_malformed',
    ],
    [
      'more header lines than anyone needs',
      `GET /livez HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(100)}\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'a bare CR in a header',
      'GET /livez HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n',
      400,
      'request_malformed',
    ],
    [
      'CONNECT',
      'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n',
      405,
      'method_not_allowed',
    ],
    [
      'an unmeetable expectation',
      'GET /livez HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n',
      417,
      'expectation_failed',
    ],
  ])('%s', async (_title, bytes, status, code) => {
    const { port, record } = await startGateway();
    const answers = await exchange(port, bytes);
    expect(answers.map((answer) => answer.status)).toEqual([status]);
    expect(JSON.parse(answers[0]!.body)).toMatchObject({ status, code, submitted: 'no' });
    expect(answers[0]!.headers.get('content-type')).toBe('application/problem+json');
    expect(record.entries.filter((entry) => entry.level === 'error')).toEqual([]);
  });

  it('a connection that says nothing is ended with 408', async () => {
    const { port } = await startGateway({
      limits: { headersTimeoutMs: 30, requestTimeoutMs: 30, checkIntervalMs: 5 },
    });
    const answers = await (await Wire.open(port)).untilClosed();
    expect(answers.map((answer) => answer.status)).toEqual([408]);
  });

  it('a broken connection is answered once, however much more comes in', async () => {
    const { port } = await startGateway();
    const wire = await Wire.open(port);
    wire.write('garbage\r\n\r\n');
    await wire.answers(1);
    wire.write('more garbage\r\n\r\n').write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await wire.untilClosed()).toHaveLength(1);
  });

  it('a refused client is neither reset when more of it comes in, nor kept when it stays', async () => {
    const { port, server, record } = await startGateway({ limits: { lingerMs: 300 } });
    const stubborn = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const failures: Error[] = [];
    stubborn.on('error', (error) => failures.push(error)).resume();
    stubborn.write('garbage\r\n\r\n');
    await once(stubborn, 'end');
    for (let chunk = 0; chunk < 3; chunk++) {
      stubborn.write('more garbage\r\n\r\n');
      // A round trip on another connection: by then the server has seen the chunk.
      await exchange(port, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    }
    expect(failures).toEqual([]);
    expect(record.of('request_refused')).toHaveLength(1);
    await server.close(60_000);
    stubborn.destroy();
  });

  it('a connection that is reset in the midst of a request is not answered', async () => {
    const { port, record } = await startGateway();
    const wire = await Wire.open(port);
    wire.write('POST /sms HTTP/1.1\r\nHost');
    await exchange(port, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    wire.socket.resetAndDestroy();
    await exchange(port, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(record.of('request_refused')).toEqual([]);
  });

  it('a client that is gone already is written nothing and hurts nothing', async () => {
    const gateway = await startGateway();
    for (const bytes of [
      'garbage\r\n\r\n',
      'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
      'POST /sms HTT',
    ]) {
      const wire = await Wire.open(gateway.port);
      wire.write(bytes);
      wire.socket.resetAndDestroy();
      await wire.closed;
    }
    expect((await post(gateway)).status).toBe(200);
    expect(gateway.record.entries.filter((entry) => entry.level === 'error')).toEqual([]);
  });
});

describe('what Node would do by itself is what it should', () => {
  it('takes HTTP/1.0 without Host and closes', async () => {
    const { port } = await startGateway();
    const [answer] = await exchange(port, 'GET /livez HTTP/1.0\r\n\r\n');
    expect(answer).toMatchObject({ status: 200, body: 'alive\n' });
  });

  it('does not upgrade: the request is handled as it stands (RFC 9110 7.8)', async () => {
    const { port } = await startGateway();
    const wire = await Wire.open(port);
    const headers = {
      Connection: 'Upgrade, HTTP2-Settings',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAMAAABk',
    };
    const [answer] = await wire.write(await rawPost(JSON.stringify(validBody), headers)).answers(1);
    expect(answer?.status).toBe(200);
  });

  it('asks for the body of a caller that waits with 100-continue', async () => {
    const { port } = await startGateway();
    const wire = await Wire.open(port);
    const text = await rawPost(JSON.stringify(validBody), { Expect: '100-continue' });
    const split = text.indexOf('\r\n\r\n') + 4;
    const [interim] = await wire.write(text.slice(0, split)).answers(1);
    expect(interim?.status).toBe(100);
    const answers = await wire.write(text.slice(split)).answers(2);
    expect(answers[1]?.status).toBe(200);
  });

  // The first by one look, the others by the router.
  it.each([
    ['/sms', 200],
    ['/sms/', 200],
    ['/sms?from=auth0', 200],
    ['http://x/sms', 200],
    ['/SMS', 404],
    ['//sms', 404],
    ['/sms/x', 405],
  ])('POST %s is %i', async (target, status) => {
    const { port } = await startGateway();
    const wire = await Wire.open(port);
    const text = (await rawPost(JSON.stringify(validBody))).replace(
      'POST /sms ',
      `POST ${target} `,
    );
    const [answer] = await wire.write(text).answers(1);
    expect(answer?.status).toBe(status);
  });

  it.each(['OPTIONS', 'GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE'])(
    '%s /sms is 405',
    async (method) => {
      const { port } = await startGateway();
      const wire = await Wire.open(port);
      await wire.write(`${method} /sms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`).closed;
      expect(wire.received).toMatch(
        /^HTTP\/1\.1 405 Method Not Allowed\r\n(?:.+\r\n)*Allow: POST\r\n/,
      );
    },
  );

  it.each(['*', '/', '/sms/x/y', '//sms', '/%zz', '/sms%00'])(
    'OPTIONS %s is 404',
    async (target) => {
      const { port } = await startGateway();
      const answers = await exchange(
        port,
        `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      expect(answers).toMatchObject([{ status: 404 }]);
    },
  );
});

describe('a body that is too large', () => {
  const large = JSON.stringify({ ...validBody, body: 'x'.repeat(900_000) });

  it('is answered before it came, when its length says so', async () => {
    const { port, sent } = await startGateway();
    const wire = await Wire.open(port);
    const text = await rawPost('', { 'Content-Length': '65537' });
    const [answer] = await wire.write(text).answers(1);
    expect(answer?.status).toBe(413);
    expect(answer?.headers.get('connection')).toBe('close');
    expect(sent).toEqual([]);
  });

  it('is refused at the octet after the last that is allowed, when it comes in chunks', async () => {
    const gateway = await startGateway();
    const fits = { ...validBody, body: '' };
    const room = 65_536 - JSON.stringify(fits).length;
    const send = (text: string) => chunked(gateway.port, JSON.stringify({ ...fits, body: text }));
    expect(await send('x'.repeat(room))).toBe(200);
    expect(await send('x'.repeat(room + 1))).toBe(413);
  });

  it('is let pass, so that a client that sends all of it first is not cut off from the answer', async () => {
    const { port } = await startGateway();
    const wire = await Wire.open(port);
    let ended = false;
    wire.socket.once('end', () => {
      ended = true;
    });
    const text = await rawPost(large);
    await wire.write(text.slice(0, 10_000)).answers(1);
    // A round trip on another connection: had the server closed with its answer, that would be here
    // by now.
    await exchange(port, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(ended).toBe(false);
    const answers = await wire.write(text.slice(10_000)).untilClosed();
    expect(answers.map((answer) => answer.status)).toEqual([413]);
  });

  it('is not let pass without end', async () => {
    const { port } = await startGateway();
    const wire = await Wire.open(port);
    wire.write(await rawPost('', { 'Content-Length': String(2 ** 40) }));
    const block = Buffer.alloc(65_536, 'x');
    let written = 0;
    const pump = () => {
      while (!wire.socket.destroyed && wire.socket.write(block)) written += block.length;
    };
    wire.socket.on('drain', pump);
    pump();
    await wire.closed;
    // A megabyte is discarded; what the kernel buffers on both sides comes on top.
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  async function chunked(port: number, text: string): Promise<number | undefined> {
    const head = (
      await rawPost('', { 'Transfer-Encoding': 'chunked', Connection: 'close' })
    ).replace('Content-Length: 0\r\n', '');
    const chunks = text.match(/.{1,10000}/gs) ?? [];
    const body = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
    const [answer] = await exchange(port, `${head}${body}0\r\n\r\n`);
    return answer?.status;
  }
});

describe('listening', () => {
  it('says which address cannot be had and why', async () => {
    const { port, record } = await startGateway();
    const second = createServer({
      handler: () => undefined,
      listen: { host: '127.0.0.1', port },
      log: record.log,
    });
    await expect(second.listen()).rejects.toThrow(
      `127.0.0.1:${port} is taken: does another simgate run?`,
    );
  });
});

describe('a listener that closes', () => {
  async function listening() {
    const server = createServer({
      handler: (_req, res) => void res.writeHead(503, { 'Content-Length': 8 }).end('stopping'),
      listen: { host: '127.0.0.1', port: 0 },
      log: createLog({ level: 'error', format: 'json', stream: process.stderr }),
      onRefused: () => undefined,
    });
    const bound = await server.listen();
    return { server, port: (bound as { port: number }).port };
  }
  const request = 'POST /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';

  it.each([0, 60])(
    'still answers who came just before, with a request %i ms later, and does not reset them',
    async (laterMs) => {
      const { server, port } = await listening();
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      socket.on('data', (bytes) => {
        answer += bytes.toString();
      });
      if (laterMs > 0) await once(socket, 'connect');
      const closed = server.close(5_000);
      if (laterMs > 0) await new Promise((resolve) => setTimeout(resolve, laterMs));
      socket.write(request);
      await once(socket, 'end');
      await closed;
      expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close/i);
    },
  );

  it('still answers whom it had let in, with a first request that was on its way', async () => {
    const { server, port } = await listening();
    const wire = await Wire.open(port);
    // On a connection of its own, which is answered when the other has long been let in.
    await exchange(port, request.replace('Host: x', 'Host: x\r\nConnection: close'));
    const closed = server.close(5_000);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const [answer] = await wire.write(request).untilClosed();
    await closed;
    expect(answer?.status).toBe(503);
    expect(answer?.headers.get('connection')).toBe('close');
  });

  it('still answers what has come on an idle connection, and was not read yet', async () => {
    const { server, port } = await listening();
    const socket = connect(port, '127.0.0.1');
    let answers = '';
    socket.on('data', (bytes) => {
      answers += bytes.toString();
    });
    socket.write(request);
    await once(socket, 'data');
    socket.write(request);
    const closed = server.close(5_000);
    await once(socket, 'end');
    await closed;
    expect(answers.match(/HTTP\/1\.1 503 /g)).toHaveLength(2);
  });

  it('lets nobody in any more', async () => {
    const { server, port } = await listening();
    await server.close(5_000);
    const late = connect(port, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
