/** Times on the page. A browser with script shows them in its own zone; without, they are UTC. */

import { spanText, utcText } from '../words/time.js';
import { type Html, html, verbatim } from './html.js';

/** `3.1 s`; of what took less than a tenth, `40 ms`. */
export function tookText(ms: number): string {
  return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** How long ago, which the browser keeps counting. */
export function ago(atMs: number, nowMs: number): Html {
  return html`<time data-ago datetime="${isoOf(atMs)}">${spanText(nowMs - atMs)}</time>`;
}

/** A moment, which the browser shows in its own zone. */
export function moment(atMs: number): Html {
  return html`<time data-at datetime="${isoOf(atMs)}">${verbatim(utcText(atMs))}</time>`;
}

const isoOf = (atMs: number): Html => verbatim(new Date(atMs).toISOString());

/** The markup but for what a browser counts by itself: the same as long as nothing else changed. */
export function withoutCounting({ text }: Html): string {
  return text.replace(/(<time data-ago [^>]*>)[^<]*/g, '$1');
}
