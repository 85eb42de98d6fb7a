import type Koa from 'koa';
import type Router from 'koa-router';
import { isLoopback } from '../config/config.js';
import { SendError } from '../errors.js';
import { asItMayLeave } from '../words/foreign.js';
import type { RequestState } from './error-exit.js';

/**
 * `/livez`: this process answers. `/readyz`: 200 when a message could be sent now, else 503. No
 * detail in either.
 */
export function addHealthRoutes(router: Router<RequestState>, isReady: () => boolean): void {
  router.get('/livez', (ctx) => {
    ctx.body = 'alive\n';
  });
  router.get('/readyz', (ctx) => {
    const ready = isReady();
    ctx.status = ready ? 200 : 503;
    ctx.body = ready ? 'ready\n' : 'not ready\n';
  });
}

/** `/`: the snapshot as JSON. */
export function addStatusPage(router: Router<RequestState>, snapshot: () => unknown): void {
  router.get('/', (ctx) => {
    ctx.type = 'json';
    ctx.body = `${JSON.stringify(snapshot(), (_, value: unknown) => asItMayLeave(value), 2)}\n`;
  });
}

/**
 * A page on the web can have its own name resolve to 127.0.0.1 and so make a browser here ask us
 * (DNS rebinding); what it cannot do is send another Host than its own name.
 */
export const requireLoopbackHost: Koa.Middleware<RequestState> = (ctx, next) => {
  const name = ctx
    .get('host')
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(name.toLowerCase())) {
    throw new SendError('request_malformed', {
      detail: 'Host must be localhost or a loopback address',
    });
  }
  return next();
};
