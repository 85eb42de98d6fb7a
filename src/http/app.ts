/**
 * The public and the admin listener: HTTP in, HTTP out.
 * Knows nothing of: modems, AT and the tty.
 * Way: request → its caller authenticates and reads → dispatch → the verdict as an answer of the
 * contract.
 */

import type { RequestListener } from 'node:http';
import Koa from 'koa';
import Router from 'koa-router';
import type { Logger } from 'winston';
import { isLoopback } from '../config/config.js';
import { SendError, type SendErrorCode } from '../errors.js';
import { asItMayLeave } from '../words/foreign.js';
import { clientAddress } from './client-address.js';
import { type Exchange, errorExit, type OnFailure, type RequestState } from './error-exit.js';
import type { Client, ClientList } from './owner.js';
import { type FindMessage, readRoute } from './read-route.js';
import { type SendRouteOptions, sendRoute } from './send-route.js';

/** What the public listener stands on. */
export interface AppOptions extends SendRouteOptions {
  /** Who may ask for messages; several may share a path. */
  clients: readonly Client[];
  /** What is known of a caller's message; undefined when nothing is. */
  find: FindMessage;
  /** False while every request would be refused. */
  isReady: () => boolean;
  /**
   * IP addresses and CIDR ranges of the proxies whose `X-Forwarded-For` is believed, for the log;
   * default: none.
   */
  trustedProxies?: readonly string[];
  /**
   * Told of each answer that no row of the journal tells of. Must not throw. `caller` is undefined
   * while it is not known.
   */
  onRefused?: (code: SendErrorCode, caller: string | undefined) => void;
}

/** What the admin listener shows. */
export interface AdminAppOptions {
  /** False while every request would be refused. */
  isReady: () => boolean;
  /** The state of the daemon as it goes into JSON: snake_case keys, numbers masked, no texts. */
  snapshot: () => unknown;
  /** `/metrics`. */
  metrics?: Koa.Middleware;
  /** The document of the public listener as JSON (OpenAPI 3.1). */
  openapi?: () => Promise<string>;
  /** More to be served, behind the same guard. */
  addRoutes?: (router: Router<RequestState>) => void;
  /** Lets in who may see it; default: who asks this machine by a name of its own. */
  guard?: Koa.Middleware<RequestState>;
  log: Logger;
}

/** The public listener: the paths of the callers, and `/livez` and `/readyz` with no detail. */
export function createApp(options: AppOptions): RequestListener {
  const router = newRouter();
  const posts = new Map<string | undefined, (ctx: Exchange) => Promise<void>>();
  for (const [path, clients] of byPath(options.clients)) {
    const route = sendRoute(clients, options);
    posts.set(path, route);
    router.post(path, route);
  }
  const [reader, ...readers] = options.clients.filter(({ mayRead }) => mayRead);
  if (reader !== undefined) router.get('/sms/:id', readRoute([reader, ...readers], options));
  addHealthRoutes(router, options.isReady);
  const { log, trustedProxies = [], listener } = options;
  const onFailure: OnFailure = ({ code, hasRow }, { caller, suspected }) => {
    listener?.answered({ code, caller, suspected });
    if (!hasRow) options.onRefused?.(code, caller);
  };
  const exit = errorExit(log, clientAddress(trustedProxies), onFailure);
  const handle = toListener(log, [exit], router);
  const tell = tellBroken(log);
  // A request that is written as nearly all are goes to its route by one look. Koa and its router
  // take a fifth of what a refusal costs; they have the same routes for other spellings of a path.
  return (req, res) => {
    const route = req.method === 'POST' ? posts.get(req.url) : undefined;
    if (route === undefined) return handle(req, res);
    const exchange: Exchange = { req, res, state: {} as RequestState };
    const done = () => req.socket.errored && tell(req.socket.errored);
    exit(exchange, () => route(exchange)).then(done, tell);
  };
}

/**
 * The admin listener, for this machine only: `/status.json`, `/livez` and `/readyz`, all read-only.
 */
