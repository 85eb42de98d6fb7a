import type {
  AwaitedMessage,
  CountryEnds,
  HourlySimUse,
  HourlyUse,
  Recent,
  RecentMessage,
} from './entries.js';
import type { CallName, Calls, PageEnd, Since } from './wire.js';

type Ask = <Name extends CallName>(
  name: Name,
  request: Calls[Name]['request'],
) => Promise<Calls[Name]['answer']>;

/**
 * How far back to read, in milliseconds since 1970: messages for windows and idempotency records,
 * SIM uses for the caps.
 */
export interface RecentBounds {
  messagesSinceMs: number;
  simUsesSinceMs: number;
  /** What this run wrote is read, too. */
  ofThisRunToo?: boolean;
  /** Whether what a caller sends are alerts; default: of none. */
  isAlert?: (caller: string) => boolean;
}

/** What is known of messages that the network may still report on. */
export interface KnownReports {
  /** Newest first, and no more than are remembered. */
  messages: AwaitedMessage[];
  ends: CountryEnds[];
}

/** The most messages that reports are matched to. */
const maxAwaited = 10_000;

/** Reads it, a page at a time. Rejects as `ask` does. */
export async function readAwaited(
  ask: Ask,
  { awaitedSinceMs, endsSinceMs, nowMs }: AwaitedBounds,
  lastChange: number,
): Promise<KnownReports> {
  const messages: AwaitedMessage[] = [];
  const since: Since = { sinceMs: Math.round(awaitedSinceMs), lastChange };
  for (let before: PageEnd | undefined = newest; before && messages.length < maxAwaited; ) {
    const page: Calls['awaited']['answer'] = await ask('awaited', { before, since });
    messages.push(...page.rows);
    before = page.end;
  }
  const ends = await ask('ends_by_country', {
    since: { sinceMs: Math.round(endsSinceMs), lastChange },
    nowMs: Math.round(nowMs),
  });
  return { messages, ends };
}

/** How far back to read, in milliseconds since 1970, and what time it is. */
export interface AwaitedBounds {
  awaitedSinceMs: number;
  endsSinceMs: number;
  nowMs: number;
}

/** The most messages of each kind that are read (I5): neither windows nor keys remember more. */
const maxMessages = 50_000;
const newest: PageEnd = { atMs: Number.MAX_SAFE_INTEGER, rowId: Number.MAX_SAFE_INTEGER };

/**
 * Reads, a page at a time, what earlier runs knew. Of the SIMs every use counts, however many: they
 * are added up hour by hour. Rejects as `ask` does.
 * @param lastChange rows of a later change are of this run
 */
export async function readRecent(
  ask: Ask,
  { messagesSinceMs, simUsesSinceMs, isAlert = () => false }: RecentBounds,
  lastChange: number,
): Promise<Recent> {
  const since: Since = { sinceMs: Math.round(messagesSinceMs), lastChange };
  const started = await allMessages(ask, since, true);
  const superseded = await allMessages(ask, since, false);
  const messages = [...started, ...superseded].sort((a, b) => b.atMs - a.atMs);
  const usesSince = { sinceMs: Math.round(simUsesSinceMs), lastChange };
  const simUses = await allSimUses(ask, usesSince, isAlert);
  return { messages, simUses, holds: await ask('holds', {}) };
}

async function allMessages(ask: Ask, since: Since, started: boolean): Promise<RecentMessage[]> {
  const all: RecentMessage[] = [];
  for (
    let before: PageEnd | undefined = newest;
    before !== undefined && all.length < maxMessages;
  ) {
    const page: Calls['messages']['answer'] = await ask('messages', { before, since, started });
    all.push(...page.rows);
    before = page.end;
  }
  return all;
}

async function allSimUses(
  ask: Ask,
  since: Since,
  isAlert: (caller: string) => boolean,
): Promise<HourlySimUse[]> {
  const bySim = new Map<string, HourlySimUse>();
  for (let beforeMs = Number.MAX_SAFE_INTEGER; ; ) {
    const hour: Calls['sim_hour']['answer'] = await ask('sim_hour', { beforeMs, since });
    if (hour === undefined) return [...bySim.values()];
    beforeMs = hour.beganAtMs;
    for (const { sim, caller, segments, recipients } of hour.uses) {
      const name = JSON.stringify(sim);
      const use = bySim.get(name) ?? { sim, ...noUse(), ofAlerts: noUse() };
      bySim.set(name, use);
      const hmacs = JSON.parse(recipients) as string[];
      addUse(use, hour.beganAtMs, segments, hmacs);
      if (caller !== undefined && isAlert(caller))
        addUse(use.ofAlerts, hour.beganAtMs, segments, hmacs);
    }
  }
}

const noUse = (): HourlyUse => ({ hours: new Map(), recipients: new Map() });

/** The newest hour comes first. */
function addUse(
  { hours, recipients }: HourlyUse,
  beganAtMs: number,
  segments: number,
  hmacs: readonly string[],
): void {
  hours.set(beganAtMs, (hours.get(beganAtMs) ?? 0) + segments);
  for (const hmac of hmacs) if (!recipients.has(hmac)) recipients.set(hmac, beganAtMs);
}
