/**
 * Who may see the page. On a loopback address without a password everybody of this machine, but
 * nobody may look a number up; a Unix socket has its own rights; from elsewhere with the password,
 * or as the user that a trusted proxy names.
 */

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type Koa from 'koa';
import type Router from 'koa-router';
import { SendError } from '../errors.js';
import { requireLoopbackHost } from '../http/app.js';
import { clientAddress, comesFrom } from '../http/client-address.js';
import { type RequestState, writeAnswer } from '../http/error-exit.js';
import type { LimitedLog } from '../log.js';
import { clientNetwork } from '../policy/request.js';
import type { PasswordHash } from '../secret/password.js';
import { spanText } from '../words/time.js';
import { html } from './html.js';
import { answerHtml, answerSeeOther, type PageContext, readForm } from './page-answers.js';
import { PasswordCheck, type PasswordVerdict } from './password-check.js';
import { Sessions } from './sessions.js';
import { document } from './shell.js';
import { Tries } from './tries.js';
import type { Visitor } from './visitor.js';

export interface DoorOptions {
  /** Where the listener is. */
  place: 'loopback' | 'network' | 'socket';
  /** Undefined: there is no password. */
  password: PasswordHash | undefined;
  /** The field in which a trusted proxy names who asks. */
  userHeader: string | undefined;
  /** IP addresses and ranges of those proxies; at a socket, whoever connects is one. */
  trustedProxies: readonly string[];
  /** What tells this page from others under the same host name, whose cookies it is sent, too. */
  address: string;
  /** Where refusals go that anyone on the network can cause. */
  refusals: Pick<LimitedLog, 'warn'>;
}

/** Served to everybody, for the page to sign in needs them. */
const openPaths: ReadonlySet<string> = new Set(['/page.css', '/page.js', '/icon.svg', '/login']);
/** What programs of this machine read without a password. */
const machinePaths: ReadonlySet<string> = new Set(['/metrics', '/livez', '/readyz']);
/** Where a program is asked for the password; a browser would open a window of its own for it. */
const programPaths: ReadonlySet<string> = new Set([
  ...machinePaths,
  '/status.json',
  '/openapi.json',
]);

const noSearchHere =
  'A whole number can be looked up with “sudo simgate log --to +49…”. Here it cannot: without a password any user of this machine could ask who logs in.';

export class Door {
  readonly #options: DoorOptions;
  #password: PasswordHash | undefined;
  readonly #sessions = new Sessions();
  readonly #check = new PasswordCheck(new Tries());
  /** By request, with the password that counted when it was let in. */
  readonly #visitors = new WeakMap<object, { visitor: Visitor; password?: PasswordHash }>();
  readonly #addressOf: (ctx: PageContext) => string;
  readonly #isTrusted: (ctx: PageContext) => boolean;
  readonly #cookieName: string;

  constructor(options: DoorOptions) {
    this.#options = options;
    const { place, trustedProxies, password } = options;
    this.#password = password;
    const addressOf = clientAddress(trustedProxies);
    this.#addressOf = ({ req }) => addressOf(req);
    const isProxy = comesFrom(trustedProxies);
    const hash = createHash('sha256').update(`${hostname()} ${options.address}`).digest('hex');
    this.#cookieName = `simgate-${hash.slice(0, 8)}`;
    this.#isTrusted = ({ req }) => place === 'socket' || isProxy(req);
  }

