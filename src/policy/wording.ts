import type { Limit, LimitName } from '../config/policy.js';
import type { Hold, HoldKind } from './holds.js';
import type { Refusal } from './request.js';

const units: readonly (readonly [name: string, ms: number])[] = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/**
 * A duration for people, in one unit and rounded up, so that nobody comes too early: `45 s`, `3
 * min`, `24 h`.
 */
export function durationText(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  const [name, unitMs] = units.find(([, size]) => isFit(seconds * 1000, size)) ?? ['s', 1000];
  return `${Math.ceil((seconds * 1000) / unitMs)} ${name}`;
}

/** In a unit if it is a whole number of it, or so many that rounding up adds a sixth at most. */
function isFit(ms: number, unitMs: number): boolean {
  return ms >= unitMs && (ms % unitMs === 0 || ms > 5 * unitMs);
}

/** A limit as the configuration writes it: `5 in 10 min`. */
export function limitText({ count, windowMs }: Limit): string {
  const [name, unitMs] = units.find(([, ms]) => windowMs % ms === 0) ?? ['s', 1000];
  return `${count} in ${windowMs / unitMs} ${name}`;
}

/** A refusal for a time. */
export interface TemporaryRefusal {
  reason: Refusal['reason'];
  /** For people; holds no number. */
  detail: string;
  /** Wall milliseconds. */
  until: number;
}

/** The keys of `[policy]` that say how long. */
const holdTexts: Readonly<Record<HoldKind, string>> = {
  lock_out:
    'too many messages went to this recipient (policy.per_recipient, policy.lock_out_first_s)',
  cool_down_recipient: 'a message to this recipient stalled a modem (policy.cool_down_recipient_s)',
  cool_down_block:
    'messages to several numbers beside this one stalled a modem (policy.cool_down_block_s)',
};

export function holdObstacle({ kind, until }: Hold, now: number): TemporaryRefusal {
  const detail = `${holdTexts[kind]}; there is room in ${durationText(until - now)}`;
  return { reason: kind, detail, until };
}

/** @param until when the full window has room again */
export function windowObstacle(
  name: LimitName,
  limit: Limit,
  until: number,
  now: number,
  told = `policy.${name}`,
): TemporaryRefusal {
  const detail = `the limit of ${limitText(limit)} (${told}) is reached; there is room in ${durationText(until - now)}`;
  return { reason: name, detail, until };
}

export function earlierOneObstacle(until: number): TemporaryRefusal {
  const detail =
    'after a lock-out the recipient gets one message at a time, and one is on its way (policy.per_recipient)';
  return { reason: 'per_recipient', detail, until };
}

export function memoryObstacle(until: number, now: number): TemporaryRefusal {
  const detail =
    'more messages are within the longest window of [policy] than can be remembered; ' +
    `there is room in ${durationText(until - now)}. Shorter windows need fewer`;
  return { reason: 'memory', detail, until };
}
