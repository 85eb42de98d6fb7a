/** What a box's journal knows, as it is told to an engine that may not. */

import { outcomeOf } from '../dispatch/recorded.js';
import type { Recent, RecentMessage } from '../journal/entries.js';
import type { Policy } from '../policy/policy.js';
import type { ScriptName } from './lua.js';
import { endWords } from './outcome-words.js';
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
  const end = endWords(outcomeOf(message));
  const counts = wasStarted && end.counts;
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
    ...end,
    counts,
    windows: windowsOf({ windows: policy.windowsOf(message) }),
    ...(hasKey && { key: keyHmac, rq: requestHmac, keyFor: Math.round(keyForMs - age) }),
  };
  return [{ script: 'tell', body }];
}
