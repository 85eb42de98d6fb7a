import type { Logger } from 'winston';
import { AtCancelled, AtCommandError, AtLinkLost } from '../at/errors.js';
import { encodeSubmit } from '../sms/tpdu.js';
import type { Habits } from './habits.js';
import type { InFlightSubmits } from './in-flight-submits.js';
import { ModemRestarted } from './life.js';
import type { EncodedTpdu, Modem } from './modem.js';
import type { OutgoingSms, SegmentEvent, SubmitControl, SubmitReceipt } from './sms-modem.js';
import {
  doubted,
  type Failure,
  failureOf,
  fromOtherSim,
  isValidityRefused,
  ResultInDoubt,
  sendErrorOf,
  wantsServiceCentre,
} from './submit-failure.js';

/**
 * How often a segment that was surely not sent is tried on one modem, and the pause before the
 * first repeat.
 */
const maxAttempts = 3;
const retryPauseMs = 500;

export interface SubmissionContext {
  modem: Modem;
  /** The configured name, for what people read. */
  name: string;
  inFlight: InFlightSubmits;
  /** What was learnt of this modem and its SIM. */
  habits: Habits;
  /**
   * Whether it may be restarted after the message, to be rid of results that it owes. Default: not.
   */
  mayRestart?(): boolean;
  /**
   * Whether the SIM is not the one any more that it was when the message came; asked of the modem
   * only where it has said something that may mean so, or had the time for it. Default: it is the
   * same.
   */
  hasOtherSim?(): Promise<boolean>;
  /** Whether a report is asked for, where its caller wants one, or not, or says nothing. */
  asksForReport(wish: boolean | undefined): boolean;
  log: Logger;
  /** Called at each Ctrl-Z and at each result of it. */
  onInFlight(isInFlight: boolean): void;
  /** Called for each attempt that failed, with what the AT dialogue threw. */
  onAttemptFailed?(cause: unknown): void;
}

/** One message on its way through one modem. */
interface Message {
  sms: OutgoingSms;
  control: SubmitControl;
  /** Undefined for one of a single segment. */
  concatenation: { reference: number; referenceBits: 8; total: number } | undefined;
  statusReport: boolean;
  isCommitted: boolean;
}

/** Sends one message, segment by segment, on one modem; the contract is `SmsModem.submit`. */
export async function submitSms(
  context: SubmissionContext,
  sms: OutgoingSms,
  control: SubmitControl,
): Promise<SubmitReceipt> {
  const total = sms.segments.length;
  const reference = total > 1 ? context.inFlight.nextConcatenationReference() : 0;
  const message: Message = {
    sms,
    control,
    concatenation: total > 1 ? { reference, referenceBits: 8, total } : undefined,
    statusReport: context.asksForReport(sms.statusReport),
    isCommitted: false,
  };
  const references: number[] = [];
  for (const index of sms.segments.keys())
    references.push(await submitSegment(context, message, index));
  return { references };
}

function tpduOf(message: Message, index: number, withValidity: boolean): EncodedTpdu {
  const { sms, concatenation, statusReport } = message;
  return encodeSubmit({
    recipient: sms.recipient,
    alphabet: sms.alphabet,
    text: sms.segments[index] ?? '',
    ...(concatenation && { concatenation: { ...concatenation, index: index + 1 } }),
    ...(withValidity && { validityMs: sms.validityMs }),
    statusReport,
  });
}

/** Tells how it goes with a segment; its `committedAt` is kept from the Ctrl-Z on. */
type SegmentTeller = (outcome: SegmentEvent['outcome'], reference?: number) => void;

function teller(index: number, { onSegment }: SubmitControl): SegmentTeller {
  let committedAt: number | undefined;
  return (outcome, reference) => {
    const now = performance.now();
    if (outcome === 'sending') committedAt = now;
    if (committedAt === undefined) return;
    onSegment?.({ index, outcome, reference, committedAt, settledAt: now });
  };
}

