import type Koa from 'koa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAdminApp } from '../../src/http/app.js';
import { createServer } from '../../src/http/server.js';
import { LogRecord, startGateway } from './support/gateway.js';
import { exchange } from './support/wire.js';

async function get(port: number, path: string, host = 'localhost') {
  const [answer] = await exchange(
    port,
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  );
  return answer!;
}

async function startAdmin(isReady = () => true, metrics?: Koa.Middleware): Promise<number> {
  const { log } = new LogRecord();
  const handler = createAdminApp({
    isReady,
    snapshot: () => ({ modems: [{ name: 'main', state: 'ready' }] }),
    ...(metrics && { metrics }),
    log,
  });
  const server = createServer({ handler, listen: { host: '127.0.0.1', port: 0 }, log });
  onTestFinished(() => server.close(0));
  return (await server.listen()).port;
}

describe.each([
  ['public', async (isReady: () => boolean) => (await startGateway({ isReady })).port],
  ['admin', startAdmin],
])('on the %s listener', (_title, start) => {
  it('/livez says that the process answers', async () => {
    const answer = await get(await start(() => false), '/livez');
    expect(answer).toMatchObject({ status: 200, body: 'alive\n' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('/readyz says whether a message could be sent now, and nothing more', async () => {
    const state = { isReady: false };
    const port = await start(() => state.isReady);
    expect(await get(port, '/readyz')).toMatchObject({ status: 503, body: 'not ready\n' });
    state.isReady = true;
    expect(await get(port, '/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
  });

  it('HEAD is taken where GET is, and nothing else', async () => {
    const port = await start(() => true);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`, { method: 'HEAD' })).status).toBe(200);
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD']);
  });
});

describe('the admin listener', () => {
  it('shows the snapshot as JSON', async () => {
    const answer = await get(await startAdmin(), '/status.json');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(JSON.parse(answer.body)).toEqual({ modems: [{ name: 'main', state: 'ready' }] });
  });

  it('shows the metrics to GET and HEAD from this machine, and to nothing else', async () => {
    const port = await startAdmin(
      () => true,
      (ctx) => {
        ctx.body = 'simgate_up 1\n';
      },
    );
    expect(await get(port, '/metrics')).toMatchObject({ status: 200, body: 'simgate_up 1\n' });
    expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status).toBe(405);
    expect((await get(port, '/metrics', 'evil.example')).status).toBe(400);
    const { port: publicPort } = await startGateway();
    expect((await get(publicPort, '/metrics')).status).toBe(404);
  });

  it('sends no messages', async () => {
    const response = await fetch(`http://127.0.0.1:${await startAdmin()}/sms`, {
      method: 'POST',
      body: '{}',
    });
    expect(response.status).toBe(404);
  });

  it.each(['localhost', 'LOCALHOST:8081', '127.0.0.1:8081', '127.1.2.3', '[::1]:8081'])(
    'answers to the Host %s',
    async (host) => {
      expect((await get(await startAdmin(), '/status.json', host)).status).toBe(200);
    },
  );

  it.each([
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example:8081',
    '192.168.0.10',
    '',
    '[::2]',
  ])('refuses the Host %j, which may be a rebound name', async (host) => {
    const answer = await get(await startAdmin(), '/status.json', host);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'request_malformed' });
  });
});

describe('the public listener', () => {
  it('has no status page', async () => {
    const { port } = await startGateway();
    const paths = [
      '',
      'status.json',
      'messages',
      'history',
      'policy',
      'callers',
      'events?view=now',
    ];
    for (const path of [...paths, 'page.js', 'page.css', 'login', 'messages.csv', 'history.json'])
      expect((await get(port, `/${path}`)).status, path).toBe(404);
  });
});
