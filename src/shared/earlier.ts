/** What a box's journal knows, as it is told to an engine that may not. */

import type { Outcome } from '../dispatch/message.js';
import { isSendErrorCode, SendError } from '../errors.js';
import type { Recent, RecentMessage } from '../journal/entries.js';
import type { Policy } from '../policy/policy.js';
import type { ScriptName } from './lua.js';
import { mayBeTriedAgain, rankOf, toWords } from './outcome-words.js';
import { windowsOf } from './questions.js';

/** The last day, and what the SIMs sent in the last 30. */
export interface Earlier extends Pick<Recent, 'messages' | 'simUses'> {
  /** The wall clock by which it was written. */
  nowMs: number;
  /** Ids of those that are on their way: what becomes of them is told apart. */
  isOnItsWay: (id: string) => boolean;
}

interface ToldEarlier {
  script: ScriptName;
  body: object;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The newest first: they are what is asked for again. */
export function toldOf(earlier: Earlier, policy: Policy, box: string): ToldEarlier[] {
  const { messages, simUses, nowMs, isOnItsWay } = earlier;
  return [
    ...messages
      .filter(({ id }) => !isOnItsWay(id))
      .flatMap((message) => messageTold(message, policy, box, nowMs)),
    ...simUses.flatMap(({ sim, hours, recipients }): ToldEarlier[] => {
      // One whose ICCID could not be read is nobody's that another box could meet.
      if (!('simHmac' in sim)) return [];
      const body = {
        sim: sim.simHmac,
        box,
        now: nowMs,
        hours: [...hours].map(([at, segments]) => [Math.floor(at / hourMs), segments]),
        recipients: [...recipients].map(([hmac, at]) => [
          hmac,
          Math.round(Math.max(0, nowMs - at)),
        ]),
      };
      return [{ script: 'use', body }];
    }),
  ];
}

function messageTold(
  message: RecentMessage,
  policy: Policy,
  box: string,
  nowMs: number,
): ToldEarlier[] {
  const { id, caller, segments, keyHmac, requestHmac, keyForMs = dayMs, wasStarted } = message;
  const age = Math.round(Math.max(0, nowMs - message.atMs));
  const outcome = outcomeOf(message);
  const counts = wasStarted && mayHaveCost(outcome);
  const hasKey = keyHmac !== undefined && requestHmac !== undefined && keyForMs > age;
  if (!counts && !hasKey) return [];
  const body = {
    id,
    caller,
    segments,
    box,
    age,
    left: 0,
    sq: 0,
    begun: false,
    keptFor: 0,
    st: mayBeTriedAgain(outcome) ? 'n' : 'd',
    rank: rankOf(outcome),
    out: toWords(outcome),
    counts,
    windows: windowsOf({ windows: policy.windowsOf(message) }),
    ...(hasKey && { key: keyHmac, rq: requestHmac, keyFor: Math.round(keyForMs - age) }),
  };
  return [{ script: 'tell', body }];
}

function mayHaveCost(outcome: Outcome): boolean {
  if ('result' in outcome) return true;
  return outcome.error.submitted !== 'no' || outcome.error.code === 'network_refused';
}

/** Of one that is open in the journal of a run that is over, nothing is known. */
function outcomeOf({ id, segments, modem = '', outcome, late }: RecentMessage): Outcome {
  const last = late ?? outcome;
  if (last?.submitted === 'yes') {
    const { waitedMs = 0, tookMs = 0 } = outcome ?? {};
    const references = [...(last.references ?? [])];
    return { result: { id, segments, modem, references, waitedMs, tookMs } };
  }
  const code = isSendErrorCode(last?.code) ? last.code : 'outcome_unknown';
  const causeCode = last?.causeCode;
  const submitted = last?.submitted ?? 'unknown';
  return {
    error: new SendError(code, { submitted, ...(causeCode !== undefined && { causeCode }) }),
  };
}
