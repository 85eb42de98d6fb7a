/** The view "History": seven days, as bars and a table; with script, as plots to zoom into. */

import {
  type HistoryPoint,
  historyMs,
  pointMs,
  type Quantiles,
  type VerdictClass,
  verdictClasses,
} from './history.js';
import { type Html, html, verbatim } from './html.js';
import { tookText } from './times.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** How each class is drawn: good, the caller's doing, ours, nobody knows. */
const tones: Readonly<Record<VerdictClass, string>> = {
  accepted: 'ok',
  promised: 'unknown',
  refused: 'refused',
  failed: 'failed',
  unknown: 'unknown',
};

export function historyView(points: readonly HistoryPoint[], nowMs: number): Html {
  return html`<section aria-labelledby="by-hour"><h2 id="by-hour">Messages by verdict, hour by hour</h2>
${bars(points, nowMs)}
<p>${(['accepted', 'refused', 'failed', 'unknown'] as const).map((name) => html`<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" class="bar-${tones[name]}"/></svg> ${name} `)}</p></section>
<section aria-labelledby="plots-title"><h2 id="plots-title">Times and signal, five minutes by five</h2>
<div id="plots" class="plots"><p class="hint">The plots need script; what they show is in <a href="history.json">history.json</a>.</p></div></section>
<section aria-labelledby="by-day"><h2 id="by-day">Day by day (UTC)</h2>${days(points)}</section>`;
}

type Counts = Record<VerdictClass, number>;

function countsOf(points: readonly HistoryPoint[]): Counts {
  const sum = (verdict: VerdictClass) =>
    points.reduce((total, { counts }) => total + (counts[verdict] ?? 0), 0);
  return Object.fromEntries(verdictClasses.map((verdict) => [verdict, sum(verdict)])) as Counts;
}

const totalOf = (counts: Counts): number =>
  verdictClasses.reduce((total, verdict) => total + counts[verdict], 0);

/** Stacked, the accepted at the bottom; as high as the fullest hour. */
function bars(points: readonly HistoryPoint[], nowMs: number): Html {
  const first = Math.floor((nowMs - historyMs) / hourMs) * hourMs + hourMs;
  const hours = groups(points, hourMs);
  const spans = historyMs / hourMs;
  const each = Array.from({ length: spans }, (_, index) =>
    countsOf(hours.get(first + index * hourMs) ?? []),
  );
  const most = Math.max(0, ...each.map(totalOf));
  const all = totalOf(countsOf(points));
  const label = `Messages in the last seven days: ${all}; in the fullest hour ${most}`;
  return html`<svg class="bars" viewBox="0 0 ${spans} 100" preserveAspectRatio="none" role="img" aria-label="${label}">${each.map((counts, index) => stack(counts, index, most))}</svg>
<p class="hint">Seven days, the newest on the right. ${label}.</p>`;
}

function stack(counts: Counts, x: number, most: number): Html[] {
  let top = 100;
  return verdictClasses.flatMap((verdict) => {
    const height = (100 * counts[verdict]) / most;
    if (height === 0) return [];
    top -= height;
    return [
      html`<rect x="${x}" y="${top.toFixed(2)}" width="0.9" height="${height.toFixed(2)}" class="bar-${tones[verdict]}"/>`,
    ];
  });
}

function days(points: readonly HistoryPoint[]): Html {
  const byDay = [...groups(points, dayMs)].reverse();
  const heads = [
    'Day',
    ...verdictClasses,
    'waited p50 / p95',
    'took p50 / p95',
    'delivered / not',
    'delivered after p50 / p95',
  ];
  return html`<div class="scroll" role="region" aria-label="Day by day" tabindex="0"><table><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${byDay.map(([atMs, own]) => day(atMs, own))}</tbody></table></div>`;
}

function day(atMs: number, points: readonly HistoryPoint[]): Html {
  const counts = countsOf(points);
  return html`<tr><th scope="row">${verbatim(new Date(atMs).toISOString().slice(0, 10))}</th>${verdictClasses.map((verdict) => html`<td>${counts[verdict]}</td>`)}
<td>${ofDay(points.map(({ waited }) => waited))}</td><td>${ofDay(points.map(({ took }) => took))}</td>
<td>${reportsOf(points)}</td><td>${ofDay(points.map(({ delivered }) => delivered))}</td></tr>`;
}

/** By the network's reports, where they are asked for. */
function reportsOf(points: readonly HistoryPoint[]): string {
  const known = points.flatMap(({ reports }) => reports ?? []);
  if (known.length === 0) return '–';
  const sum = (of: 'delivered' | 'failed') => known.reduce((total, each) => total + each[of], 0);
  return `${sum('delivered')} / ${sum('failed')}`;
}

/** Of a day: the median of the halves, and the worst of the rest. */
function ofDay(quantiles: readonly (Quantiles | undefined)[]): string {
  const known = quantiles.filter((each) => each !== undefined);
  if (known.length === 0) return '–';
  const halves = known.map(([p50]) => p50).sort((a, b) => a - b);
  const p50 = halves[Math.floor(halves.length / 2)]!;
  return `${tookText(p50)} / ${tookText(Math.max(...known.map(([, p95]) => p95)))}`;
}

function groups(points: readonly HistoryPoint[], spanMs: number): Map<number, HistoryPoint[]> {
  const found = new Map<number, HistoryPoint[]>();
  for (const point of points) {
    const atMs = Math.floor(point.atMs / spanMs) * spanMs;
    const group = found.get(atMs);
    if (group === undefined) found.set(atMs, [point]);
    else group.push(point);
  }
  return found;
}

/** For the plots: every five minutes of the time that is known, `null` where nothing is. */
export function historyJson(points: readonly HistoryPoint[]): object {
  const first = points[0]?.atMs ?? 0;
  const last = points.at(-1)?.atMs ?? 0;
  const byTime = new Map(points.map((point) => [point.atMs, point]));
  const length = points.length === 0 ? 0 : (last - first) / pointMs + 1;
  const grid = Array.from({ length }, (_, index) => byTime.get(first + index * pointMs));
  const modems = [...new Set(points.flatMap(({ signal }) => Object.keys(signal)))].sort();
  const column = (value: (point: HistoryPoint) => number | undefined) =>
    grid.map((point) => (point && value(point)) ?? null);
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);
  return {
    at: grid.map((_, index) => (first + index * pointMs) / 1000),
    series: {
      ...Object.fromEntries(
        verdictClasses.map((verdict) => [
          `messages ${verdict}`,
          column(({ counts }) => counts[verdict] ?? 0),
        ]),
      ),
      'waited p50': column(({ waited }) => seconds(waited?.[0])),
      'waited p95': column(({ waited }) => seconds(waited?.[1])),
      'took p50': column(({ took }) => seconds(took?.[0])),
      'took p95': column(({ took }) => seconds(took?.[1])),
      ...(points.some(({ reports }) => reports !== undefined) && {
        'delivered p50': column(({ delivered }) => seconds(delivered?.[0])),
        'delivered p95': column(({ delivered }) => seconds(delivered?.[1])),
      }),
      ...Object.fromEntries(
        modems.map((modem) => [`signal ${modem}`, column(({ signal }) => signal[modem])]),
      ),
    },
  };
}
