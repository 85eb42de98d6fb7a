/** What was, in points of five minutes: what became of messages, how long they took, signal. */

import type { DeliveryListener } from '../delivery/reports.js';
import { problems } from '../http/problem.js';
import type { AnswerFigures, SubmittedOrYes } from '../metrics/listener.js';

/** Milliseconds of a point. */
export const pointMs = 300_000;
/** How far back is kept. */
export const historyMs = 7 * 86_400_000;
/** Points of seven days. */
export const mostPoints = historyMs / pointMs;

/** What became of messages; those of strangers, who proved to be no caller, are left out. */
export const verdictClasses = ['accepted', 'promised', 'refused', 'failed', 'unknown'] as const;
export type VerdictClass = (typeof verdictClasses)[number];

/** The half, and 19 of 20, were as quick; whole milliseconds. */
export type Quantiles = readonly [p50: number, p95: number];

/** Five minutes. */
export interface HistoryPoint {
  /** Wall-clock milliseconds at which it began; a multiple of {@link pointMs}. */
  atMs: number;
  /** Messages; a class without any is left out. */
  counts: Partial<Record<VerdictClass, number>>;
  /** From admission to the modem, of those that were accepted. */
  waited?: Quantiles | undefined;
  /** From a modem's first command to the network's answer. */
  took?: Quantiles | undefined;
  /** By the network's reports, by the time at which they said their last word. */
  reports?: { delivered: number; failed: number } | undefined;
  /** From the network's taking it to its delivery. */
  delivered?: Quantiles | undefined;
  /** dBm by modem, the mean. */
  signal: Readonly<Record<string, number>>;
}

/** Times that are kept of one point; more are as many of the latest. */
const mostTimes = 1_000;

/** Times as they come, bounded. */
class Times {
  readonly #times: number[] = [];
  #count = 0;

  add(ms: number): void {
    this.#times[this.#count % mostTimes] = ms;
    this.#count += 1;
  }

  quantiles(): Quantiles | undefined {
    if (this.#count === 0) return undefined;
    const sorted = [...this.#times].sort((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1]!);
    return [at(0.5), at(0.95)];
  }
}

/** A point that is not over. It is told after each answer, and costs no more than adding. */
export class OpenPoint {
  readonly atMs: number;
  readonly #counts: Partial<Record<VerdictClass, number>> = {};
  readonly #waited = new Times();
  readonly #took = new Times();
  readonly #delivered = new Times();
  readonly #reports = { delivered: 0, failed: 0 };
  readonly #signal = new Map<string, { sum: number; count: number }>();

  constructor(atMs: number) {
    this.atMs = atMs;
  }

  answered(answer: AnswerFigures): void {
    if (answer.caller === undefined) return;
    const verdict = classOf(answer);
    this.#counts[verdict] = (this.#counts[verdict] ?? 0) + 1;
    if (answer.code === undefined && answer.isReplay !== true) this.#waited.add(answer.waitedMs);
  }

  submitEnded({ tookMs, submitted }: { tookMs: number; submitted: SubmittedOrYes }): void {
    if (submitted === 'yes') this.#took.add(tookMs);
  }

  delivery({ state, tookMs }: Parameters<DeliveryListener['delivery']>[0]): void {
    this.#reports[state === 'delivered' ? 'delivered' : 'failed'] += 1;
    if (state === 'delivered' && tookMs !== undefined) this.#delivered.add(tookMs);
  }

  heard(modem: string, dbm: number): void {
    const { sum, count } = this.#signal.get(modem) ?? { sum: 0, count: 0 };
    this.#signal.set(modem, { sum: sum + dbm, count: count + 1 });
  }

  point(): HistoryPoint {
    return {
      atMs: this.atMs,
      counts: this.#counts,
      waited: this.#waited.quantiles(),
      took: this.#took.quantiles(),
      reports: this.#reports.delivered + this.#reports.failed > 0 ? this.#reports : undefined,
      delivered: this.#delivered.quantiles(),
      signal: Object.fromEntries(
        [...this.#signal].map(([modem, { sum, count }]) => [modem, Math.round(sum / count)]),
      ),
    };
  }
}

function classOf({ code }: AnswerFigures): VerdictClass {
  if (code === undefined) return 'accepted';
  if (code === 'promised') return code;
  if (code === 'outcome_unknown' || code === 'internal') return 'unknown';
  return problems[code].status < 500 ? 'refused' : 'failed';
}

/**
 * Points by time, each time once, none older than seven days or of the future: a clock that was
 * wrong, and put right, leaves such. What a restart cut in two is one again.
 */
export function settled(points: readonly HistoryPoint[], nowMs: number): HistoryPoint[] {
  const byTime = new Map<number, HistoryPoint>();
  for (const point of points) {
    if (point.atMs <= nowMs - historyMs || point.atMs > nowMs) continue;
    const before = byTime.get(point.atMs);
    byTime.set(point.atMs, before === undefined ? point : joined(before, point));
  }
  return [...byTime.values()].sort((a, b) => a.atMs - b.atMs).slice(-mostPoints);
}

/** The counts are added; of what cannot be, the later says it, where it does. */
function joined(before: HistoryPoint, later: HistoryPoint): HistoryPoint {
  const counts = { ...before.counts };
  for (const verdict of verdictClasses) {
    const more = later.counts[verdict];
    if (more !== undefined) counts[verdict] = (counts[verdict] ?? 0) + more;
  }
  return {
    atMs: later.atMs,
    counts,
    waited: later.waited ?? before.waited,
    took: later.took ?? before.took,
    reports: summed(before.reports, later.reports),
    delivered: later.delivered ?? before.delivered,
    signal: { ...before.signal, ...later.signal },
  };
}

function summed(before: HistoryPoint['reports'], later: HistoryPoint['reports']) {
  if (before === undefined || later === undefined) return later ?? before;
  return {
    delivered: before.delivered + later.delivered,
    failed: before.failed + later.failed,
  };
}
