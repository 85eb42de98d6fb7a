import { type Html, html } from './html.js';

const [width, height] = [288, 36];
/** dBm that the picture spans, as 3GPP TS 27.007 8.5 does. */
const [weakest, strongest] = [-113, -51];

/** A line through what is known of `dbm`, oldest first; where nothing is, there is a gap. */
export function sparkline(dbm: readonly (number | undefined)[]): Html {
  const known = dbm.filter((value) => value !== undefined);
  if (known.length === 0) return html`<p class="none">Nothing is recorded yet.</p>`;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const label = `Signal in the last 24 hours: ${least} to ${most} dBm`;
  const step = width / Math.max(1, dbm.length - 1);
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">
<line x1="0" x2="${width}" y1="${y(-100)}" y2="${y(-100)}" class="guide"/>
<path d="${path(dbm, step)}" fill="none" vector-effect="non-scaling-stroke"/></svg>`;
}

function path(dbm: readonly (number | undefined)[], step: number): string {
  let isDrawing = false;
  const parts: string[] = [];
  for (const [index, value] of dbm.entries()) {
    if (value !== undefined) {
      const x = (index * step).toFixed(1);
      // A lone point is a line of no length, which a round cap shows.
      parts.push(isDrawing ? `L${x} ${y(value)}` : `M${x} ${y(value)}h0`);
    }
    isDrawing = value !== undefined;
  }
  return parts.join('');
}

function y(dbm: number): string {
  const share = (Math.min(strongest, Math.max(weakest, dbm)) - weakest) / (strongest - weakest);
  return ((1 - share) * (height - 4) + 2).toFixed(1);
}