export function createAdminApp({
  isReady,
  snapshot,
  metrics,
  openapi,
  addRoutes,
  guard = (ctx, next) => {
    requireLoopbackHost(ctx);
    return next();
  },
  log,
}: AdminAppOptions): RequestListener {
  const router = newRouter();
  addStatus(router, snapshot);
  addRoutes?.(router);
  if (metrics) router.get('/metrics', metrics);
  if (openapi)
    router.get('/openapi.json', async (ctx) => {
      ctx.set('Content-Type', 'application/json; charset=utf-8');
      ctx.body = await openapi();
    });
  addHealthRoutes(router, isReady);
  return toListener(log, [errorExit(log, clientAddress([])), guard], router);
}

function byPath(clients: readonly Client[]): Map<string, ClientList> {
  const paths = new Map<string, ClientList>();
  for (const client of clients)
    paths.set(client.caller.path, [...(paths.get(client.caller.path) ?? []), client] as ClientList);
  return paths;
}

/** Paths are case-sensitive (RFC 3986 6.2.2.1). */
function newRouter(): Router<RequestState> {
  return new Router<RequestState>({ sensitive: true });
}

/** `guards` in order, the error exit first; then the routes, and the refusal of what has none. */
function toListener(
  log: Logger,
  guards: readonly Koa.Middleware<RequestState>[],
  router: Router<RequestState>,
): RequestListener {
  const app = new Koa<RequestState>();
  for (const guard of guards) app.use(guard);
  app.use(router.routes());
  app.use(refuseUnrouted(log));
  app.on('error', tellBroken(log));
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}

/** A caller who hung up under its answer, which is no error of ours, and what escaped the exit. */
function tellBroken(log: Logger): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    const callerLeft = error.code === 'ECONNRESET' || error.code === 'EPIPE';
    log.log(callerLeft ? 'debug' : 'error', 'response failed', { event: 'response_failed', error });
  };
}

/**
 * 404, or 405 when only the method is wrong: OPTIONS too, for a 200 would tell Auth0 that a message
 * was sent.
 */
function refuseUnrouted(log: Logger): Koa.Middleware<RequestState> {
  return (ctx) => {
    const matched: readonly { methods: string[] }[] = ctx.matched ?? [];
    const allowed = [...new Set(matched.flatMap((layer) => layer.methods))];
    const code = allowed.length > 0 ? 'method_not_allowed' : 'not_found';
    log.debug('refused a request', {
      event: 'request_refused',
      id: ctx.state.id,
      method: ctx.method,
      code,
    });
    if (allowed.length > 0) ctx.set('Allow', allowed.join(', '));
    throw new SendError(code);
  };
}

/**
 * `/livez`: this process answers. `/readyz`: 503 while every request would be refused before it is
 * handed to a modem, else 200. No detail in either.
 */
function addHealthRoutes(router: Router<RequestState>, isReady: () => boolean): void {
  router.get('/livez', (ctx) => {
    ctx.body = 'alive\n';
  });
  router.get('/readyz', (ctx) => {
    const ready = isReady();
    ctx.status = ready ? 200 : 503;
    ctx.body = ready ? 'ready\n' : 'not ready\n';
  });
}

/** `/status.json`: the snapshot. */
function addStatus(router: Router<RequestState>, snapshot: () => unknown): void {
  router.get('/status.json', (ctx) => {
    ctx.type = 'json';
    ctx.body = statusJson(snapshot());
  });
}

/** The state of the daemon as it leaves. */
export const statusJson = (snapshot: unknown): string =>
  `${JSON.stringify(snapshot, (_, value: unknown) => asItMayLeave(value), 2)}\n`;

/**
 * Against DNS rebinding: a web page can have its own name resolve to 127.0.0.1, and so make a
 * browser on this machine ask us. The Host that the browser sends is then the page's name, which is
 * none of ours. Throws `SendError`.
 */
export function requireLoopbackHost(ctx: Koa.ParameterizedContext<RequestState>): void {
  const name = ctx
    .get('host')
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  if (isLoopback(name.toLowerCase())) return;
  throw new SendError('request_malformed', {
    detail: 'Host must be localhost or a loopback address',
  });
}
