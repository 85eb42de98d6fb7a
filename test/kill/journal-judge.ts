/**
 * Whether the journal, as each killed process left it, is whole and true by the network's record.
 */
import type { Life } from './daemon.js';
import { type Case, isAnswered, type Violation } from './judge.js';
import type { KeyedMessage } from './plan.js';
import type { Row, Snapshot } from './snapshot.js';

/** What the journal was found to be. */
export interface JournalVerdict {
  violations: Violation[];
  /** Rows that a process left open, and that were unknown at the next look. */
  closedRows: number;
  /** Promises that a process left waiting, and that were known as failed at the next look. */
  failedPromises: number;
  /**
   * Keys of messages that were started without a row, since the journal did not write within its
   * bound.
   */
  withoutRow: string[];
}

/** The HMAC under which the journal has a message's key. */
export type KeyHmac = (message: KeyedMessage) => string;

/**
 * `journal.keyedBoundMs`: so long the start of a message waits for its row, and no longer. With
 * what a timer may be early.
 */
const boundNs = 490_000_000n;

/**
 * @param snapshots in the order of the lives that left them, one for each process that was killed
 * @param turnsNs of a message number, how long its Ctrl-Z came behind the start of its turn
 */
export function judgeJournal(
  snapshots: readonly Snapshot[],
  cases: readonly Case[],
  lives: readonly Life[],
  keyHmac: KeyHmac,
  turnsNs: ReadonlyMap<number, readonly bigint[]>,
): JournalVerdict {
  const verdict: JournalVerdict = {
    violations: [],
    closedRows: 0,
    failedPromises: 0,
    withoutRow: [],
  };
  const told = (what: string, story?: Case['story']): void => {
    verdict.violations.push({ property: 'journal', what, ...(story && { story }) });
  };
  for (const snapshot of snapshots) judgeFiles(snapshot, verdict, told);
  for (const [index, before] of snapshots.entries()) {
    const after = snapshots[index + 1];
    if (after === undefined) continue;
    const closed = judgeStep(before, after, lives, told);
    verdict.closedRows += closed.started;
    verdict.failedPromises += closed.waiting;
  }
  const last = snapshots.at(-1);
  if (last === undefined) {
    told('there never was one');
    return verdict;
  }
  for (const subject of cases) {
    const hmac = keyHmac(subject.story.message);
    const said = judgeRows(subject, rowsOf(last, hmac));
    if (said !== undefined) told(said, subject.story);
    const lost = lostRow(subject, hmac, snapshots, lives);
    if (lost === undefined) continue;
    const waited = turnsNs.get(subject.story.message.number) ?? [];
    if (waited.some((ns) => ns >= boundNs)) verdict.withoutRow.push(subject.story.message.key);
    else told(lost, subject.story);
  }
  return verdict;
}

function judgeFiles(
  { life, integrity, leaks, setAside }: Snapshot,
  { violations }: JournalVerdict,
  told: (what: string) => void,
): void {
  if (integrity !== 'ok') told(`of life ${life} is damaged: ${integrity}`);
  if (setAside.length > 0) told(`was set aside as damaged: ${setAside.join(', ')}`);
  for (const leak of leaks)
    violations.push({ property: 'I6', what: `life ${life} left in ${leak}` });
}

/** What one process left, as the next left it. Returns how many rows that closed, by state. */
function judgeStep(
  before: Snapshot,
  after: Snapshot,
  lives: readonly Life[],
  told: (what: string) => void,
): Record<keyof typeof isClosed, number> {
  const later = new Map(after.rows.map((row) => [row.id, row]));
  // One that was killed before it listened may have been killed before it opened the journal.
  const wasOpened = lives.slice(before.life + 1, after.life + 1).some(({ wasUp }) => wasUp);
  const closed = { started: 0, waiting: 0 };
  for (const row of before.rows) {
    const now = later.get(row.id);
    if (now === undefined) told(`lost row ${row.id} between life ${before.life} and ${after.life}`);
    else if (row.state === 'started' || row.state === 'waiting') {
      if (isClosed[row.state](now)) closed[row.state] += 1;
      else if (wasOpened || now.state !== row.state)
        told(`row ${row.id} was ${row.state} after life ${before.life}, and then ${shown(now)}`);
    } else if (shown(now) !== shown(row))
      told(`row ${row.id} was ${shown(row)} after life ${before.life}, and then ${shown(now)}`);
  }
  return closed;
}

