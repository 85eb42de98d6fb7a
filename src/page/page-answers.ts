import type { IncomingMessage } from 'node:http';
import type Koa from 'koa';
import { SendError } from '../errors.js';
import { readOctets } from '../http/body.js';
import { type RequestState, writeAnswer } from '../http/error-exit.js';
import type { Html } from './html.js';

export type PageContext = Koa.ParameterizedContext<RequestState>;

/** Octets of a form; ours have a number and a few names. */
const maxFormOctets = 4_096;

/**
 * Nothing but what this listener itself serves is run, shown or asked, and no other page can show
 * this one. The referrer stays within: with `no-referrer` a browser would send `Origin: null` with
 * a form (Fetch 3.2), and then nothing would tell ours from another page's.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

export function answerHtml(ctx: PageContext, { text }: Html, status = 200): void {
  const headers = { ...pageHeaders, 'Content-Type': 'text/html; charset=utf-8', Vary: 'Accept' };
  writeAnswer(ctx, { status, headers, body: text });
}

/** To another place; relative, for a proxy may put the page under a path of its own. */
export function answerSeeOther(ctx: PageContext, location: string, cookie?: string): void {
  const headers = {
    ...pageHeaders,
    Location: location,
    ...(cookie !== undefined && { 'Set-Cookie': cookie }),
  };
  writeAnswer(ctx, { status: 303, headers, body: '' });
}

/**
 * The fields of a form that is posted from this page. Throws `SendError`, also when another page
 * posts it.
 */
export async function readForm(ctx: PageContext): Promise<URLSearchParams> {
  refuseForeign(ctx.req);
  const octets = await readOctets(ctx.req, maxFormOctets);
  return new URLSearchParams(octets.toString('utf8'));
}

/**
 * `Sec-Fetch-Site` (Fetch Metadata) is sent to https and to this machine; elsewhere the Origin has
 * to be the host that was asked. What is no browser sends neither.
 */
function refuseForeign({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  const isOurs =
    site === undefined ? isSameHost(headers.origin, headers.host) : site === 'same-origin';
  if (isOurs) return;
  throw new SendError('request_malformed', {
    detail: 'the form comes from another page: open this one and try again from there',
  });
}

function isSameHost(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}
