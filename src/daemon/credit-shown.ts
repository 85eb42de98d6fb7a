/** The credit of a SIM as programs and people see it. */

import type { SimCredit } from '../credit/credit.js';
import { isoTime, utcText } from '../words/time.js';

/** As JSON; undefined where it is not asked for. */
export function creditAsJson(credit: SimCredit | undefined): object | undefined {
  if (credit === undefined) return undefined;
  const { amount, validUntilMs, answeredAtMs, failures, why } = credit;
  return {
    amount,
    valid_until: isoTime(validUntilMs)?.slice(0, 10),
    answered_at: isoTime(answeredAtMs),
    ok: failures === 0,
    why,
  };
}

/** For people: `12.5, good until 2026-12-31, as of 2026-11-30 14:36 UTC`. */
export function creditText(credit: SimCredit | undefined): string | undefined {
  if (credit?.amount === undefined) return credit?.why;
  const { amount, validUntilMs, answeredAtMs = 0, why } = credit;
  return [
    String(amount),
    ...(validUntilMs === undefined ? [] : [`good until ${isoTime(validUntilMs)?.slice(0, 10)}`]),
    `as of ${utcText(answeredAtMs)}`,
    ...(why === undefined ? [] : [`asked since in vain: ${why}`]),
  ].join(', ');
}
