/** The view "Callers": who was here last, and who was turned away, and why. */

import { problems } from '../http/problem.js';
import type { CallerActivity } from './activity.js';
import { type Html, html } from './html.js';
import { remedies } from './meanings.js';
import type { Fragment } from './shell.js';
import { moment } from './times.js';

export interface ShownCaller extends CallerActivity {
  name: string;
  kind: string;
  path: string;
  class: string;
  /** When the current and the previous secret were used last, wall-clock milliseconds. */
  secretSeenMs?: number | undefined;
  previousSecretSeenMs?: number | undefined;
}

export function callersFragment(callers: readonly ShownCaller[]): Fragment {
  return {
    id: 'callers',
    html: html`<div id="callers" class="scroll" role="region" aria-label="Callers" tabindex="0"><table>
<thead><tr>${['Caller', 'Last seen', 'Last accepted', 'Last refused', 'Secret'].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${callers.map(row)}</tbody></table></div>`,
  };
}

function row(caller: ShownCaller): Html {
  const { name, kind, path, seenMs, acceptedMs, refused } = caller;
  return html`<tr><th scope="row">${name}<br><small>${kind}, ${path}, ${caller.class}</small></th>
<td>${when(seenMs)}</td><td>${when(acceptedMs)}</td><td>${refused === undefined ? 'never' : html`${moment(refused.atMs)}: ${problems[refused.code].status} ${refused.code}. ${problems[refused.code].title}. <span class="do">${remedies[refused.code]}</span>`}</td>
<td>${secret(caller)}</td></tr>`;
}

function secret({ secretSeenMs, previousSecretSeenMs }: ShownCaller): Html {
  if (secretSeenMs === undefined && previousSecretSeenMs === undefined) return html`–`;
  return html`current: ${when(secretSeenMs)}${previousSecretSeenMs !== undefined && html`<br>previous: ${when(previousSecretSeenMs)}`}`;
}

const when = (atMs: number | undefined): Html =>
  atMs === undefined ? html`not since the start` : moment(atMs);
