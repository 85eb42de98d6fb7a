import type Router from 'koa-router';
import type { PolicyConfig } from '../config/policy.js';
import type { RequestState } from '../http/error-exit.js';
import { RefusalRate } from '../journal/refusal-rate.js';
import { readRecipient } from '../number/recipient.js';
import type { Policy } from '../policy/policy.js';
import type { Explanation } from '../policy/request.js';
import type { ShownCaller } from './callers-view.js';
import type { Html } from './html.js';
import { type PageContext, readForm } from './page-answers.js';
import { type Explained, type LimitsShown, policyView } from './policy-view.js';
import type { View } from './shell.js';
import type { Visitor } from './visitor.js';

/** How the limits stand that many share. */
export interface LimitsLook {
  /** As it was known last. */
  standing: () => LimitsShown;
  /** As it is now. Must not reject. */
  fresh: () => Promise<LimitsShown>;
}

export interface PolicyParts {
  callers: () => readonly ShownCaller[];
  limits: LimitsLook;
  policy: {
    /** What it says of a request; changes nothing. */
    explain: (request: Parameters<Policy['explain']>[0]) => Explanation | Promise<Explanation>;
  };
  policyConfig: () => PolicyConfig;
  visitorOf: (ctx: PageContext) => Visitor;
  show: (ctx: PageContext, view: View, content: Html, isGet?: boolean) => void;
}

/** Numbers to be explained: so many at once, and then one in two seconds. */
const explainBurst = 20;
const explainsPerSecond = 0.5;

/** The view "Policy", and its form. */
export class PolicyRoutes {
  readonly #parts: PolicyParts;
  readonly #rate = new RefusalRate(explainBurst, explainsPerSecond, performance.now());

  constructor(parts: PolicyParts) {
    this.#parts = parts;
  }

  addTo(router: Router<RequestState>): void {
    router.get('/policy', (ctx) => this.#show(ctx, {}));
    router.post('/policy', async (ctx) => {
      const form = await readForm(ctx);
      await this.#show(ctx, await this.#explain(form, this.#parts.visitorOf(ctx)), false);
    });
  }

  async #explain(
    form: URLSearchParams,
    { noSearch }: Visitor,
  ): Promise<{ explained?: Explained; trouble?: string }> {
    if (!this.#rate.admits(performance.now()))
      return { trouble: 'Too many questions: try again in a minute.' };
    const { number: recipient, objection } = readRecipient(form.get('to') ?? '');
    if (recipient === undefined) return { trouble: `The number ${objection}.` };
    const caller = this.#parts.callers().find(({ name }) => name === form.get('caller'));
    const explanation = await this.#parts.policy.explain({
      recipient,
      ...(caller && { caller: caller.name, isAlert: caller.class === 'alert' }),
    });
    return { explained: { recipient, explanation, withUse: noSearch === undefined } };
  }

  async #show(
    ctx: PageContext,
    told: { explained?: Explained; trouble?: string },
    isGet = true,
  ): Promise<void> {
    const { limits, policyConfig, callers, visitorOf, show } = this.#parts;
    const page = {
      ...told,
      config: policyConfig(),
      limits: await limits.fresh(),
      callers: callers().map(({ name }) => name),
      noSearch: visitorOf(ctx).noSearch,
    };
    show(ctx, 'policy', policyView(page), isGet);
  }
}
