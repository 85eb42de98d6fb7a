import type { Dispatch } from '../dispatch/dispatch.js';
import type { KnownMessage, MessageStanding } from '../http/read-route.js';
import type { JournalOutcome, LateOutcome, LogRow } from '../journal/entries.js';
import { JournalFault } from '../journal/faults.js';
import type { Remembered } from './remembered.js';

/** Where messages are known: on their way, or in the journal. */
export interface MessagePlaces {
  dispatch: Pick<Dispatch, 'stateOf'>;
  remembered: Pick<Remembered, 'journal'>;
}

/**
 * What is known of a message of this caller; undefined when there is none, or the journal cannot be
 * read.
 */
export async function findMessage(
  { dispatch, remembered }: MessagePlaces,
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
  return row && fromRow(row);
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