  /** The outermost guard of the admin listener. */
  readonly guard: Koa.Middleware<RequestState> = async (ctx, next) => {
    refuseOtherPages(ctx);
    const visitor = await this.#admit(ctx);
    if (visitor !== undefined) {
      const password = this.#password;
      this.#visitors.set(ctx.req, { visitor, ...(password && { password }) });
      return next();
    }
    if (openPaths.has(ctx.path) && this.#password !== undefined) return next();
    this.#turnAway(ctx);
  };

  /** Of a request that was let in. */
  visitorOf(ctx: PageContext): Visitor {
    return this.#visitors.get(ctx.req)?.visitor ?? { hasSession: false, noSearch: noSearchHere };
  }

  /**
   * Whether who opened a stream is still in: a session ends, by time or by its owner, and without
   * one it is asked anew who has opened it when another password counts.
   */
  isStillIn(ctx: PageContext): boolean {
    const letIn = this.#visitors.get(ctx.req);
    if (letIn?.visitor.hasSession === true) return this.#hasSession(ctx);
    return letIn !== undefined && letIn.password === this.#password;
  }

  addRoutes(router: Router<RequestState>): void {
    router.get('/login', (ctx) => answerHtml(ctx, signIn()));
    router.post('/login', (ctx) => this.#signIn(ctx));
    router.post('/logout', async (ctx) => {
      await readForm(ctx);
      this.#sessions.end(this.#tokenOf(ctx));
      answerSeeOther(ctx, 'login', `${this.#cookieName}=; ${this.#cookieTerms(ctx)}; Max-Age=0`);
    });
  }

  /** From now on this one counts; with another than before, nobody is signed in. */
  replacePassword(password: PasswordHash | undefined): void {
    if (isDeepStrictEqual(password, this.#password)) return;
    this.#password = password;
    this.#sessions.endAll();
  }

  async #admit(ctx: PageContext): Promise<Visitor | undefined> {
    const { place, userHeader } = this.#options;
    const password = this.#password;
    if (password === undefined && userHeader === undefined) {
      if (place === 'socket') return { hasSession: false, noSearch: undefined };
      requireLoopbackHost(ctx);
      return { hasSession: false, noSearch: noSearchHere };
    }
    if (userHeader !== undefined && this.#isTrusted(ctx) && ctx.get(userHeader) !== '')
      return { hasSession: false, noSearch: undefined };
    if (password !== undefined) {
      if (this.#hasSession(ctx)) return { hasSession: true, noSearch: undefined };
      if (await this.#isBasic(ctx, password)) return { hasSession: false, noSearch: undefined };
    }
    if (place !== 'loopback' || !machinePaths.has(ctx.path)) return undefined;
    requireLoopbackHost(ctx);
    return { hasSession: false, noSearch: noSearchHere };
  }

  #hasSession(ctx: PageContext): boolean {
    const token = this.#tokenOf(ctx);
    return token !== '' && this.#sessions.has(token);
  }

  /** Of the session; empty where there is none. */
  #tokenOf(ctx: PageContext): string {
    const pairs = ctx.get('cookie').split(/; */);
    const own = pairs.find((pair) => pair.startsWith(`${this.#cookieName}=`));
    return own?.slice(this.#cookieName.length + 1) ?? '';
  }

  /** RFC 7617; whatever the user is called. Throws `SendError` where it must not be tried now. */
  async #isBasic(ctx: PageContext, known: PasswordHash): Promise<boolean> {
    const credentials = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(ctx.get('authorization'))?.[1];
    if (credentials === undefined) return false;
    const [, password = ''] =
      /^[^:]*:(.*)$/s.exec(Buffer.from(credentials, 'base64').toString('utf8')) ?? [];
    const verdict = await this.#checked(ctx, password, known);
    if (typeof verdict === 'object')
      throw new SendError('rate_limited', {
        detail: 'too many wrong passwords',
        retryAfterMs: verdict.waitMs,
      });
    return verdict === 'right';
  }

  async #signIn(ctx: PageContext): Promise<void> {
    const form = await readForm(ctx);
    const known = this.#password;
    if (known === undefined) return answerSeeOther(ctx, './');
    const verdict = await this.#checked(ctx, form.get('password') ?? '', known);
    if (verdict === 'right') {
      const cookie = `${this.#cookieName}=${this.#sessions.begin()}; ${this.#cookieTerms(ctx)}`;
      return answerSeeOther(ctx, './', cookie);
    }
    if (verdict === 'wrong') return answerHtml(ctx, signIn('That is not the password.'), 403);
    const wait = `Too many wrong passwords: wait ${spanText(verdict.waitMs)}.`;
    answerHtml(ctx, signIn(wait), 429);
  }

  async #checked(
    ctx: PageContext,
    password: string,
    known: PasswordHash,
  ): Promise<PasswordVerdict> {
    const client = this.#addressOf(ctx);
    const network = isIP(client) === 0 ? client : (clientNetwork(client) ?? client);
    const found = await this.#check.check(password, known, network);
    // Replaced while it was looked up: nobody comes in by the old one any more.
    const verdict = known === this.#password ? found : 'wrong';
    if (verdict !== 'right')
      this.#options.refusals.warn('a wrong password for the admin listener', () => ({
        event: 'admin_refused',
        id: ctx.state.id,
        client,
        looked_at: verdict === 'wrong',
      }));
    return verdict;
  }

  /** `Secure` where the browser came by TLS; elsewhere it would not keep it (RFC 6265bis 5.7). */
  #cookieTerms(ctx: PageContext): string {
    const isTls = this.#isTrusted(ctx) && ctx.get('x-forwarded-proto').trim() === 'https';
    return `Path=/; HttpOnly; SameSite=Strict${isTls ? '; Secure' : ''}`;
  }

  #turnAway(ctx: PageContext): void {
    const hasPassword = this.#password !== undefined;
    const isBrowser = ctx.get('accept').includes('text/html');
    if (hasPassword && isBrowser) return answerSeeOther(ctx, `${upFrom(ctx.path)}login`);
    const challenge = programPaths.has(ctx.path) && hasPassword ? 'Basic' : 'simgate-session';
    const told = hasPassword ? 'sign in first' : 'the proxy has to name the user';
    writeAnswer(ctx, {
      status: 401,
      headers: {
        'Content-Type': 'text/plain; charset=utf-8',
        'WWW-Authenticate': `${challenge} realm="simgate"`,
      },
      body: `${told}\n`,
    });
  }
}

/**
 * Another page may lead here, and no more: it could not read what it asks for, but hold all the
 * streams (Fetch Metadata, W3C).
 */
function refuseOtherPages(ctx: PageContext): void {
  const site = ctx.get('sec-fetch-site');
  const isOther = site === 'cross-site' || site === 'same-site';
  if (!isOther || ctx.get('sec-fetch-mode') === 'navigate') return;
  throw new SendError('request_malformed', { detail: 'another page asks for this' });
}

/** The way from there to the page's own folder, which a proxy may have put anywhere. */
const upFrom = (path: string): string => '../'.repeat(path.split('/').length - 2);

function signIn(trouble?: string) {
  return document(
    'Sign in · simgate',
    false,
    html`<body>
<main class="sign-in"><h1>simgate</h1>
<form method="post" action="login">
<input type="text" name="username" value="admin" autocomplete="username" hidden>
<label>Password <input type="password" name="password" autocomplete="current-password" required autofocus></label>
<button>Sign in</button></form>
${trouble !== undefined && html`<p class="bad" role="alert">${trouble}</p>`}
<p class="hint">“sudo simgate admin password” on the gateway sets a new one.</p></main>
</body>`,
  );
}
