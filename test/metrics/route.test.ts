import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import Router from 'koa-router';
import { expect, it, onTestFinished } from 'vitest';
import { metricsRoute } from '../../src/metrics/metrics.js';
import { newMetrics, samplesOf, someMetrics, wellDaemon } from './support/samples.js';

/** `/metrics` behind a real server; what goes wrong in it comes to `errors`. */
async function serveMetrics(route: Koa.Middleware): Promise<{ url: string; errors: unknown[] }> {
  const router = new Router();
  router.get('/metrics', route);
  const app = new Koa().use(router.routes());
  const errors: unknown[] = [];
  app.on('error', (error) => errors.push(error));
  const handle = app.callback();
  const server: Server = createServer((req, res) => void handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`, errors };
}

it('GET gives the text of this moment with the media type that Prometheus asks for', async () => {
  const metrics = someMetrics();
  let waiting = 0;
  const { url } = await serveMetrics(
    metricsRoute(newMetrics(), () => ({ ...wellDaemon, waiting: ++waiting })),
  );
  for (const expected of [1, 2]) {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const samples = samplesOf(await response.text());
    expect(samples.find(({ name }) => name === 'simgate_messages_waiting')?.value).toBe(expected);
    expect(samples.length).toBe(samplesOf(await metrics.text()).length);
  }
});

it('HEAD gives the same without the text', async () => {
  const { url } = await serveMetrics(metricsRoute(newMetrics(), () => wellDaemon));
  const response = await fetch(url, { method: 'HEAD' });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toBe('');
});

it('a snapshot that fails goes to the exit of errors, and the next scrape works', async () => {
  let fails = true;
  const { url, errors } = await serveMetrics(
    metricsRoute(newMetrics(), () => {
      if (fails) throw new Error('no snapshot');
      return wellDaemon;
    }),
  );
  const failed = await fetch(url);
  expect(failed.status).toBe(500);
  expect(await failed.text()).not.toContain('no snapshot');
  expect(errors).toHaveLength(1);
  fails = false;
  expect((await fetch(url)).status).toBe(200);
});
