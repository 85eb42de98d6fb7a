/**
 * What the page does with script: takes over what changes, shows times in the browser's zone, and
 * counts up what is counted. Everything is there without it, too.
 */

import { spanText } from '../../words/time.js';

/** Rows that are kept on the screen. */
const mostRows = 200;

const { view = '' } = document.body.dataset;
const live = document.getElementById('live');
const say = (text: string): void => {
  if (live && live.textContent !== text) live.textContent = text;
};

/** The element that `html` is; a row stands only within a table. */
function parsed(html: string): Element | null {
  const template = document.createElement('template');
  template.innerHTML = html;
  return template.content.firstElementChild;
}

/** The element stays, so that its announcements are heard; what was open or in focus stays so. */
function replace(old: Element, next: Element): void {
  const open = [...old.querySelectorAll('details')].map((details) => details.open);
  for (const [index, details] of next.querySelectorAll('details').entries())
    details.open = open[index] ?? false;
  for (const { name, value } of next.attributes) old.setAttribute(name, value);
  const focused = document.activeElement;
  const at = focused && old.contains(focused) ? focusables(old).indexOf(focused) : -1;
  old.replaceChildren(...next.childNodes);
  const again = focusables(old)[at];
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

const focusables = (root: Element): Element[] => [
  ...root.querySelectorAll('a,button,input,select,summary,[tabindex]'),
];

function takePart(id: string, html: string): void {
  const [old, next] = [document.getElementById(id), parsed(html)];
  if (!old || !next) return;
  // A reload of the configuration brought other modems: there are other cards.
  const [had, has] = [old, next].map((each) => each.getAttribute('data-modems'));
  if (had !== has) return location.reload();
  replace(old, next);
  showTimes(old);
  const grade = old.dataset.grade;
  if (grade) document.title = document.title.replace(/:.*/, `: ${grade}`);
}

function takeRow(id: string, html: string): void {
  const rows = document.querySelector('#rows[data-live]');
  const next = parsed(html);
  if (!rows || !(next instanceof HTMLElement)) return;
  showTimes(next);
  const old = document.getElementById(id);
  if (old) return replaceRow(old, next);
  if (!fits(next)) return;
  rows.prepend(next);
  document.getElementById('none')?.remove();
  while (rows.children.length > mostRows) rows.lastElementChild?.remove();
}

function replaceRow(old: Element, next: HTMLElement): void {
  if (fits(next)) replace(old, next);
  else old.remove();
}

/** Whether a row is one that the filter of this page asks for. */
function fits({ dataset }: HTMLElement): boolean {
  const asked = new URLSearchParams(location.search);
  if (asked.get('until')) return false;
  return ['status', 'code', 'modem', 'caller', 'country'].every((key) => {
    const wanted = asked.get(key);
    return !wanted || dataset[key] === wanted;
  });
}

function showTimes(root: ParentNode): void {
  for (const time of root.querySelectorAll<HTMLTimeElement>('time[data-at]')) {
    const at = new Date(time.dateTime);
    time.title = time.dateTime;
    time.textContent = at.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
  }
}

/** How far the gateway's clock is ahead of the browser's; both count the same seconds. */
let aheadMs: number | undefined;

/** The first look tells: what is counted was right when the page was made. */
function count(): void {
  for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-ago]')) {
    aheadMs ??= Number(document.body.dataset.now ?? Date.now()) - Date.now();
    const text = spanText(Date.now() + aheadMs - Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

let source: EventSource | undefined;
/** The newest change of the journal that is on the screen. */
let seen = document.getElementById('rows')?.dataset.change;

function connect(): void {
  source = new EventSource(`events?view=${view}${seen ? `&after=${seen}` : ''}`);
  source.onopen = () => say('Live.');
  source.onerror = () => {
    const at = new Date().toLocaleTimeString();
    say(`Not connected since ${at}: what is shown may be old. It is tried again.`);
    // Refused, as when too many look on: the browser does not try again by itself.
    if (source?.readyState === EventSource.CLOSED) setTimeout(askAgain, 10_000);
  };
  source.addEventListener('part', ({ data }: MessageEvent<string>) => {
    const { id, html } = JSON.parse(data) as { id: string; html: string };
    takePart(id, html);
  });
  source.addEventListener('row', ({ data, lastEventId }: MessageEvent<string>) => {
    const { id, html } = JSON.parse(data) as { id: string; html: string };
    takeRow(id, html);
    seen = lastEventId || seen;
  });
}

/** Who is not signed in any more is asked to. */
async function askAgain(): Promise<void> {
  const answer = await fetch('status.json', { method: 'HEAD' }).catch(() => undefined);
  if (answer?.status === 401) location.reload();
  else again();
}

function again(): void {
  source?.close();
  if (!document.hidden) connect();
}

showTimes(document);
count();
setInterval(count, 1_000);
if (view !== '') {
  connect();
  // A browser has six connections for each host; a page that nobody sees needs none.
  document.addEventListener('visibilitychange', () =>
    document.hidden ? source?.close() : again(),
  );
  addEventListener('pagehide', () => source?.close());
}
if (view === 'history') void import('./plot.js').then(({ plotHistory }) => plotHistory());