/** Resolves with the segment's reference; one that was surely not sent is tried again in time. */
async function submitSegment(
  context: SubmissionContext,
  message: Message,
  index: number,
): Promise<number> {
  const { sms, control, statusReport } = message;
  const total = sms.segments.length;
  const segment = total > 1 ? `, segment ${index + 1} of ${total}` : '';
  const where = `modem "${context.name}"${segment}`;
  // Undefined where no report is asked for.
  const tell = statusReport ? teller(index, control) : undefined;
  for (let attempt = 1; ; attempt += 1) {
    const failure = await trySegment(context, message, index, tell);
    if (typeof failure === 'number') {
      tell?.('accepted', failure);
      return failure;
    }
    tell?.(failure.verdict === 'unknown' ? 'unknown' : 'not_sent');
    context.onAttemptFailed?.(failure.cause);
    const pauseMs = retryPauseMs * 2 ** (attempt - 1);
    const mayRetry = failure.verdict === 'not_sent' && attempt < maxAttempts;
    if (!mayRetry || performance.now() + pauseMs >= control.retryUntil)
      throw sendErrorOf(where, index, failure);
    context.log.warn('segment not sent, trying again', {
      event: 'segment_retry',
      modem: context.name,
      attempt,
      reason: failure.reason,
    });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/**
 * One attempt: the reference, or why there is none. Leaves the dialogue in step where the modem
 * still speaks.
 */
async function trySegment(
  context: SubmissionContext,
  message: Message,
  index: number,
  tell: SegmentTeller | undefined,
): Promise<number | Failure> {
  const { control } = message;
  const { modem, inFlight, habits } = context;
  let committedAt: number | undefined;
  try {
    if (index > 0 && (await context.hasOtherSim?.())) return fromOtherSim;
    const tpdu = tpduOf(message, index, !habits.refusesValidity);
    await modem.confirmSettings();
    if (message.concatenation) await modem.holdLink();
    const reference = await modem.submitTpdu(tpdu, {
      inFlight,
      pauseMs: habits.pauseMs,
      probeAfterMs: habits.nudgeAfterMs,
      okGraceMs: habits.okGraceMs,
      // Its caller is told then that nobody knows.
      doubtUntil: context.mayRestart?.() === true ? control.retryUntil : undefined,
      mayCommit: () => index > 0 || control.mayCommit(),
      ready: index === 0 ? control.noted : undefined,
      onCommitted: () => {
        committedAt = performance.now();
        inFlight.begin(modem.submitTimeoutMs);
        context.onInFlight(true);
        if (!message.isCommitted) control.onCommitted();
        message.isCommitted = true;
        tell?.('sending');
      },
      onFreed: () =>
        tellHabit(
          context,
          'it held the result of a message back until it was asked something',
          habits.noteFreed(),
        ),
      onOk: (came) => tellHabit(context, 'it says +CMGS and no OK behind it', habits.noteOk(came)),
    });
    await resynchronise(context);
    if (reference === undefined) return doubted(new ResultInDoubt());
    modem.serviceCentre.worked();
    return reference;
  } catch (error) {
    const elapsedMs = committedAt === undefined ? 0 : performance.now() - committedAt;
    // It answers the AT that came too soon with an error: its OK is waited for as usual again.
    if (error instanceof AtCommandError && error.lines.length > 0) habits.noteOk(true);
    const failure = failureOf(error, elapsedMs);
    if (!failure) throw error;
    return await recover(context, failure);
  } finally {
    if (committedAt !== undefined) context.onInFlight(false);
  }
}

/** @param remedy undefined when nothing is new */
function tellHabit(
  { log, name }: SubmissionContext,
  reason: string,
  remedy: string | undefined,
): void {
  if (remedy === undefined) return;
  log.warn(`modem ${name}: ${reason}: ${remedy}`, {
    event: 'modem_habit',
    modem: name,
    reason,
    remedy,
  });
}

/** What must happen before the modem can take anything again, retry or next message. */
async function recover(context: SubmissionContext, failure: Failure): Promise<Failure> {
  const { modem, inFlight, habits } = context;
  const { cause, verdict } = failure;
  // What may have been sent is not tried again, whatever its error would want mended.
  const refusal = cause instanceof AtCommandError && verdict !== 'unknown' ? cause : undefined;
  // It said that it restarted, or echoes where it did not: nothing old can come from it.
  const hasRestarted =
    modem.hasRestarted || (cause instanceof AtLinkLost && cause.cause instanceof ModemRestarted);
  if (hasRestarted) inFlight.restarted();
  else inFlight.giveUp();
  if (cause instanceof AtLinkLost) return failure;
  if (refusal && isValidityRefused(refusal) && !habits.refusesValidity) {
    habits.noteValidityRefused();
    context.log.warn('the SMSC refuses a validity period: sending without one', {
      modem: context.name,
    });
    return { ...failure, verdict: 'not_sent' };
  }
  try {
    if (refusal && wantsServiceCentre(refusal)) {
      const done = await modem.serviceCentre.remedy();
      if (done === undefined) return failure;
      context.log.warn(`the modem knows no SMSC: ${done}`, {
        event: 'smsc_remedy',
        modem: context.name,
      });
      return { ...failure, verdict: 'not_sent' };
    }
    if (cause instanceof AtCancelled && cause.because === 'reset') {
      await modem.wake(2);
      await modem.prepareSms();
    } else if (modem.needsSynchronising) {
      await modem.synchronise(2);
    }
  } catch (error) {
    warnOutOfStep(context, error);
    return { ...failure, verdict: verdict === 'not_sent' ? 'sim' : verdict };
  }
  return failure;
}

/**
 * A result that took long leaves the answers to the probes owed. What comes of them says nothing
 * about the message.
 */
async function resynchronise(context: SubmissionContext): Promise<void> {
  try {
    if (context.modem.needsSynchronising) await context.modem.synchronise(2);
  } catch (error) {
    warnOutOfStep(context, error);
  }
}

function warnOutOfStep(context: SubmissionContext, error: unknown): void {
  context.log.warn('the modem does not come back into step', {
    modem: context.name,
    reason: String(error),
  });
}
