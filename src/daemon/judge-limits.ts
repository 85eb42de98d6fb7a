/** Which limits of the policy refuse everybody now, as findings. */

import { about, type Finding } from '../doctor/finding.js';
import type { FullLimit } from '../policy/full-limits.js';
import { limitText } from '../policy/wording.js';
import { error } from './checks.js';

/** The policy as it is judged. */
export interface JudgedPolicy {
  full: readonly FullLimit[];
  /** Of those that are configured. */
  callers: readonly string[];
  /** That may be written to; `*` for all. */
  countries: readonly string[];
  /** Wall-clock milliseconds. */
  nowMs: number;
}

/**
 * `refusing` are those that leave nobody through: the total, or each caller's, or each country's.
 * Of the others only some messages are refused.
 */
export function judgeLimits(policy: JudgedPolicy): { refusing: Finding[]; impairing: Finding[] } {
  const refusing: Finding[] = [];
  const impairing: Finding[] = [];
  const ofAll = {
    per_caller: isEach('per_caller', policy.callers, policy),
    per_country: isEach('per_country', policy.countries, policy),
    total: true,
    memory: true,
  };
  for (const full of longest(policy.full.filter((each) => isConfigured(each, policy)))) {
    const finding = toFinding(full, policy.nowMs);
    if (ofAll[full.name]) refusing.push(finding);
    else impairing.push({ ...finding, level: 'warning' });
  }
  return { refusing, impairing };
}

/** What the terminal sends counts as a caller's, but nobody logs in by it. */
const isConfigured = ({ name, of = '' }: FullLimit, { callers }: JudgedPolicy): boolean =>
  name !== 'per_caller' || callers.includes(of);

/** Whether that limit is full for each of these; a list with `*` has others. */
function isEach(
  name: 'per_caller' | 'per_country',
  these: readonly string[],
  { full }: JudgedPolicy,
): boolean {
  return these.every((each) => full.some(({ name: of, of: whom }) => of === name && whom === each));
}

/** Of several windows of one limit, the one that lasts longest. */
function longest(full: readonly FullLimit[]): FullLimit[] {
  const byName = new Map<string, FullLimit>();
  for (const each of full) {
    const name = `${each.name} ${each.of ?? ''}`;
    const known = byName.get(name);
    if (known === undefined || known.freeInMs < each.freeInMs) byName.set(name, each);
  }
  return [...byName.values()];
}

function toFinding({ name, limit, of, freeInMs }: FullLimit, nowMs: number): Finding {
  const until = new Date(nowMs + freeInMs).toISOString().slice(11, 16);
  if (name === 'memory' || limit === undefined)
    return error(
      'limit',
      `more messages are within the longest window of [policy] than can be remembered: requests are answered 429 rate_limited until ${until} UTC`,
      'shorten the longest window of [policy], and "sudo simgate reload"',
    );
  const whose = { total: 'every request', per_caller: 'each of caller', per_country: 'each to' };
  const finding = error(
    'limit',
    `policy.${name} (${limitText(limit)}) is reached: ${whose[name]}${of === undefined ? '' : ` ${of}`} is answered 429 rate_limited until ${until} UTC`,
    `see who asks for so many: sudo simgate log --summary --by country --since 1h. If they are real logins, raise ${name} and "sudo simgate reload"`,
  );
  return of === undefined ? finding : about(of, finding);
}
