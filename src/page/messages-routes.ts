import type { ServerResponse } from 'node:http';
import type Router from 'koa-router';
import type { PolicyConfig } from '../config/policy.js';
import { SendError } from '../errors.js';
import type { RequestState } from '../http/error-exit.js';
import type { LogRow } from '../journal/entries.js';
import { JournalFault } from '../journal/faults.js';
import type { Hmac } from '../journal/hmac-key.js';
import type { Journal } from '../journal/journal.js';
import { RefusalRate } from '../journal/refusal-rate.js';
import { maskNumber } from '../number/mask.js';
import { readRecipient } from '../number/recipient.js';
import { subscriberOf } from '../number/subscriber.js';
import type { ShownCaller } from './callers-view.js';
import { csvHeading, csvLine } from './csv.js';
import type { Html } from './html.js';
import { type MessageQuery, readQuery } from './message-query.js';
import { type MessagesPage, messageRow, messagesView } from './messages-view.js';
import { type PageContext, pageHeaders, readForm } from './page-answers.js';
import type { LimitsLook } from './policy-routes.js';
import type { View } from './shell.js';
import type { ShownState } from './shown-state.js';
import type { NewRows } from './streams.js';
import type { Visitor } from './visitor.js';

export interface MessagesParts {
  state: () => ShownState;
  callers: () => readonly ShownCaller[];
  limits: Pick<LimitsLook, 'standing'>;
  policyConfig: () => PolicyConfig;
  journal: Pick<Journal, 'query'>;
  hmac: Hmac;
  visitorOf: (ctx: PageContext) => Visitor;
  show: (ctx: PageContext, view: View, content: Html, isGet?: boolean) => void;
}

/** Rows of a page, of one look for what is new, and of a piece of a CSV: messages come between. */
const pageRows = 100;
/** Searches by number: so many at once, and then one in six seconds. */
const searchBurst = 10;
const searchesPerSecond = 1 / 6;

const outOfOrder = 'The journal is out of order, so messages cannot be shown: see the log.';

/** The view "Messages", its search and its CSV. */
export class MessagesRoutes {
  readonly #parts: MessagesParts;
  readonly #searches = new RefusalRate(searchBurst, searchesPerSecond, performance.now());
  #isWritingCsv = false;

  constructor(parts: MessagesParts) {
    this.#parts = parts;
  }

  addTo(router: Router<RequestState>): void {
    router.get('/messages', (ctx) => this.#list(ctx));
    router.post('/messages', (ctx) => this.#search(ctx));
    router.get('/messages.csv', (ctx) => this.#csv(ctx));
  }

  /** Rows that were written or changed after that change, as `StreamsOptions` has it. */
  async newRows(after: number | undefined): Promise<NewRows> {
    const filter = after === undefined ? { limit: 1 } : { afterChange: after, limit: pageRows };
    const page = await this.#query(filter);
    if (page === undefined) return { rows: [], lastChange: after };
    const { rows, lastChange } = page;
    // A journal that was damaged begins anew, and so do its changes.
    if (after === undefined || after > lastChange) return { rows: [], lastChange };
    const isAll = rows.length < pageRows;
    return {
      rows: rows.map(messageRow),
      lastChange: isAll ? lastChange : (rows.at(-1)?.change ?? lastChange),
    };
  }

  async #list(ctx: PageContext): Promise<void> {
    const query = readQuery(new URLSearchParams(ctx.querystring));
    const page = await this.#query({ ...query, limit: pageRows + 1 });
    const rows = page?.rows ?? [];
    this.#show(ctx, {
      query,
      rows: rows.slice(0, pageRows),
      lastChange: page?.lastChange,
      hasOlder: rows.length > pageRows,
      trouble: page === undefined ? outOfOrder : undefined,
    });
  }

