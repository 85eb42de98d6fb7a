/** What the reports on its segments come to for a message, and how people are told. */

import type { JournalDelivery, SegmentDelivery } from '../journal/entries.js';
import { type MessageDelivery, messageDelivery } from '../sms/delivery.js';
import type { TrackedMessage, TrackedSegment } from './tracked.js';

/** At `atMs` of the wall clock; undefined while nothing was reported. */
export function standingOf(
  { segments, total }: TrackedMessage,
  atMs: number,
): JournalDelivery | undefined {
  const inOrder = Array.from({ length: total }, (_, index) => segments.get(index));
  const whole = messageDelivery(inOrder.map((segment) => segment?.status));
  if (whole === undefined) return undefined;
  const took = tookMs(inOrder);
  return {
    ...whole,
    atMs,
    ...(whole.state === 'delivered' && took !== undefined && { tookMs: took }),
    segments: inOrder.map((segment): SegmentDelivery | null =>
      segment?.status === undefined
        ? null
        : {
            status: segment.status,
            takenAtMs: segment.takenAtMs,
            endedAtMs: segment.endedAtMs,
          },
    ),
  };
}

/** From the network's taking the first segment to the last one's delivery, by its own clock. */
function tookMs(segments: readonly (TrackedSegment | undefined)[]): number | undefined {
  const taken = segments.map((segment) => segment?.takenAtMs ?? Number.NaN);
  const ended = segments.map((segment) => segment?.endedAtMs ?? Number.NaN);
  const ms = Math.max(...ended) - Math.min(...taken);
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}

/** For people. */
export const deliveryWords: Readonly<Record<MessageDelivery, string>> = {
  delivered: 'the recipient has it',
  unconfirmed: 'passed on, and whether it arrived nobody can tell',
  replaced: 'a newer message took its place at the network',
  pending: 'the network is still trying to deliver it',
  expired: 'not delivered within its validity',
  failed: 'the network gave up delivering it',
  partly: 'some of its segments were delivered so far',
  unknown: 'the network reported a state without a meaning of its own',
};