/** As a row has to be once the next process has opened the journal. */
const isClosed = { started: isUnknown, waiting: isFailed } as const;

/** What was promised and never started was not sent. */
function isFailed({ state, status, submitted }: Row): boolean {
  return state === 'ended' && status === 503 && submitted === 'no';
}

function isUnknown({ state, status, code, submitted }: Row): boolean {
  return (
    state === 'ended' && status === 504 && code === 'outcome_unknown' && submitted === 'unknown'
  );
}

function shown({ state, status, code, submitted, late_status, late_submitted }: Row): string {
  return [state, status, code, submitted, late_status, late_submitted].join(' ');
}

function rowsOf({ rows }: Snapshot, keyHmac: string): Row[] {
  return rows.filter((row) => row.key_hmac === keyHmac);
}

/** What the rows of a message say, against what the network took. */
function judgeRows({ story, accepted }: Case, rows: readonly Row[]): string | undefined {
  const started = rows.filter(({ was_started }) => was_started === 1);
  const said = started.map(({ submitted, late_submitted }) => late_submitted ?? submitted);
  const count = new Set(accepted.map(({ sequence }) => sequence)).size;
  const { segments } = story.message;
  if (said.includes('yes') && count < segments)
    return `has a row that says all was sent, but of ${segments} segments the network had ${count}`;
  if (count > 0 && started.length > 0 && said.every((each) => each === 'no'))
    return `has rows that say nothing was sent, but the network had ${count} segments`;
  const wrong = started.find((row) => row.segments !== segments);
  if (wrong !== undefined)
    return `has ${segments} segments, and row ${wrong.id} has ${wrong.segments}`;
  const unkept = story.tries
    .filter(isAnswered)
    .find(
      ({ outcome }) => outcome.status === 202 && !rows.some(({ id }) => id === outcome.body.id),
    );
  if (unkept !== undefined)
    return `was promised as ${String(unkept.outcome.body.id)}, which is no row of its key`;
  const ids = new Set(started.map(({ id }) => id));
  const foreign = story.tries
    .filter(isAnswered)
    .find(({ outcome }) => outcome.status === 200 && !ids.has(String(outcome.body.id)));
  return foreign === undefined
    ? undefined
    : `was answered 200 as ${String(foreign.outcome.body.id)}, which is no row of its key`;
}

/**
 * Whether the network saw a Ctrl-Z of more of its requests than the next snapshot has rows that say
 * started.
 */
function lostRow(
  { starts, story }: Case,
  keyHmac: string,
  snapshots: readonly Snapshot[],
  lives: readonly Life[],
): string | undefined {
  for (const snapshot of snapshots) {
    // What was still in the tty when the process was killed reached the modem before the next one
    // came.
    const untilNs = lives[snapshot.life + 1]?.fromNs;
    const before = starts.filter((startNs) => untilNs === undefined || startNs < untilNs);
    const asked = before.map((startNs) =>
      story.tries.findLastIndex(({ sentNs }) => sentNs <= startNs),
    );
    const seen = new Set(asked).size;
    const rows = rowsOf(snapshot, keyHmac).filter(({ was_started }) => was_started === 1).length;
    if (rows < seen)
      return `the network had the Ctrl-Z of ${seen} of its requests, and life ${snapshot.life} left ${rows} rows that say started`;
  }
  return undefined;
}
