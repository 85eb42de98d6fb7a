import type Koa from 'koa';
import type { Metrics } from './metrics.js';
import type { MetricsSnapshot } from './snapshot.js';

/**
 * `GET /metrics` for the admin listener, whose router takes GET and with it HEAD, whose guard
 * checks the Host, and whose exit gets what goes wrong. `snapshot` is taken once at each scrape.
 */
export function metricsRoute(
  metrics: Pick<Metrics, 'text' | 'contentType'>,
  snapshot: () => MetricsSnapshot,
): Koa.Middleware {
  return async (ctx) => {
    const text = await metrics.text(snapshot());
    ctx.set('Content-Type', metrics.contentType);
    ctx.body = text;
  };
}
