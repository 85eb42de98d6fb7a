/**
 * The page of the admin listener: how it is and what to do, what became of messages, history,
 * policy and callers. It is rendered here; a browser with script is told what changes.
 * Knows nothing of: how the daemon is made; it is given looks at it, and changes nothing.
 * Way: request → the door lets it in → a view of one look at the daemon → escaped markup.
 */

import type Router from 'koa-router';
import type { Logger } from 'winston';
import type { PolicyConfig } from '../config/policy.js';
import { SendError } from '../errors.js';
import { type RequestState, writeAnswer } from '../http/error-exit.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { Journal } from '../journal/journal.js';
import { callersFragment, type ShownCaller } from './callers-view.js';
import type { HistoryStore } from './history-store.js';
import { historyJson, historyView } from './history-view.js';
import type { Html } from './html.js';
import { MessagesRoutes } from './messages-routes.js';
import { nowFragments, nowView } from './now-view.js';
import { answerHtml, type PageContext, pageHeaders } from './page-answers.js';
import { type LimitsLook, type PolicyParts, PolicyRoutes } from './policy-routes.js';
import { limitsFragment } from './policy-view.js';
import { type Fragment, headFragments, sheet, type View, viewNames } from './shell.js';
import type { ShownState } from './shown-state.js';
import { maxStreams, Streams } from './streams.js';
import type { Visitor } from './visitor.js';

/** What the page is made of. */
export interface PageOptions {
  state: () => ShownState;
  /** The same as JSON, for those who ask `/` for that. */
  statusJson: () => string;
  callers: () => readonly ShownCaller[];
  policy: PolicyParts['policy'];
  limits: LimitsLook;
  policyConfig: () => PolicyConfig;
  journal: Pick<Journal, 'query'>;
  hmac: Hmac;
  history: Pick<HistoryStore, 'points' | 'signalOfDay'>;
  /** What the build put beside the program: a script, a style sheet or a picture, by its name. */
  asset: (name: string) => Promise<Uint8Array>;
  /** Who asks, once the door has let them in. */
  visitorOf: (ctx: PageContext) => Visitor;
  /** Whether they still are. */
  isStillIn: (ctx: PageContext) => boolean;
  log: Logger;
}

export interface AdminPage {
  addRoutes(router: Router<RequestState>): void;
  /** Ends what would never end by itself. */
  close(): void;
}

/** Seconds after which a browser without script looks again. */
const refreshS = 10;

/** What is served as it is; none of it says anything of this gateway. */
const assets: Readonly<Record<string, string>> = {
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'plot.js': 'text/javascript; charset=utf-8',
  'plot.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

export function createPage(options: PageOptions): AdminPage {
  const { state, callers, limits, history, visitorOf } = options;
  const signalOfDay = (modem: string) => history.signalOfDay(modem);
  const show = (ctx: PageContext, view: View, content: Html, isGet = true): void => {
    const { hasSession } = visitorOf(ctx);
    const refreshes = isGet && (view === 'now' || view === 'messages');
    const sheetOf = { view, content, hasSession, refreshS: refreshes ? refreshS : undefined };
    answerHtml(ctx, sheet(state(), sheetOf));
  };
  const messages = new MessagesRoutes({ ...options, show });
  const policyRoutes = new PolicyRoutes({ ...options, show });
  const fragments = (view: View): readonly Fragment[] => {
    const now = state();
    const own: Record<View, () => readonly Fragment[]> = {
      now: () => nowFragments(now, signalOfDay),
      messages: () => [],
      history: () => [],
      policy: () => [limitsFragment(limits.standing())],
      callers: () => [callersFragment(callers())],
    };
    return [...headFragments(now), ...own[view]()];
  };
  const streams = new Streams({
    fragments,
    newRows: (after) => messages.newRows(after),
  });
  return {
    addRoutes(router) {
      router.get('/', (ctx) => {
        if (ctx.accepts('html', 'json') === 'json') return answerJson(ctx, options.statusJson());
        show(ctx, 'now', nowView(nowFragments(state(), signalOfDay)));
      });
      router.get('/callers', (ctx) => show(ctx, 'callers', callersFragment(callers()).html));
      router.get('/history', (ctx) =>
        show(ctx, 'history', historyView(history.points(), state().nowMs)),
      );
      router.get('/history.json', (ctx) =>
        answerJson(ctx, `${JSON.stringify(historyJson(history.points()))}\n`),
      );
      router.get('/events', (ctx) => openStream(ctx, streams, options));
      for (const [name, type] of Object.entries(assets))
        router.get(`/${name}`, async (ctx) => answerAsset(ctx, type, await options.asset(name)));
      messages.addTo(router);
      policyRoutes.addTo(router);
    },
    close: () => streams.close(),
  };
}

function openStream(
  ctx: PageContext,
  streams: Streams,
  { isStillIn, log }: Pick<PageOptions, 'isStillIn' | 'log'>,
): void {
  const asked = new URLSearchParams(ctx.querystring);
  const view = viewNames.find((name) => name === asked.get('view'));
  // What it has seen since it asked first comes before what its page had.
  const seen = [ctx.get('last-event-id'), asked.get('after') ?? ''];
  const after = seen.find((change) => /^\d{1,15}$/.test(change));
  const lastChange = after === undefined ? undefined : Number(after);
  if (view === undefined) throw new SendError('not_found', { detail: 'there is no such view' });
  // Of a HEAD there is nothing to be told later.
  if (ctx.method === 'HEAD') {
    ctx.status = 200;
    return;
  }
  if (!streams.open({ view, response: ctx.res, lastChange, isStillIn: () => isStillIn(ctx) }))
    throw new SendError('queue_full', {
      detail: `${maxStreams} others look at this page already: it is shown without changes by itself`,
    });
  ctx.respond = false;
  log.debug('a browser looks on', { event: 'page_stream', view, streams: streams.size });
}

function answerJson(ctx: PageContext, body: string): void {
  const headers = { 'Content-Type': 'application/json; charset=utf-8', Vary: 'Accept' };
  writeAnswer(ctx, { status: 200, headers, body });
}

/** They change with a new version only; the browser asks each time whether they did. */
function answerAsset(ctx: PageContext, type: string, octets: Uint8Array): void {
  const headers = { ...pageHeaders, 'Content-Type': type };
  writeAnswer(ctx, { status: 200, headers, body: Buffer.from(octets).toString('utf8') });
}
