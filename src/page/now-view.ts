/** The view "Now": what is wrong and what to do, and a card for each modem. */

import type { Finding } from '../doctor/finding.js';
import { type Html, html } from './html.js';
import { type Fragment, sentence } from './shell.js';
import type { ShownInbound, ShownModem, ShownState } from './shown-state.js';
import { sparkline } from './sparkline.js';
import { ago, moment, tookText } from './times.js';

/** Signal of each modem, a point for every 5 minutes of the last 24 hours, oldest first. */
export type SignalOfDay = (modem: string) => readonly (number | undefined)[];

export function nowFragments(state: ShownState, signalOfDay: SignalOfDay): Fragment[] {
  return [
    obstacles(state),
    queue(state),
    ...state.modems.map((modem) => card(modem, state.nowMs, signalOfDay(modem.name))),
  ];
}

export function nowView(fragments: readonly Fragment[]): Html {
  const [trouble, waiting, ...cards] = fragments.map((fragment) => fragment.html);
  return html`${trouble}${waiting}<div class="cards">${cards}</div>`;
}

const signs = { error: '✖', warning: '▲', ok: '●' } as const;
const tones = { error: 'bad', warning: 'warn', ok: 'good' } as const;

/** What is in the way, and what the operator was told of. */
function obstacles({ health, alerts, ways, nowMs }: ShownState): Fragment {
  const told = (alerts ?? []).map(
    ({ what, remedy, sinceMs }) =>
      html`<li class="warn"><span aria-hidden="true">▲</span> <b>Alert, for ${ago(sinceMs, nowMs)}:</b> ${sentence(what)}${remedy && html` <span class="do">${sentence(remedy)}</span>`}</li>`,
  );
  // What stops the codes is the headline already, with its remedy.
  const [, ...others] = health.obstacles;
  const found = (health.grade === 'down' ? others : health.obstacles).map(finding);
  const none =
    health.grade === 'down'
      ? 'None but what stands above.'
      : 'None: nothing is in the way of a code.';
  return {
    id: 'alerts',
    html: html`<section id="alerts" aria-labelledby="alerts-title"><h2 id="alerts-title">Open alerts</h2>
${found.length + told.length === 0 ? html`<p>${none}</p>` : html`<ul class="findings">${found}${told}</ul>`}
${toldBy(ways)}</section>`,
  };
}

/** Whom alerts reach, and whom not. */
function toldBy(ways: ShownState['ways']): Html | undefined {
  if (ways === undefined) return undefined;
  if (ways.length === 0)
    return html`<p class="hint">Nobody is told of alerts: no way is configured below [alerts].</p>`;
  const dead = ways.filter(({ failing }) => failing !== undefined);
  const each = ways.map(({ name, failing }) =>
    failing === undefined ? name : `${name} (NOT REACHED: ${failing})`,
  );
  const told = `Told by: ${each.join(', ')}.`;
  if (dead.length === 0) return html`<p class="hint">${told}</p>`;
  return html`<p class="warn"><span aria-hidden="true">▲</span> ${told}</p>`;
}

function finding({ level, what, remedy }: Finding): Html {
  return html`<li class="${tones[level]}"><span aria-hidden="true">${signs[level]}</span> <b>${level}:</b> ${sentence(what)}${remedy && html` <span class="do">${sentence(remedy)}</span>`}</li>`;
}

/** Where the reason stands above it already, only what to do. */
function ownFinding(found: Finding, reason: string | undefined): Html {
  const { what, remedy } = found;
  const isTold = reason !== undefined && remedy !== undefined && what.includes(reason);
  return isTold ? html`<li><span class="do">${sentence(remedy)}</span></li>` : finding(found);
}

function queue({ waiting, maxWaiting, journalFault, inbound }: ShownState): Fragment {
  return {
    id: 'queue',
    html: html`<p id="queue"><b>${waiting}</b> of at most ${maxWaiting} messages waiting.${inbound && received(inbound)}${journalFault && html` The journal is out of order: ${journalFault}.`}</p>`,
  };
}

