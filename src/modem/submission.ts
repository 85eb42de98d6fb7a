import type { Logger } from 'winston';
import { AtCancelled, AtCommandError, AtLinkLost, AtNoResult, AtTimeout } from '../at/errors.js';
import { SendError } from '../errors.js';
import { encodeSubmit } from '../sms/tpdu.js';
import type { Habits } from './habits.js';
import type { InFlightSubmits } from './in-flight-submits.js';
import { ModemRestarted } from './life.js';
import type { EncodedTpdu, Modem } from './modem.js';
import type { OutgoingSms, SegmentEvent, SubmitControl, SubmitReceipt } from './sms-modem.js';
import { cmsCodeOf, describeFinalError, type Verdict, verdictOf } from './verdict.js';

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

/** `reason` is for people; `again` says whether another try here makes sense. */
interface Failure {
  verdict: Verdict;
  reason: string;
  causeCode?: string;
  cause: unknown;
}

/** Sends one message, segment by segment, on one modem; the contract is `SmsModem.submit`. */
export async function submitSms(
  context: SubmissionContext,
  sms: OutgoingSms,
  control: SubmitControl,
): Promise<SubmitReceipt> {
  const total = sms.segments.length;
  const reference = total > 1 ? context.inFlight.nextConcatenationReference() : 0;
  let isCommitted = false;
  const statusReport = context.asksForReport(sms.statusReport);
  const references: number[] = [];
  for (const [index, text] of sms.segments.entries()) {
    const first = index === 0;
    references.push(
      await submitSegment(context, {
        encode: (validityMs) =>
          encodeSubmit({
            recipient: sms.recipient,
            alphabet: sms.alphabet,
            text,
            ...(total > 1
              ? { concatenation: { reference, referenceBits: 8, total, index: index + 1 } }
              : {}),
            ...(validityMs === undefined ? {} : { validityMs }),
            statusReport,
          }),
        validityMs: sms.validityMs,
        retryUntil: control.retryUntil,
        mayCommit: () => !first || control.mayCommit(),
        ready: first ? control.noted : undefined,
        onCommitted: () => {
          if (!isCommitted) control.onCommitted();
          isCommitted = true;
        },
        tell: statusReport ? teller(index, control) : undefined,
        acceptedBefore: index,
        total,
      }),
    );
  }
  return { references };
}

