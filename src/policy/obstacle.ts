import type { Limit, LimitName } from '../config/policy.js';
import type { Hold, HoldKind } from './holds.js';
import type { Refusal } from './request.js';
import { durationText, limitText } from './wording.js';

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
): TemporaryRefusal {
  const detail = `the limit of ${limitText(limit)} (policy.${name}) is reached; there is room in ${durationText(until - now)}`;
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
