/** The view "Policy": how full the shared limits are, who may be written to, and why not. */

import { countryName, type PolicyConfig } from '../config/policy.js';
import { maskNumber } from '../number/mask.js';
import { explanationJson, explanationText } from '../policy/explain-text.js';
import type { Explanation } from '../policy/request.js';
import type { SharedUse } from '../policy/shared-uses.js';
import { limitText } from '../policy/wording.js';
import { type Html, html, verbatim } from './html.js';
import type { Fragment } from './shell.js';

/** What the policy says of one number. */
export interface Explained {
  recipient: string;
  explanation: Explanation;
  /** Whether who asks may learn what that number has used: it tells who logs in. */
  withUse: boolean;
}

/** The limits that many share, and by whose messages they are filled. */
export interface LimitsShown {
  uses: readonly SharedUse[];
  /** `this box alone`: there are others, and it is not known what they have sent. */
  of: 'this box' | 'all boxes' | 'this box alone';
}

export interface PolicyPage {
  config: PolicyConfig;
  limits: LimitsShown;
  callers: readonly string[];
  /** Why nobody may ask how a number stands; undefined: they may. */
  noSearch: string | undefined;
  explained?: Explained | undefined;
  /** Of what was asked. */
  trouble?: string | undefined;
}

export function policyView(page: PolicyPage): Html {
  const { config, explained, trouble, noSearch, callers } = page;
  return html`${limitsFragment(page.limits).html}
<section aria-labelledby="who"><h2 id="who">Who may be written to</h2>
<p>Countries: ${config.countries.includes('*') ? 'all' : config.countries.map((code) => `${countryName(code)} (${code})`).join(', ')}.
Refused types: ${config.refuseTypes.join(', ') || 'none'}.
${config.allowPrefixes.length} ranges let in and ${config.refusePrefixes.length} refused whatever their country.</p></section>
<section aria-labelledby="explain"><h2 id="explain">Would a message be let in?</h2>
<form class="filters" method="post" action="policy" autocomplete="off"><label>Number <input type="tel" name="to" required maxlength="32" placeholder="+49 …"></label>
<label>Caller <select name="caller">${callers.map((name) => html`<option>${name}</option>`)}</select></label> <button>Explain</button></form>
${noSearch !== undefined && html`<p class="hint">Rules only: ${noSearch}</p>`}
${trouble !== undefined && html`<p class="bad" role="alert">${trouble}</p>`}
${explained !== undefined && html`<div role="status" class="told">${explanationOf(explained)}</div>`}</section>`;
}

const countedBy = {
  'this box': undefined,
  'all boxes': html`<p class="hint">By what all boxes of [shared] have sent.</p>`,
  'this box alone': html`<p class="warn"><span aria-hidden="true">▲</span> By what this box alone has sent: the shared engine is away, or not told yet what this box knew. Other boxes may have used more.</p>`,
} satisfies Record<LimitsShown['of'], Html | undefined>;

/** The limits that all share, as they are filled now. */
export function limitsFragment({ uses, of: whose }: LimitsShown): Fragment {
  const rows = uses.map(({ name, key, calledAs, limit, used, isNearlyFull }) => {
    const of = calledAs ?? (key === undefined ? name : `${name}: ${key}`);
    return html`<tr><th scope="row">${of}</th><td>${used} of ${limitText(limit)}</td><td><meter min="0" max="${limit.count}" high="${Math.floor(limit.count * 0.8)}" value="${Math.min(used, limit.count)}" aria-label="${of}">${Math.round((100 * used) / limit.count)} %</meter></td><td>${isNearlyFull && html`<b class="warn"><span aria-hidden="true">▲</span> nearly full, for everybody</b>`}</td></tr>`;
  });
  return {
    id: 'limits',
    html: html`<section id="limits" aria-labelledby="limits-title"><h2 id="limits-title">Limits in use</h2>
${countedBy[whose]}
${rows.length === 0 ? html`<p>Nothing counts towards a shared limit now.</p>` : html`<table><thead><tr><th scope="col">Limit</th><th scope="col">Used</th><th scope="col">Share</th><th scope="col">Note</th></tr></thead><tbody>${rows}</tbody></table>`}</section>`,
  };
}

/** As `simgate policy explain` tells it; without use, what the number has used is left out. */
function explanationOf({ recipient, explanation, withUse }: Explained): Html {
  if (withUse)
    return html`<pre>${verbatim(explanationText(explanationJson(recipient, explanation)))}</pre>`;
  const { numbering, refusal } = explanation;
  const where = numbering.countries.map((code) => `${countryName(code)} (${code})`).join(' or ');
  const verdict =
    refusal === undefined || refusal.code === 'rate_limited'
      ? 'the rules let it in; whether a limit is full is not told here'
      : `refused for good, ${refusal.code} (${refusal.reason}): ${refusal.detail}`;
  return html`<p><b>${maskNumber(recipient)}</b>: ${verdict}.</p><p>Of ${where || 'no country'}, ${numbering.type ?? 'type not known'}.</p>`;
}