interface SegmentJob {
  encode(validityMs: number | undefined): EncodedTpdu;
  validityMs: number;
  retryUntil: number;
  mayCommit: () => boolean;
  ready: Promise<void> | undefined;
  onCommitted(): void;
  /** Undefined where no report is asked for. */
  tell: SegmentTeller | undefined;
  /** Segments of this message the network has already. */
  acceptedBefore: number;
  total: number;
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

async function submitSegment(context: SubmissionContext, job: SegmentJob): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const failure = await trySegment(context, job);
    if (typeof failure === 'number') {
      job.tell?.('accepted', failure);
      return failure;
    }
    job.tell?.(failure.verdict === 'unknown' ? 'unknown' : 'not_sent');
    context.onAttemptFailed?.(failure.cause);
    const pauseMs = retryPauseMs * 2 ** (attempt - 1);
    const mayRetry = failure.verdict === 'not_sent' && attempt < maxAttempts;
    if (!mayRetry || performance.now() + pauseMs >= job.retryUntil)
      throw sendErrorOf(context, job, failure);
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
async function trySegment(context: SubmissionContext, job: SegmentJob): Promise<number | Failure> {
  const { modem, inFlight, habits } = context;
  let committedAt: number | undefined;
  try {
    if (job.acceptedBefore > 0 && (await context.hasOtherSim?.())) return fromOtherSim;
    const tpdu = job.encode(habits.refusesValidity ? undefined : job.validityMs);
    await modem.confirmSettings();
    if (job.total > 1) await modem.holdLink();
    const reference = await modem.submitTpdu(tpdu, {
      inFlight,
      pauseMs: habits.pauseMs,
      probeAfterMs: habits.nudgeAfterMs,
      okGraceMs: habits.okGraceMs,
      // Its caller is told then that nobody knows.
      doubtUntil: context.mayRestart?.() === true ? job.retryUntil : undefined,
      mayCommit: job.mayCommit,
      ready: job.ready,
      onCommitted: () => {
        committedAt = performance.now();
        inFlight.begin(modem.submitTimeoutMs);
        context.onInFlight(true);
        job.onCommitted();
        job.tell?.('sending');
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

/** A handset puts segments together by their sender, too (23.040 9.2.3.24.1). */
const fromOtherSim: Failure = {
  verdict: 'sim',
  reason: 'its SIM is another one now, whose segments nobody can put together with those before',
  cause: undefined,
};

const doubted = (cause: ResultInDoubt): Failure => ({
  verdict: 'unknown',
  reason: cause.message,
  cause,
});

/** A result came, and it cannot be told whether it was this message's. */
export class ResultInDoubt extends Error {
  override readonly name = 'ResultInDoubt';

  constructor() {
    super('the modem answered, but perhaps to an earlier message that it had left unanswered');
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

function failureOf(error: unknown, elapsedMs: number): Failure | undefined {
  if (error instanceof AtCommandError) {
    const accepted = error.lines.length > 0; // +CMGS came, then an error instead of OK
    const listed =
      accepted || error.mayBeForeign ? 'unknown' : verdictOf(error.final, error.stage, elapsedMs);
    const verdict = isPromptless(error) ? 'not_now' : listed;
    const causeCode = describeFinalError(error.final);
    return { verdict, reason: `the modem answered ${causeCode}`, causeCode, cause: error };
  }
  if (error instanceof AtTimeout || error instanceof AtLinkLost) {
    // One without a prompt is passed over: another try would cost the message as long again.
    const unsent =
      error instanceof AtLinkLost ? 'sim' : error.stage === 'prompt' ? 'not_now' : 'not_sent';
    return {
      verdict: error.stage === 'result' ? 'unknown' : unsent,
      reason: error.message,
      cause: error,
    };
  }
  if (error instanceof AtNoResult)
    return { verdict: 'unknown', reason: error.message, cause: error };
  if (error instanceof AtCancelled) {
    const verdict = error.because === 'caller' ? 'not_now' : 'not_sent';
    return { verdict, reason: error.message, cause: error };
  }
  return undefined;
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
    if (refusal && cmsCodeOf(refusal.final) === serviceCentreUnknown) {
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

/** `+CMS ERROR: 330` (27.005 3.2.5): SMSC address unknown. */
const serviceCentreUnknown = 330;

/** Whether the modem refused for want of an SMSC, and what could be done about it did not help. */
export function saysNoServiceCentre(error: unknown): boolean {
  if (!(error instanceof SendError && error.cause instanceof AtCommandError)) return false;
  return error.submitted === 'no' && cmsCodeOf(error.cause.final) === serviceCentreUnknown;
}

/** TP-FCS 198 and 199 (23.040 9.2.3.22): validity period (format) not supported. */
const isValidityRefused = (error: AtCommandError): boolean =>
  error.final.kind === 'CMS' && (error.final.code === 198 || error.final.code === 199);

/**
 * Whether the modem, which answers `AT`, gave no prompt for a message: silence, or an ERROR that
 * gives no reason.
 */
export function isPromptless(error: unknown): boolean {
  if (error instanceof SendError) return isPromptless(error.cause);
  if (error instanceof AtCommandError)
    return error.stage === 'prompt' && error.final.kind === 'ERROR';
  return error instanceof AtTimeout && error.stage === 'prompt';
}

/** The one place where what happened at the modem becomes a `SendError` (DESIGN §9). */
function sendErrorOf(context: SubmissionContext, job: SegmentJob, failure: Failure): SendError {
  const where = `modem "${context.name}"${job.total > 1 ? `, segment ${job.acceptedBefore + 1} of ${job.total}` : ''}`;
  const detail = `${where}: ${failure.reason}`;
  const options = {
    detail,
    cause: failure.cause,
    ...(failure.causeCode === undefined ? {} : { causeCode: failure.causeCode }),
  };
  if (failure.verdict === 'unknown')
    return new SendError('outcome_unknown', { ...options, submitted: 'unknown' });
  if (job.acceptedBefore > 0)
    return new SendError('partly_submitted', { ...options, submitted: 'partly' });
  if (failure.cause instanceof AtCancelled && failure.cause.because === 'caller') {
    return new SendError('deadline_unreachable', options);
  }
  const elsewhere = failure.verdict !== 'refused';
  if (failure.cause instanceof AtCommandError) {
    // CMS 21 is what carriers say of a wrong recipient, and of an account without credit. Without
    // an SMSC nothing was asked of the network: the SIM has nothing to answer for.
    const { verdict, cause } = failure;
    const isOfSim = verdict === 'sim' && cmsCodeOf(cause.final) !== serviceCentreUnknown;
    const simSuspected = isOfSim || cause.final.code === 21;
    return new SendError('network_refused', { ...options, elsewhere, simSuspected });
  }
  return new SendError('no_modem_ready', { ...options, elsewhere });
}
