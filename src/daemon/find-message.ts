import type { Dispatch } from '../dispatch/dispatch.js';
import { deadlineUnreachable } from '../dispatch/refusals.js';
import type { KnownMessage, MessageStanding } from '../http/read-route.js';
import type { JournalOutcome, LateOutcome, LogRow } from '../journal/entries.js';
import { JournalFault } from '../journal/faults.js';
import type { FoundMessage } from '../shared/outcome-words.js';
import type { Truth } from '../shared/truth.js';
import type { Remembered } from './remembered.js';

/** Where messages are known: on their way, or in the journal. */
export interface MessagePlaces {
  dispatch: Pick<Dispatch, 'stateOf'>;
  remembered: Pick<Remembered, 'journal'>;
  /** Undefined where this box is alone. */
  truth?: Pick<Truth, 'find'> | undefined;
}

/**
 * What is known of a message of this caller; undefined when there is none, or the journal cannot be
 * read.
 */
export async function findMessage(
  { dispatch, remembered, truth }: MessagePlaces,
  id: string,
  caller: string,
): Promise<KnownMessage | undefined> {
  const onItsWay = dispatch.stateOf(id);
  const row = await rowOf(remembered, id, caller);
  if (onItsWay !== undefined) {
    if (onItsWay.caller !== caller) return undefined;
    const standing = onItsWay.isAtModem ? 'sending' : 'waiting';
    return { standing, atMs: onItsWay.atMs, segments: onItsWay.segments };
  }
  if (row !== undefined || truth === undefined) return row && fromRow(row);
  return fromOtherBoxes(await truth.find(id, caller));
}

/** @throws SendError when it cannot be said whether another box has it */
function fromOtherBoxes(found: FoundMessage | 'none' | undefined): KnownMessage | undefined {
  if (found === 'none') return undefined;
  if (found === undefined) {
    const detail =
      'this box has no such message, and the engine that knows of the other boxes’ does not answer: ask again';
    throw deadlineUnreachable(detail);
  }
  const { outcome, isStarted, segments, agoMs, lateAgoMs } = found;
  const now = Date.now();
  const atMs = now - agoMs;
  if (outcome === undefined) return { standing: isStarted ? 'sending' : 'waiting', atMs, segments };
  const settled = lateAgoMs === undefined ? {} : { settledAtMs: now - lateAgoMs };
  if ('result' in outcome) {
    const { modem, references, waitedMs, tookMs } = outcome.result;
    const known = { modem, references, waitedMs, tookMs, submitted: 'yes' as const };
    return { standing: 'sent', atMs, segments, ...known, ...settled };
  }
  const { code, submitted } = outcome.error;
  const standing = submitted === 'unknown' ? 'unknown' : 'failed';
  return { standing, atMs, segments, code, submitted, ...settled };
}

async function rowOf(
  { journal }: Pick<Remembered, 'journal'>,
  id: string,
  caller: string,
): Promise<LogRow | undefined> {
  try {
    const { rows } = await journal.query({ id, caller, limit: 1 });
    return rows[0];
  } catch (error) {
    // The journal itself tells that it is out of order.
    if (error instanceof JournalFault) return undefined;
    throw error;
  }
}

/** The newest that is known. */
function fromRow(row: LogRow): KnownMessage {
  const { atMs, segments, modem, wasStarted, outcome, late, delivery } = row;
  const last = late ?? outcome;
  return {
    standing: delivery?.state === 'delivered' ? 'delivered' : standingOf(last, wasStarted),
    atMs,
    segments,
    modem,
    ...(last && {
      code: last.code,
      submitted: last.submitted,
      references: last.references,
      waitedMs: outcome?.waitedMs,
      tookMs: outcome?.tookMs,
    }),
    ...(late && { settledAtMs: late.atMs }),
    ...(row.isReportAsked && { delivery: delivery ?? { state: 'none' } }),
  };
}

function standingOf(
  last: JournalOutcome | LateOutcome | undefined,
  wasStarted: boolean,
): MessageStanding {
  if (last === undefined) return wasStarted ? 'sending' : 'waiting';
  if (last.submitted === 'yes') return 'sent';
  return last.submitted === 'unknown' ? 'unknown' : 'failed';
}
