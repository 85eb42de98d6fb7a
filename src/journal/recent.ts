import type { Recent } from './entries.js';
import type { CallName, Calls, Page, PageEnd } from './wire.js';

type Ask = <Name extends CallName>(
  name: Name,
  request: Calls[Name]['request'],
) => Promise<Calls[Name]['answer']>;

/** The most rows of each list that are read (I5): those of a month of one modem that never rests. */
const maxRows = 100_000;
const newest: PageEnd = { atMs: Number.MAX_SAFE_INTEGER, rowId: Number.MAX_SAFE_INTEGER };

/** Reads, a page at a time, what has to be known again after a restart. Rejects as `ask` does. */
export async function readRecent(
  ask: Ask,
  { messagesSinceMs, simUsesSinceMs }: { messagesSinceMs: number; simUsesSinceMs: number },
): Promise<Recent> {
  const [sinceMs, simsSinceMs] = [Math.round(messagesSinceMs), Math.round(simUsesSinceMs)];
  const started = await all((before) => ask('messages', { before, sinceMs, started: true }));
  const superseded = await all((before) => ask('messages', { before, sinceMs, started: false }));
  const simUses = await all((before) => ask('sim_uses', { before, sinceMs: simsSinceMs }));
  const { holds, newestAtMs } = await ask('holds', {});
  const messages = [...started, ...superseded].sort((a, b) => b.atMs - a.atMs);
  return { isComplete: true, messages, simUses, holds, ...(newestAtMs !== undefined && { newestAtMs }) };
}

async function all<Row>(ask: (before: PageEnd) => Promise<Page<Row>>): Promise<Row[]> {
  const all: Row[] = [];
  for (let end: PageEnd | undefined = newest; end !== undefined && all.length < maxRows; ) {
    const page: Page<Row> = await ask(end);
    all.push(...page.rows);
    end = page.end;
  }
  return all;
}
