/** What the daemon knew before it was started anew, from the journal. */

import { isSendErrorCode, SendError } from '../errors.js';
import type {
  CountedSim,
  LateOutcome,
  Recent,
  RecentMessage,
  SavedHold,
  SimUse,
  Outcome as ToldOutcome,
} from '../journal/entries.js';
import { type Hold, holdKinds } from '../policy/holds.js';
import type { Policy } from '../policy/policy.js';
import { capMonthMs, type SimCaps } from '../policy/sim-caps.js';
import { type Idempotency, keptMs, type RememberedRequest } from './idempotency.js';
import type { Outcome } from './message.js';

/** How far back {@link restore} needs to know, in milliseconds. */
export const memoryMs = { messages: keptMs, simUses: capMonthMs } as const;

/** What remembers messages. */
export interface Memories {
  policy: Policy;
  simCaps: SimCaps;
  idempotency: Idempotency;
}

/**
 * Takes up limits, caps and keys where earlier runs left them; what this run has counted meanwhile counts beside it. To be called once.
 * @param aheadMs how far the stamps by which limits and caps count are ahead of the journal's dates
 */
export function restore(
  { messages, simUses, holds }: Recent,
  { policy, simCaps, idempotency }: Memories,
  aheadMs: number,
): void {
  const counted = messages.filter(({ wasStarted, outcome }) => wasStarted && mayHaveCost(outcome));
  policy.restore(
    counted.map((message) => ({ ...message, at: message.atMs + aheadMs })),
    holds.flatMap(toHold).map((hold) => ({ ...hold, until: hold.until + aheadMs })),
  );
  for (const { sim, ...use } of simUses) simCaps.restore(nameOf(sim), later(use, aheadMs));
  idempotency.restore(messages.flatMap(toRememberedRequest).reverse());
}

function later({ hours, recipients }: Omit<SimUse, 'sim'>, byMs: number): Omit<SimUse, 'sim'> {
  const moved = <Key>(map: Map<Key, number>, move: (entry: [Key, number]) => [Key, number]) =>
    byMs === 0 ? map : new Map([...map].map(move));
  return {
    hours: moved(hours, ([beganAt, segments]) => [beganAt + byMs, segments]),
    recipients: moved(recipients, ([hmac, beganAt]) => [hmac, beganAt + byMs]),
  };
}

/** As `simKey` names it. */
function nameOf(sim: CountedSim): string {
  return 'simHmac' in sim ? sim.simHmac : `modem:${sim.modem}`;
}

/** As `dispatch` counts while it runs. */
function mayHaveCost(outcome: ToldOutcome | undefined): boolean {
  return outcome === undefined || outcome.submitted !== 'no' || outcome.code === 'network_refused';
}

function toHold({ kind, key, strikes, untilMs }: SavedHold): Hold[] {
  const known = holdKinds.find((one) => one === kind);
  return known === undefined ? [] : [{ kind: known, key, strikes, until: untilMs }];
}

function toRememberedRequest(message: RecentMessage): RememberedRequest[] {
  const { keyHmac, requestHmac, atMs: at } = message;
  if (keyHmac === undefined || requestHmac === undefined) return [];
  return [{ keyHmac, requestHmac, at, outcome: toOutcome(message) }];
}

/** The newest that is known; of a message that is still open, nothing is. */
function toOutcome({ id, segments, modem = '', outcome, late }: RecentMessage): Outcome {
  const last: LateOutcome | ToldOutcome | undefined = late ?? outcome;
  if (last === undefined)
    return { error: new SendError('outcome_unknown', { submitted: 'unknown', detail }) };
  const { submitted, references = [], causeCode } = last;
  if (submitted === 'yes') {
    const { waitedMs = 0, tookMs = 0 } = outcome ?? {};
    return { result: { id, segments, modem, references: [...references], waitedMs, tookMs } };
  }
  const code = isSendErrorCode(last.code) ? last.code : 'internal';
  const options = { submitted, detail, ...(causeCode !== undefined && { causeCode }) };
  return { error: new SendError(code, options) };
}

const detail =
  'this is what became of the message that was sent with this Idempotency-Key before the gateway was restarted';
