import type { CountedSim, Recent, RecentMessage, SimHour, SimRecipient } from './entries.js';
import type { CallName, Calls, PageEnd, Since } from './wire.js';

type Ask = <Name extends CallName>(
  name: Name,
  request: Calls[Name]['request'],
) => Promise<Calls[Name]['answer']>;

/** How far back to read, in milliseconds since 1970: messages for windows and idempotency records, SIM uses for the caps. */
export interface RecentBounds {
  messagesSinceMs: number;
  simUsesSinceMs: number;
}

/** The most messages of each kind that are read (I5): neither windows nor keys remember more. */
const maxMessages = 50_000;
const newest: PageEnd = { atMs: Number.MAX_SAFE_INTEGER, rowId: Number.MAX_SAFE_INTEGER };

/**
 * Reads, a page at a time, what earlier runs knew. Of the SIMs every use counts, however many: they are added up hour by hour. Rejects as `ask` does.
 * @param lastChange rows of a later change are of this run
 */
export async function readRecent(
  ask: Ask,
  { messagesSinceMs, simUsesSinceMs }: RecentBounds,
  lastChange: number,
): Promise<Recent> {
  const since: Since = { sinceMs: Math.round(messagesSinceMs), lastChange };
  const started = await allMessages(ask, since, true);
  const superseded = await allMessages(ask, since, false);
  const messages = [...started, ...superseded].sort((a, b) => b.atMs - a.atMs);
  const uses = await allSimUses(ask, { sinceMs: Math.round(simUsesSinceMs), lastChange });
  const { holds, newestAtMs } = await ask('holds', {});
  return { messages, ...uses, holds, ...(newestAtMs !== undefined && { newestAtMs }) };
}

async function allMessages(ask: Ask, since: Since, started: boolean): Promise<RecentMessage[]> {
  const all: RecentMessage[] = [];
  for (let before: PageEnd | undefined = newest; before !== undefined && all.length < maxMessages; ) {
    const page: Calls['messages']['answer'] = await ask('messages', { before, since, started });
    all.push(...page.rows);
    before = page.end;
  }
  return all;
}

async function allSimUses(
  ask: Ask,
  since: Since,
): Promise<{ simHours: SimHour[]; simRecipients: SimRecipient[] }> {
  const simHours: SimHour[] = [];
  const simRecipients: SimRecipient[] = [];
  /** The recipients of each SIM that are in the list: the first that is met is the newest. */
  const known = new Map<string, { sim: CountedSim; recipients: Set<string> }>();
  for (let beforeMs = Number.MAX_SAFE_INTEGER; ; ) {
    const hour: Calls['sim_hour']['answer'] = await ask('sim_hour', { beforeMs, since });
    if (hour === undefined) return { simHours, simRecipients };
    beforeMs = hour.beganAtMs;
    const sums = new Map<CountedSim, number>();
    for (const { sim, recipientHmac, segments, newestAtMs } of hour.uses) {
      const of = 'simHmac' in sim ? sim.simHmac : `modem:${sim.modem}`;
      const { sim: same, recipients } = known.get(of) ?? { sim, recipients: new Set<string>() };
      known.set(of, { sim: same, recipients });
      sums.set(same, (sums.get(same) ?? 0) + segments);
      if (recipients.has(recipientHmac)) continue;
      recipients.add(recipientHmac);
      simRecipients.push({ sim: same, recipientHmac, newestAtMs });
    }
    for (const [sim, segments] of sums) simHours.push({ sim, beganAtMs: hour.beganAtMs, segments });
  }
}
