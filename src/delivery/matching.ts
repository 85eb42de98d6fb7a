/** Whose report is this? Never a guess: where two messages may be meant, none is. */

import { deliveryState, isFinalDelivery } from '../sms/delivery.js';
import { simOf, type Tracked, type TrackedSegment } from './tracked.js';

/** A status report (3GPP TS 23.040 9.2.2.3) as it is looked for. */
export interface ReportKey {
  /** The modem that it came by, and its SIM; undefined where that cannot be read. */
  modem: string;
  simHmac: string | undefined;
  /** TP-MR. */
  reference: number;
  /** Keyed HMACs of the tails that its recipient may have. */
  tailHmacs: readonly string[];
  /** TP-SCTS in milliseconds since 1970; undefined where it holds no date. */
  takenAtMs: number | undefined;
}

export type Match =
  | { kind: 'matched'; segment: TrackedSegment }
  /** Two messages or more may be meant. */
  | { kind: 'ambiguous' }
  /** There is no message of ours that it could speak of. */
  | { kind: 'unknown' }
  /**
   * There is one message with this SIM, reference and recipient, but it was sent so many
   * milliseconds from the network's time stamp.
   */
  | { kind: 'mistimed'; segment: TrackedSegment; offMs: number };

/** What the matching needs to know of time. All wall-clock milliseconds. */
export interface MatchingTime {
  /** Now, as the box has it. */
  nowMs: number;
  /** `performance.now()` of now. */
  monotonicMs: number;
  /** By how much the service centre's clock is ahead of the box's, as far as is known. */
  aheadMs: number;
}

/**
 * How far a service centre's clock and the box's may be apart. A reference comes again after 256
 * messages, which take no modem less than this.
 */
const slackMs = 90_000;

/** Finds the segment. */
export function match(tracked: Tracked, report: ReportKey, time: MatchingTime): Match {
  const isOfSim = ({ message }: TrackedSegment) => isSameSim(message, report);
  const exact = tracked.withReference(report.reference, report.tailHmacs).filter(isOfSim);
  const found = among(exact, report, time);
  const mayBeOther = tracked.hasConstantReferences(simOf(report));
  // One that has this reference, and no report yet, may be the one whatever the clocks say.
  const mayBeExact = found.kind !== 'unknown' || exact.some((one) => one.takenAtMs === undefined);
  if (mayBeExact && !(mayBeOther && found.kind === 'matched')) return found;
  // The modem never said which reference these have: any may be the one.
  const unsure = tracked.withoutReference(report.tailHmacs).filter(isOfSim);
  const other = among(unsure, report, time);
  if (other.kind === 'unknown' || other.kind === 'mistimed') return found;
  return found.kind === 'matched' ? { kind: 'ambiguous' } : other;
}

/** A SIM that could not be read may be any that was in the same modem. */
function isSameSim(
  one: { modem: string; simHmac: string | undefined },
  other: { modem: string; simHmac: string | undefined },
): boolean {
  if (one.simHmac === undefined || other.simHmac === undefined) return one.modem === other.modem;
  return one.simHmac === other.simHmac;
}

function among(segments: readonly TrackedSegment[], report: ReportKey, time: MatchingTime): Match {
  const { takenAtMs } = report;
  if (takenAtMs === undefined) return only(segments.filter((one) => isExpected(one, time)));
  // All reports on one segment have the same time stamp.
  const told = segments.filter((one) => one.takenAtMs === takenAtMs);
  if (told.length > 0) return only(told);
  const fitting = segments.filter(
    (one) => mayHaveOther(one) && Math.abs(offBy(one, takenAtMs, time)) <= slackMs,
  );
  if (fitting.length > 0) return only(fitting);
  const open = segments.filter((one) => one.takenAtMs === undefined);
  const [segment] = open;
  if (open.length !== 1 || segment === undefined) return { kind: 'unknown' };
  return { kind: 'mistimed', segment, offMs: offBy(segment, takenAtMs, time) };
}

function only(segments: readonly TrackedSegment[]): Match {
  const [segment] = segments;
  if (segment === undefined) return { kind: 'unknown' };
  return segments.length === 1 ? { kind: 'matched', segment } : { kind: 'ambiguous' };
}

/** Some service centres stamp each attempt anew. */
function mayHaveOther({ takenAtMs, status }: TrackedSegment): boolean {
  if (takenAtMs === undefined) return true;
  return status === undefined || !isFinalDelivery(deliveryState(status));
}

/** Whether a report without a time stamp may speak of it: within its validity. */
function isExpected({ message, within }: TrackedSegment, time: MatchingTime): boolean {
  const now = within.clock === 'monotonic' ? time.monotonicMs : time.nowMs;
  return within.fromMs <= now && now <= message.reportsUntilMs;
}

/** Milliseconds from when it was taken, as the box has it, to the network's stamp; 0 within. */
function offBy({ within }: TrackedSegment, takenAtMs: number, time: MatchingTime): number {
  const toWallMs = within.clock === 'monotonic' ? time.nowMs - time.monotonicMs : 0;
  const stampedMs = takenAtMs - time.aheadMs;
  const [fromMs, untilMs] = [within.fromMs + toWallMs, within.untilMs + toWallMs];
  if (stampedMs < fromMs) return stampedMs - fromMs;
  return stampedMs > untilMs ? stampedMs - untilMs : 0;
}
