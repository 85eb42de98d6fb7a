import type { Grade } from '../doctor/finding.js';
import { counted } from '../words/counted.js';
import { type Html, html } from './html.js';
import type { ShownState } from './shown-state.js';
import { ago, tookText } from './times.js';

/** The views, in the order of the navigation; each is a path beside the others. */
export const views = {
  now: { path: './', title: 'Now' },
  messages: { path: 'messages', title: 'Messages' },
  history: { path: 'history', title: 'History' },
  policy: { path: 'policy', title: 'Policy' },
  callers: { path: 'callers', title: 'Callers' },
} as const;
export type View = keyof typeof views;

export const viewNames = Object.keys(views) as View[];

/** A part of a page that is replaced as it changes; its outermost element has the id. */
export interface Fragment {
  id: string;
  html: Html;
}

export interface Sheet {
  view: View;
  content: Html;
  /** Seconds after which a browser without script asks again; undefined: never, as after a POST. */
  refreshS?: number | undefined;
  /** Whether there is a session to be ended. */
  hasSession: boolean;
}

/** Every address in it is relative, for a proxy may put the page under a path of its own. */
export function sheet(state: ShownState, { view, content, refreshS, hasSession }: Sheet): Html {
  const refresh =
    refreshS !== undefined &&
    html`<noscript><meta http-equiv="refresh" content="${refreshS}"></noscript>`;
  return document(
    `${views[view].title} · simgate: ${gradeWords[state.health.grade].word}`,
    html`${refresh}<script type="module" src="page.js"></script>`,
    html`<body data-view="${view}" data-now="${state.nowMs}">
<a class="skip" href="#main">Skip to the content</a>
<header>
<p class="brand"><strong>simgate</strong> <small>${state.version}</small></p>
<nav aria-label="Views"><ul>${viewNames.map((name) => tab(name, view))}</ul></nav>
${hasSession && html`<form method="post" action="logout"><button>Sign out</button></form>`}
</header>
<section class="headline" aria-label="State">${headFragments(state).map((part) => part.html)}</section>
<main id="main" tabindex="-1">
<h1>${views[view].title}</h1>
${content}
</main>
<footer><p id="live" role="status"></p><p><a href="status.json">status.json</a> · <a href="metrics">metrics</a> ·
<a href="openapi.json">openapi.json</a></p></footer>
</body>`,
  );
}

/** A page of its own, as the one to sign in. */
export function document(title: string, head: Html | false, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page.css">
${head}
</head>
${body}
</html>
`;
}

const tab = (name: View, current: View): Html =>
  html`<li><a href="${views[name].path}"${name === current && html` aria-current="page"`}>${views[name].title}</a></li>`;

/** Never by colour alone: a word and a sign, too. */
export const gradeWords: Readonly<Record<Grade, { word: string; sign: string; tone: string }>> = {
  ok: { word: 'Ready', sign: '●', tone: 'good' },
  degraded: { word: 'Ready, with trouble', sign: '▲', tone: 'warn' },
  down: { word: 'NOT ready', sign: '✖', tone: 'bad' },
};

/** Above each view. What counts up by itself is apart from what a screen reader announces. */
export function headFragments(state: ShownState): Fragment[] {
  return [verdict(state), last(state)];
}

/** One sentence: do codes go out, and if not, why and what to do. */
function verdict({ health, modems, alerts = [] }: ShownState): Fragment {
  const { word, sign, tone } = gradeWords[health.grade];
  const able = modems.filter(({ isAble }) => isAble).length;
  const [first] = health.obstacles;
  const told =
    alerts.length > 0 && html` <a href="./#alerts">${counted(alerts.length, 'open alert')}</a>.`;
  const count = html`${able} of ${modems.length} modem${modems.length !== 1 && 's'}.`;
  const what = first && html` ${sentence(first.what)}`;
  const remedy =
    health.grade === 'down' &&
    first?.remedy &&
    html` <span class="do">${sentence(first.remedy)}</span>`;
  return {
    id: 'verdict',
    html: html`<p id="verdict" role="status" class="${tone}" data-grade="${word}" data-modems="${modems.map(({ name }) => name).join(' ')}"><span aria-hidden="true">${sign}</span> <strong>${word}:</strong> ${health.grade === 'down' ? what : html`${count}${what}`}${remedy}${told}</p>`,
  };
}

function last({ lastAccepted, nowMs }: ShownState): Fragment {
  const told =
    lastAccepted === undefined
      ? html`No code was accepted yet.`
      : html`Last code ${ago(lastAccepted.atMs, nowMs)} ago, accepted in ${tookText(lastAccepted.tookMs)}.`;
  return { id: 'last', html: html`<p id="last">${told}</p>` };
}

/** With a capital, and a full stop. */
export function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
