/** Metrics with all that they read made up, and their text taken apart. */

import { problems } from '../../../src/http/problem.js';
import type { MetricsSnapshot, ModemFigures } from '../../../src/metrics/gauges.js';
import type { MetricsListener } from '../../../src/metrics/listener.js';
import { createMetrics, type Metrics } from '../../../src/metrics/metrics.js';

export const wellModem: ModemFigures = {
  name: 'main',
  phase: 'ready',
  registration: 'home',
  signalDbm: -71,
  simSuspect: false,
  caps: { perDay: undefined, perMonth: undefined, recipientsPerMonth: undefined },
  used: { dayCount: 0, monthCount: 0, monthRecipients: 0 },
};

export const wellDaemon: MetricsSnapshot = {
  grade: 'ok',
  waiting: 0,
  maxWaiting: 50,
  clockIsSet: true,
  modems: [wellModem],
  journal: { isOk: true, pending: 0, droppedRows: 0, skippedRefusals: 0 },
  alerts: { open: [], ways: [] },
};

/** Metrics whose text needs no snapshot any more. */
export interface TestMetrics extends MetricsListener {
  contentType: string;
  text(): Promise<string>;
}

export function newMetrics(): Metrics {
  return createMetrics({
    version: '1.2.3',
    callers: ['auth0'],
    modems: ['main', 'backup'],
    problems,
    processFigures: () => ({
      cpuSeconds: 12.5,
      residentMemoryBytes: 64 * 1024 * 1024,
      openFds: 27,
      startTimeSeconds: 1_700_000_000,
    }),
  });
}

export function someMetrics(snapshot: () => MetricsSnapshot = () => wellDaemon): TestMetrics {
  const metrics = newMetrics();
  return { ...metrics, text: () => metrics.text(snapshot()) };
}

/** One line of the text format: `name{labels} value`. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** The samples of a text in the format 0.0.4; fails on a line that is none. */
export function samplesOf(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match) throw new Error(`not a sample: ${line}`);
      const labels = [...(match[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)];
      return {
        name: match[1]!,
        labels: Object.fromEntries(labels.map(([, key, value]) => [key!, value!])),
        value: Number(match[3]),
      };
    });
}

/**
 * The value of the one sample with this name and all of these labels; undefined when there is none.
 */
export async function sampleOf(
  metrics: TestMetrics,
  name: string,
  labels: Record<string, string> = {},
): Promise<number | undefined> {
  const found = samplesOf(await metrics.text()).filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} samples of ${name}`);
  return found[0]?.value;
}
