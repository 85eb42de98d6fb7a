/** The view "Messages": the newest rows of the journal that fit a filter, and the way to others. */

import { isSendErrorCode, type SendErrorCode, sendErrorCodes } from '../errors.js';
import { problems } from '../http/problem.js';
import type { LogRow } from '../journal/entries.js';
import { isFinalDelivery } from '../sms/delivery.js';
import { foreignWords } from '../words/foreign.js';
import { type Html, html, verbatim } from './html.js';
import { remedies } from './meanings.js';
import { type MessageQuery, queryString, timeText } from './message-query.js';
import type { Fragment } from './shell.js';
import { moment, tookText } from './times.js';

export interface MessagesPage {
  query: MessageQuery;
  rows: readonly LogRow[];
  /** The newest change of the journal when they were read; undefined: it does not say. */
  lastChange?: number | undefined;
  /** There are older ones that fit. */
  hasOlder: boolean;
  /** Of the configuration, to choose from. */
  modems: readonly string[];
  callers: readonly string[];
  countries: readonly string[];
  /** Why nobody may search by number here; undefined: they may. */
  noSearch: string | undefined;
  /** Of a search by number: its mask. */
  searched?: string | undefined;
  /** Instead of rows. */
  trouble?: string | undefined;
}

export function messagesView(page: MessagesPage): Html {
  const { query, rows, lastChange, hasOlder, searched, trouble } = page;
  const oldest = rows.at(-1);
  const older = queryString({ ...query, before: oldest && { atMs: oldest.atMs, id: oldest.id } });
  return html`${filterForm(page)}
${searchForm(page)}
${searched !== undefined && html`<p>The newest messages to <b>${searched}</b>. <a href="messages">Show all again</a></p>`}
${trouble !== undefined && html`<p class="bad" role="alert">${trouble}</p>`}
<div class="scroll" role="region" aria-label="Messages" tabindex="0"><table class="messages">
<thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody id="rows"${searched === undefined && query.before === undefined && html` data-live`}${lastChange !== undefined && html` data-change="${lastChange}"`}>${rows.map((row) => messageRow(row).html)}</tbody></table></div>
${rows.length === 0 && trouble === undefined && html`<p id="none">${isFiltered(query, searched) ? 'No message in the journal is like that.' : 'No message yet.'}</p>`}
${searched === undefined && html`<p>${hasOlder && html`<a href="messages${verbatim(older)}">Older</a> · `}<a href="messages.csv${verbatim(queryString({ ...query, before: undefined }))}" download>CSV</a></p>`}`;
}

const isFiltered = (query: MessageQuery, searched: string | undefined): boolean =>
  searched !== undefined || queryString(query) !== '';

const columns = [
  'Time',
  'To',
  'Verdict',
  'Delivery',
  'Waited',
  'Took',
  'Segments',
  'Modem',
  'Caller',
];

/** A row; its data are what the browser filters new ones by. */
export function messageRow(row: LogRow): Fragment {
  const last = row.late ?? row.outcome;
  const { status = '', code = '' } = last ?? {};
  const id = `m-${row.id}`;
  return {
    id,
    html: html`<tr id="${verbatim(id)}" data-status="${status}" data-code="${code}" data-modem="${row.modem ?? ''}" data-caller="${row.caller}" data-country="${row.country ?? ''}">
<td>${moment(row.atMs)}</td><td>${row.recipientMasked}${row.country !== undefined && ` ${row.country}`}</td>
<td>${verdict(row)}</td><td>${delivery(row)}</td><td>${seconds(row.outcome?.waitedMs)}</td><td>${seconds(row.outcome?.tookMs)}</td>
<td>${row.segments}</td><td>${row.modem}</td><td>${row.caller}</td></tr>`,
  };
}

/** What the network's reports say, where they were asked for; its 200 says only that it took it. */
function delivery({ delivery: told, isReportAsked, outcome, late }: LogRow): Html {
  if (told === undefined) {
    const isSent = (late ?? outcome)?.submitted === 'yes';
    return isReportAsked === true && isSent
      ? html`<span class="wait">no report yet</span>`
      : html`–`;
  }
  const { state, status, tookMs } = told;
  if (state === 'delivered')
    return html`<span class="good"><span aria-hidden="true">●</span> ${state}</span>${tookMs !== undefined && ` in ${tookText(tookMs)}`}`;
  const cause = `TP-ST ${status.toString(16).padStart(2, '0').toUpperCase()}`;
  return html`${isFinalDelivery(state) && html`<span aria-hidden="true">✖</span> `}${state} (${cause})`;
}

function verdict(row: LogRow): Html {
  const { outcome, late } = row;
  const last = late ?? outcome;
  if (last === undefined)
    return html`<span class="wait">${row.wasStarted ? 'with the modem' : 'waits for a modem'}</span>`;
  const { status, code, causeCode } = last;
  const cause = causeCode === undefined ? '' : ` (${foreignWords(causeCode)})`;
  const since =
    late !== undefined && outcome !== undefined && late.status !== outcome.status
      ? ` (was ${outcome.status} at first)`
      : '';
  if (!isSendErrorCode(code))
    return html`<span class="good"><span aria-hidden="true">●</span> ${status} accepted</span>${since}`;
  return html`<details><summary class="${toneOf(code)}"><span aria-hidden="true">${toneOf(code) === 'bad' ? '✖' : '▲'}</span> ${status} ${code}${cause}${since}</summary>
${problems[code].title}${last.detail !== undefined && `: ${last.detail}`}. <span class="do">${remedies[code]}</span> <small>${verbatim(row.id)}</small></details>`;
}

/** What is the caller's or the policy's doing is no fault of the gateway. */
const toneOf = (code: SendErrorCode): 'bad' | 'warn' =>
  problems[code].status >= 500 ? 'bad' : 'warn';

const seconds = (ms: number | undefined): string => (ms === undefined ? '–' : tookText(ms));

function filterForm({ query, modems, callers, countries }: MessagesPage): Html {
  const statuses = [...new Set([200, ...Object.values(problems).map(({ status }) => status)])];
  return html`<form class="filters" method="get" action="messages" aria-label="Filter">
${choice('status', 'Status', statuses.sort((a, b) => a - b).map(String), query.status?.toString())}
${choice('code', 'Code', sendErrorCodes, query.code)}
${choice('modem', 'Modem', modems, query.modem)}
${choice('caller', 'Caller', callers, query.caller)}
${choice('country', 'Country', countries, query.country)}
${time('from', 'From (UTC)', query.sinceMs)}
${time('until', 'Until (UTC)', query.untilMs)}
<button>Filter</button> <a href="messages">Clear</a></form>`;
}

function choice(
  name: string,
  label: string,
  options: readonly string[],
  chosen: string | undefined,
): Html {
  const all = chosen === undefined || options.includes(chosen) ? options : [...options, chosen];
  return html`<label>${label} <select name="${name}"><option value="">any</option>${all.map((option) => html`<option${option === chosen && html` selected`}>${option}</option>`)}</select></label>`;
}

function time(name: string, label: string, atMs: number | undefined): Html {
  return html`<label>${label} <input type="datetime-local" step="1" name="${name}" value="${verbatim(timeText(atMs) ?? '')}"></label>`;
}

function searchForm({ noSearch }: MessagesPage): Html {
  if (noSearch !== undefined) return html`<p class="hint">${noSearch}</p>`;
  return html`<form class="filters" method="post" action="messages" aria-label="Search by number" autocomplete="off">
<label>Whole number <input type="tel" name="to" required maxlength="32" placeholder="+49 …"></label> <button>Search</button></form>`;
}
