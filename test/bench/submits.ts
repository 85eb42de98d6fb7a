import { readFileSync } from 'node:fs';
import type { RecordEntry } from '../../src/simulator/record.js';
import { toMs } from './monotonic.js';

/**
 * One `AT+CMGS` that the virtual modem answered with `+CMGS`, by the network's record. Times are
 * `monotonicMs`.
 */
export interface Submit {
  /** The command line without its CR. */
  command: string;
  /** Its CR came. */
  commandAtMs: number;
  /** What came between prompt and Ctrl-Z. */
  data: string;
  ctrlZAtMs: number;
  /** The modem began to say `+CMGS`. */
  replyAtMs: number;
  /** TP-MR in that reply. */
  mr: number;
  recipient: string;
}

/** The entries of a record's file from `fromMs` on. */
export function entriesSince(file: string, fromMs: number): RecordEntry[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RecordEntry)
    .filter((entry) => atMs(entry) >= fromMs);
}

export function atMs(entry: RecordEntry): number {
  return toMs(BigInt(entry.at_ns));
}

/**
 * Every submit in `entries` from its command to its reply, in order; one that is not whole is left
 * out.
 */
export function submitsOf(entries: readonly RecordEntry[]): Submit[] {
  const done: Submit[] = [];
  let current: Partial<Submit> = {};
  for (const entry of entries) {
    if (entry.kind === 'command') current = { command: entry.line, commandAtMs: atMs(entry) };
    else if (entry.kind === 'ctrl_z')
      current = { ...current, data: entry.data, ctrlZAtMs: atMs(entry) };
    else if (entry.kind === 'accepted') current = { ...current, recipient: entry.recipient };
    else if (entry.kind === 'reply') {
      const submit = { ...current, replyAtMs: atMs(entry), mr: entry.mr };
      if (isWhole(submit)) done.push(submit);
    }
  }
  return done;
}

function isWhole(submit: Partial<Submit>): submit is Submit {
  return (
    submit.commandAtMs !== undefined &&
    submit.ctrlZAtMs !== undefined &&
    submit.recipient !== undefined
  );
}

/** Milliseconds from each reply to the Ctrl-Z behind it. */
export function ownTimesMs(submits: readonly Submit[]): number[] {
  return submits.slice(1).map((next, index) => next.ctrlZAtMs - submits[index]!.replyAtMs);
}

/** Segments per second between the first Ctrl-Z and the last. */
export function segmentsPerSecond(submits: readonly Submit[]): number {
  const [first, last] = [submits.at(0), submits.at(-1)];
  if (first === undefined || last === undefined) return Number.NaN;
  return ((submits.length - 1) * 1000) / (last.ctrlZAtMs - first.ctrlZAtMs);
}

/**
 * Messages of one segment sent between two times; of those that were under way at either, the share
 * of their time at the modem.
 */
export function sentBetween(submits: readonly Submit[], fromMs: number, toMs: number): number {
  const shares = submits.map(({ ctrlZAtMs, replyAtMs }) => {
    const withinMs = Math.min(replyAtMs, toMs) - Math.max(ctrlZAtMs, fromMs);
    return Math.max(0, withinMs) / (replyAtMs - ctrlZAtMs);
  });
  return shares.reduce((sum, share) => sum + share, 0);
}
