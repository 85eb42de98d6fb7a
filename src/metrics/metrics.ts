/**
 * What a Prometheus server reads: names by its conventions, every label from a closed set.
 * Knows nothing of: a message or a person (I6).
 * Way: events are counted as they come, gauges read when asked → `/metrics`.
 */

import type Koa from 'koa';
import Gauge from 'prom-client/lib/gauge.js';
import Registry from 'prom-client/lib/registry.js';
import { createEventMetrics, type LabelValues } from './events.js';
import { createGauges, type MetricsSnapshot } from './gauges.js';
import type { MetricsListener } from './listener.js';
import { createProcessMetrics, ownProcess, type ProcessFigures } from './process.js';

/** What the metrics of a daemon begin with. */
export interface MetricsOptions extends LabelValues {
  /** The daemon's version. */
  version: string;
  /** Default: of this process. */
  processFigures?: () => ProcessFigures;
}

/** The metrics of one daemon; tell it what happens, and read it. */
export interface Metrics extends MetricsListener {
  /**
   * The whole in the text format 0.0.4: what was told up to now, and the state of the daemon as it
   * is in `snapshot`.
   */
  text(snapshot: MetricsSnapshot): Promise<string>;
  /** The media type of {@link text}. */
  readonly contentType: string;
}

/** Metrics with a registry of their own, so that two daemons in one process count apart. */
export function createMetrics(options: MetricsOptions): Metrics {
  const { version, processFigures = ownProcess() } = options;
  const registry = new Registry();
  const listener = createEventMetrics(registry, options);
  const showSnapshot = createGauges(registry);
  const showProcess = createProcessMetrics(registry);
  const build = new Gauge({
    name: 'simgate_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'],
    registers: [registry],
  });
  build.set({ version }, 1);
  return {
    ...listener,
    contentType: registry.contentType,
    async text(snapshot) {
      showSnapshot(snapshot);
      showProcess(processFigures());
      return registry.metrics();
    },
  };
}

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