/** What came in and is passed on; whether its receiver takes it. */
function received({ spooled, delivered, expired, lost, isFull, lastFailure }: ShownInbound): Html {
  return html` Received SMS: ${delivered} passed on, ${spooled} wait, ${expired} given up, ${lost} lost.${isFull && ' The spool is full: what comes is left on the SIM.'}${lastFailure !== undefined && ` The receiver did not take the last one: ${lastFailure}.`}`;
}

function card(
  modem: ShownModem,
  nowMs: number,
  signals: readonly (number | undefined)[],
): Fragment {
  const id = `modem-${modem.name}`;
  const tone = modem.isAble ? (modem.obstacles.length > 0 ? 'warn' : 'good') : 'bad';
  const sign = { good: '●', warn: '▲', bad: '✖' }[tone];
  return {
    id,
    html: html`<section id="${id}" class="card ${tone}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${modem.name} <span class="state"><span aria-hidden="true">${sign}</span> ${modem.phase}</span></h2>
<p>${modem.isAble ? 'for' : 'not ready for'} ${ago(modem.sinceMs, nowMs)}${modem.reason && html`: ${modem.reason}`}</p>
${modem.obstacles.length > 0 && html`<ul class="findings">${modem.obstacles.map((each) => ownFinding(each, modem.reason))}</ul>`}
<dl>${facts(modem).map(([term, told]) => html`<div><dt>${term}</dt><dd>${told}</dd></div>`)}</dl>
<figure>${sparkline(signals)}<figcaption>Signal, the last 24 hours</figcaption></figure>
</section>`,
  };
}

function facts(modem: ShownModem): [string, Html][] {
  const { operator, technology, registration, signalDbm, lastAccepted, used, caps } = modem;
  const network = [operator, technology].filter(Boolean).join(', ');
  const told: [string, Html | undefined][] = [
    ['Network', network === '' ? undefined : html`${network}`],
    ['Registration', registration === undefined ? undefined : html`${registration}`],
    [
      'Signal',
      signalDbm === undefined ? undefined : html`${signalDbm} dBm, ${strength(signalDbm)}`,
    ],
    [
      'Last accepted',
      lastAccepted && html`${moment(lastAccepted.atMs)}, in ${tookText(lastAccepted.tookMs)}`,
    ],
    ['Segments in 24 h', usedOf(used.dayCount, caps.perDay)],
    ['Segments in 30 days', usedOf(used.monthCount, caps.perMonth)],
    [
      'Recipients in 30 days',
      caps.recipientsPerMonth === undefined
        ? undefined
        : usedOf(used.monthRecipients, caps.recipientsPerMonth),
    ],
    ['SIM', modem.isSuspect ? html`<b>suspect</b>: the network refuses it` : undefined],
    ['Credit', modem.credit === undefined ? undefined : html`${modem.credit}`],
    ['Notices', modem.notices.length === 0 ? undefined : html`${modem.notices.join('; ')}`],
    [
      'Device',
      html`${[modem.manufacturer, modem.model, modem.device].filter(Boolean).join(' · ')}`,
    ],
  ];
  return told.filter((pair): pair is [string, Html] => pair[1] !== undefined);
}

/** Beside its cap, as a text and as a bar. */
function usedOf(count: number, most: number | undefined): Html {
  if (most === undefined) return html`${count}`;
  const share = Math.round((100 * count) / most);
  return html`${count} of ${most} <meter min="0" max="${most}" high="${Math.floor(most * 0.8)}" value="${Math.min(count, most)}">${share} %</meter>`;
}

/** In words, for who does not think in dBm. */
function strength(dbm: number): string {
  if (dbm >= -75) return 'strong';
  if (dbm >= -90) return 'good';
  return dbm >= -100 ? 'weak' : 'very weak';
}
