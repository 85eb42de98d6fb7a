import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Send } from '../../src/dispatch/message.js';
import { accepted, post, startGateway, validBody } from './support/gateway.js';
import { exchange, rawPost, Wire } from './support/wire.js';

const request = () => rawPost(JSON.stringify(validBody));

/** A `send` that waits until it is let go, and says when it was called. */
function gated() {
  const gate = new EventTarget();
  const send: Send = async (message, control) => {
    gate.dispatchEvent(new Event('called'));
    await once(gate, 'go');
    return accepted(message, control);
  };
  return {
    send,
    called: () => once(gate, 'called'),
    go: () => gate.dispatchEvent(new Event('go')),
  };
}

describe('answers on one connection', () => {
  it('come in the order of the pipelined requests', async () => {
    const release: (() => void)[] = [];
    const send: Send = async (message, control) => {
      await new Promise<void>((resolve) => release.push(resolve));
      return { ...(await accepted(message, control)), references: [Number(message.text)] };
    };
    const { port, sent } = await startGateway({ send });
    const wire = await Wire.open(port);
    for (const body of ['1', '2', '3'])
      wire.write(await rawPost(JSON.stringify({ ...validBody, body })));
    await expect.poll(() => sent.length, { interval: 1 }).toBe(3);
    for (const resolve of release.reverse()) resolve();
    const answers = await wire.answers(3);
    expect(
      answers.map(({ body }) => (JSON.parse(body) as { references: number[] }).references),
    ).toEqual([[1], [2], [3]]);
  });

  it('are not overtaken by the refusal of garbage behind a request under way', async () => {
    const { send, called, go } = gated();
    const { port } = await startGateway({ send });
    const wire = await Wire.open(port);
    const sending = called();
    wire.write((await request()) + 'garbage\r\n\r\n');
    await sending;
    go();
    const answers = await wire.untilClosed();
    expect(answers.map((answer) => answer.status)).toEqual([200]);
    expect(answers[0]?.headers.get('connection')).toBe('close');
  });

  it('all go out before garbage ends the connection, though a later one was made first', async () => {
    const { send, called, go } = gated();
    const { port, record } = await startGateway({ send });
    const wire = await Wire.open(port);
    const sending = called();
    wire.write((await request()) + (await request()).replace(/Bearer \S+/, 'Bearer x.y.z'));
    await Promise.all([sending, record.next('token_refused')]);
    wire.write('garbage\r\n\r\n');
    // A round trip on another connection: by then the server has seen the garbage.
    await exchange(port, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    go();
    expect((await wire.untilClosed()).map((answer) => answer.status)).toEqual([200, 401]);
  });

  it('end with one that says so: what stands behind it is not sent, for nobody would hear of it', async () => {
    const { send, called, go } = gated();
    const gateway = await startGateway({ send });
    const wire = await Wire.open(gateway.port);
    const sending = called();
    const twoHosts = (await request()).replace('\r\n', '\r\nHost: other\r\n');
    wire.write((await request()) + twoHosts + (await request()));
    await sending;
    // Another caller's comes as far as `send` later than the third of these would.
    const other = post(gateway);
    await expect.poll(() => gateway.sent.length, { interval: 1 }).toBe(2);
    go();
    expect((await wire.untilClosed()).map((answer) => answer.status)).toEqual([200, 400]);
    expect((await other).status).toBe(200);
    expect(gateway.sent).toHaveLength(2);
  });

  it('are not overtaken by the 408 of a slow request behind one under way', async () => {
    const { send, called, go } = gated();
    const limits = { headersTimeoutMs: 200, requestTimeoutMs: 200, checkIntervalMs: 20 };
    const { port } = await startGateway({ send, limits });
    const wire = await Wire.open(port);
    const sending = called();
    wire.write((await request()) + 'POST /sms HTTP/1.1\r\n');
    await sending;
    // The bystander comes later, so when it has timed out, so has the slow request.
    await (await Wire.open(port)).closed;
    go();
    expect((await wire.untilClosed()).map((answer) => answer.status)).toEqual([200]);
  });

  it('are one only, when a refused request never sends its body', async () => {
    const { port } = await startGateway({
      limits: { headersTimeoutMs: 200, requestTimeoutMs: 200, checkIntervalMs: 20 },
    });
    const text = (await request()).replace(/Bearer \S+/, 'Bearer x.y.z').slice(0, -10);
    const answers = await exchange(port, text);
    expect(answers.map((answer) => answer.status)).toEqual([401]);
  });
});

describe('closing', () => {
  it('answers what is under way, tells it to go, and takes nothing new', async () => {
    const { send, called, go } = gated();
    const gateway = await startGateway({ send });
    const wire = await Wire.open(gateway.port);
    const sending = called();
    wire.write(await request());
    await sending;
    const closed = gateway.server.close(60_000);
    await expect(post(gateway)).rejects.toThrow();
    go();
    const answers = await wire.untilClosed();
    expect(answers.map((answer) => answer.status)).toEqual([200]);
    expect(answers[0]?.headers.get('connection')).toBe('close');
    await closed;
  });

  it('answers all pipelined requests under way', async () => {
    const { send, go } = gated();
    const { port, server, sent } = await startGateway({ send });
    const wire = await Wire.open(port);
    wire.write((await request()).repeat(3));
    await expect.poll(() => sent.length, { interval: 1 }).toBe(3);
    const closed = server.close(60_000);
    go();
    const answers = await wire.untilClosed();
    expect(answers.map(({ status, headers }) => [status, headers.get('connection')])).toEqual([
      [200, 'keep-alive'],
      [200, 'keep-alive'],
      [200, 'close'],
    ]);
    await closed;
  });

  it('answers what is under way although a later request is answered already', async () => {
    const { send, called, go } = gated();
    const { port, server, record } = await startGateway({ send });
    const wire = await Wire.open(port);
    const sending = called();
    wire.write((await request()) + (await request()).replace(/Bearer \S+/, 'Bearer x.y.z'));
    await Promise.all([sending, record.next('token_refused')]);
    const closed = server.close(60_000);
    go();
    expect((await wire.untilClosed()).map((answer) => answer.status)).toEqual([200, 401]);
    await closed;
  });

  it('tells a connection that was opened before, and asks only now, to go after its answer', async () => {
    const { port, server } = await startGateway();
    const wire = await Wire.open(port);
    // A round trip on another connection: by then the first one is accepted.
    await exchange(port, 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const closed = server.close(60_000);
    const answers = await wire.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n').untilClosed();
    expect(answers.map(({ status, headers }) => [status, headers.get('connection')])).toEqual([
      [200, 'close'],
    ]);
    await closed;
  });

  it('ends idle connections at once', async () => {
    const { port, server } = await startGateway();
    const wire = await Wire.open(port);
    await wire.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n').answers(1);
    await server.close(60_000);
    await wire.closed;
  });

  it('cuts what is not done when the grace is over, and may be asked twice', async () => {
    const { send, called } = gated();
    const { port, server } = await startGateway({ send });
    const wire = await Wire.open(port);
    const sending = called();
    wire.write(await request());
    await sending;
    await Promise.all([server.close(10), server.close(10)]);
    expect(await wire.untilClosed()).toEqual([]);
  });
});