  /** The number comes in the body of a POST, is hashed at once, and kept nowhere (I6). */
  async #search(ctx: PageContext): Promise<void> {
    const form = await readForm(ctx);
    const { noSearch } = this.#parts.visitorOf(ctx);
    const { number, objection } = readRecipient(form.get('to') ?? '');
    const trouble =
      noSearch ??
      (number === undefined ? `The number ${objection}.` : undefined) ??
      (this.#searches.admits(performance.now())
        ? undefined
        : 'Too many searches: try again in a minute.');
    if (trouble !== undefined || number === undefined)
      return this.#show(ctx, { query: {}, rows: [], hasOlder: false, trouble }, false);
    const recipientHmac = this.#parts.hmac('recipient', subscriberOf(number).countedAs);
    const page = await this.#query({ recipientHmac, limit: pageRows });
    const found = { query: {}, rows: page?.rows ?? [], hasOlder: false };
    const failed = page === undefined ? outOfOrder : undefined;
    this.#show(ctx, { ...found, searched: maskNumber(number), trouble: failed }, false);
  }

  async #csv(ctx: PageContext): Promise<void> {
    if (this.#isWritingCsv)
      throw new SendError('queue_full', { detail: 'another CSV is being made: try again soon' });
    this.#isWritingCsv = true;
    try {
      await this.#writeCsv(ctx);
    } finally {
      this.#isWritingCsv = false;
    }
  }

  async #writeCsv(ctx: PageContext): Promise<void> {
    const { res } = ctx;
    let query: MessageQuery = readQuery(new URLSearchParams(ctx.querystring));
    let page = await this.#query({ ...query, limit: pageRows });
    ctx.respond = false;
    res.writeHead(page === undefined ? 503 : 200, {
      ...pageHeaders,
      'Content-Type': 'text/csv; charset=utf-8; header=present',
      'Content-Disposition': 'attachment; filename="simgate-messages.csv"',
      'Cache-Control': 'no-store',
    });
    if (ctx.method === 'HEAD' || page === undefined) return void res.end();
    res.write(`${csvHeading}\r\n`);
    for (;;) {
      // What is broken off has no end, lest it be taken for all.
      if (page === undefined) return void res.destroy();
      // Who left meanwhile would never take anything.
      if (res.destroyed) return;
      const isTaken = res.write(page.rows.map((row) => `${csvLine(row)}\r\n`).join(''));
      if (!isTaken) await drained(res);
      const last: LogRow | undefined = page.rows.at(-1);
      if (last === undefined || page.rows.length < pageRows) break;
      query = { ...query, before: { atMs: last.atMs, id: last.id } };
      page = await this.#query({ ...query, limit: pageRows });
    }
    res.end();
  }

  #show(
    ctx: PageContext,
    page: Omit<MessagesPage, 'modems' | 'callers' | 'countries' | 'noSearch'>,
    isGet = true,
  ): void {
    const { state, callers, visitorOf, show } = this.#parts;
    const whole: MessagesPage = {
      ...page,
      modems: state().modems.map(({ name }) => name),
      callers: callers().map(({ name }) => name),
      countries: this.#countries(),
      noSearch: visitorOf(ctx).noSearch,
    };
    show(ctx, 'messages', messagesView(whole), isGet);
  }

  /** Those that may be written to; where all may, those that were. */
  #countries(): string[] {
    const { limits, policyConfig } = this.#parts;
    const { countries } = policyConfig();
    if (!countries.includes('*')) return countries;
    const seen = limits
      .standing()
      .uses.flatMap(({ name, key }) =>
        name === 'per_country' && key !== undefined && /^[A-Z]{2}$/.test(key) ? [key] : [],
      );
    return [...new Set(seen)].sort();
  }

  async #query(filter: Parameters<Journal['query']>[0]) {
    try {
      return await this.#parts.journal.query(filter);
    } catch (error) {
      // It tells by itself that it is out of order.
      if (error instanceof JournalFault) return undefined;
      throw error;
    }
  }
}

/** When the reader has taken what was written, or is gone: the connections see to that. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.on('drain', done).on('close', done);
  });
}
