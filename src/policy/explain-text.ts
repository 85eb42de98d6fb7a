import * as v from 'valibot';
import { countryName } from '../config/policy.js';
import { maskNumber } from '../number/mask.js';
import { type HoldKind, holdKinds } from './holds.js';
import type { Numbering } from './numbering.js';
import type { Explanation } from './request.js';
import { durationText, limitText } from './wording.js';

/** An {@link Explanation} as JSON; times in whole milliseconds, `recipient` masked. */
export const explanationSchema = v.object({
  recipient: v.string(),
  is_allowed: v.boolean(),
  code: v.exactOptional(v.string()),
  reason: v.exactOptional(v.string()),
  detail: v.exactOptional(v.string()),
  /** Left out when it is refused for good. */
  retry_after_ms: v.exactOptional(v.number()),
  /**
   * ISO 3166-1 codes: several when the range is not known, none when the number belongs to no
   * country.
   */
  countries: v.pipe(v.array(v.string()), v.readonly()),
  number_type: v.string(),
  limits: v.array(
    v.object({
      name: v.string(),
      count: v.number(),
      window_ms: v.number(),
      used: v.number(),
      free_in_ms: v.number(),
      /** Of `per_country` and `total`: 80 % is used. */
      is_nearly_full: v.boolean(),
    }),
  ),
  limits_not_looked_at: v.pipe(v.array(v.string()), v.readonly()),
  /** With `[shared]`: true where what other boxes counted is left out, for the engine is away. */
  own_box_only: v.exactOptional(v.boolean()),
  holds: v.array(
    v.object({ kind: v.picklist(holdKinds), strikes: v.number(), free_in_ms: v.number() }),
  ),
});
export type ExplanationJson = v.InferOutput<typeof explanationSchema>;

/** For `simgate policy explain --json`. */
export function explanationJson(recipient: string, explanation: Explanation): ExplanationJson {
  const { numbering, refusal, fills, notLookedAt, holds, ownBoxOnly } = explanation;
  return {
    recipient: maskNumber(recipient),
    is_allowed: refusal === undefined,
    ...(refusal && { code: refusal.code, reason: refusal.reason, detail: refusal.detail }),
    ...(refusal?.retryAfterMs !== undefined && { retry_after_ms: Math.ceil(refusal.retryAfterMs) }),
    countries: numbering.countries,
    number_type: numbering.type ?? 'unknown',
    limits: fills.map(({ name, limit, used, freeInMs, isNearlyFull }) => ({
      name,
      count: limit.count,
      window_ms: limit.windowMs,
      used,
      free_in_ms: Math.ceil(freeInMs),
      is_nearly_full: isNearlyFull,
    })),
    limits_not_looked_at: notLookedAt,
    ...(ownBoxOnly !== undefined && { own_box_only: ownBoxOnly }),
    holds: holds.map(({ kind, strikes, freeInMs }) => ({
      kind,
      strikes,
      free_in_ms: Math.ceil(freeInMs),
    })),
  };
}

/** For `simgate policy explain`: what the daemon answered, for people. */
export function explanationText(json: ExplanationJson): string {
  const verdict = json.is_allowed
    ? 'a message would be let in'
    : `refused, ${json.code} (${json.reason}): ${json.detail}`;
  const limits = json.limits.map((limit) => {
    const text = limitText({ count: limit.count, windowMs: limit.window_ms });
    const nearlyFull = limit.is_nearly_full ? '; nearly full, for everybody' : '';
    const wait = limit.free_in_ms > 0 ? `; room in ${durationText(limit.free_in_ms)}` : nearlyFull;
    return `${limit.name.padEnd(nameWidth)}${limit.used} of ${text}${wait}`;
  });
  const off = json.limits_not_looked_at.map(
    (name) => `${name.padEnd(nameWidth)}off, or nothing to count by`,
  );
  const holds = json.holds.map(({ kind, strikes, free_in_ms: freeInMs }) => {
    return `${holdNames[kind]}, the ${ordinal(strikes)} in a row; over in ${durationText(freeInMs)}`;
  });
  return [
    `${json.recipient}: ${verdict}`,
    ...section('number', [numberText({ countries: json.countries, type: json.number_type })]),
    ...section('limits', [...limits, ...off]),
    ...(json.own_box_only === undefined
      ? []
      : section('boxes', [json.own_box_only ? ownBoxOnlyText : allBoxesText])),
    ...section('holds', holds.length === 0 ? ['none'] : holds),
    '',
  ].join('\n');
}

const allBoxesText = 'what all boxes have sent is counted, as the shared engine knows it';
const ownBoxOnlyText =
  'only what this box has sent is counted here, for the shared engine does not answer or is not told all yet ("simgate doctor" says more): when it answers, a message may be refused sooner';
const nameWidth = 15;

const holdNames: Readonly<Record<HoldKind, string>> = {
  lock_out: 'lock-out of the recipient',
  cool_down_recipient: 'cool-down of the recipient',
  cool_down_block: 'cool-down of the block',
};

function numberText({
  countries,
  type,
}: {
  countries: Numbering['countries'];
  type: string;
}): string {
  const names = countries.map((code) => `${code} (${countryName(code)})`);
  const where = names.length === 0 ? 'of no country' : names.join(' or ');
  return `${where}, ${type === 'unknown' ? 'type not known' : type}`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `  ${(index === 0 ? title : '').padEnd(8)}${line}`);
}

function ordinal(count: number): string {
  const tens = count % 100;
  const suffix = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
  return `${count}${suffix}`;
}
