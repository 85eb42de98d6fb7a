import type { Logger } from 'winston';
import { AtCancelled, AtCommandError, AtLinkLost, AtNoResult, AtTimeout } from '../at/errors.js';
import { SendError } from '../errors.js';
import { encodeSubmit } from '../sms/tpdu.js';
import { type Flights, lateAnswerMs } from './flights.js';
import { ModemRestarted } from './life.js';
import type { Modem, Tpdu } from './modem.js';
import type { OutgoingSms, SubmitControl, SubmitReceipt } from './sms-modem.js';
import { cmsCodeOf, describeFinalError, type Verdict, verdictOf } from './verdict.js';

/** How often a segment that was surely not sent is tried on one modem, and the pause before the first repeat. */
const maxAttempts = 3;
const retryPauseMs = 500;

/** How long a second `+CMGS` is waited for when the first may answer an older submit. */
const doubtMs = 10_000;

export interface SubmissionContext {
  modem: Modem;
  /** The configured name, for what people read. */
  name: string;
  flights: Flights;
  statusReport: boolean;
  log: Logger;
  /** Called at each Ctrl-Z and at each result of it. */
  onFlight(inFlight: boolean): void;
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
  const reference = total > 1 ? context.flights.nextConcatenationReference() : 0;
  if (total > 1) await holdLink(context);
  let started = false;
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
            ...(total > 1 ? { concatenation: { reference, referenceBits: 8, total, index: index + 1 } } : {}),
            ...(validityMs === undefined ? {} : { validityMs }),
            statusReport: context.statusReport,
          }),
        validityMs: sms.validityMs,
        retryUntil: control.retryUntil,
        mayStart: () => !first || control.mayStart(),
        onCommitted: () => {
          if (!started) control.onStarted();
          started = true;
        },
        acceptedBefore: index,
        total,
      }),
    );
  }
  return { references };
}

interface SegmentJob {
  encode(validityMs: number | undefined): Tpdu;
  validityMs: number;
  retryUntil: number;
  mayStart: () => boolean;
  onCommitted(): void;
  /** Segments of this message the network has already. */
  acceptedBefore: number;
  total: number;
}

async function submitSegment(context: SubmissionContext, job: SegmentJob): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const failure = await trySegment(context, job);
    if (typeof failure === 'number') return failure;
    context.onAttemptFailed?.(failure.cause);
    const pauseMs = retryPauseMs * 2 ** (attempt - 1);
    const mayRetry = failure.verdict === 'not_sent' && attempt < maxAttempts;
    if (!mayRetry || performance.now() + pauseMs >= job.retryUntil) throw sendErrorOf(context, job, failure);
    context.log.warn('segment not sent, trying again', {
      event: 'segment_retry',
      modem: context.name,
      attempt,
      reason: failure.reason,
    });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** One attempt: the reference, or why there is none. Leaves the dialogue in step where the modem still speaks. */
async function trySegment(context: SubmissionContext, job: SegmentJob): Promise<number | Failure> {
  const { modem, flights } = context;
  let committedAt: number | undefined;
  try {
    const tpdu = job.encode(flights.validityRefused ? undefined : job.validityMs);
    const reference = await modem.submitTpdu(tpdu, {
      mayCommit: job.mayStart,
      onCommitted: () => {
        committedAt = performance.now();
        context.onFlight(true);
        job.onCommitted();
      },
    });
    if (!flights.unanswered.proves(reference, performance.now()))
      return await resolveDoubt(context, reference);
    flights.unanswered.answered(reference);
    await catchUp(context);
    return reference;
  } catch (error) {
    const isResult = error instanceof AtCommandError && error.stage === 'result';
    if (isResult && flights.unanswered.outstanding(performance.now()) > 0) {
      return await resolveDoubt(context, undefined);
    }
    if (isResult) flights.unanswered.refused();
    const elapsedMs = committedAt === undefined ? 0 : performance.now() - committedAt;
    const failure = failureOf(error, elapsedMs);
    if (!failure) throw error;
    return await recover(context, failure, committedAt);
  } finally {
    if (committedAt !== undefined) context.onFlight(false);
  }
}

/**
 * A result that may answer an earlier submit (its `reference`, or undefined for an error): this one's own is then still to come, and proves
 * itself when it does. Else this one stays unknown.
 */
async function resolveDoubt(
  context: SubmissionContext,
  reference: number | undefined,
): Promise<number | Failure> {
  const { flights, modem } = context;
  const own = await flights.settleDoubt(reference, Math.min(doubtMs, modem.submitTimeoutMs / 4));
  if (own !== undefined) return own;
  const reason = 'the modem answered, but perhaps to an earlier message that it had left unanswered';
  return { verdict: 'unknown', reason, cause: undefined };
}

function failureOf(error: unknown, elapsedMs: number): Failure | undefined {
  if (error instanceof AtCommandError) {
    const accepted = error.lines.length > 0; // +CMGS came, then an error instead of OK
    const verdict = accepted ? 'unknown' : verdictOf(error.final, error.stage, elapsedMs);
    const causeCode = describeFinalError(error.final);
    return { verdict, reason: `the modem answered ${causeCode}`, causeCode, cause: error };
  }
  if (error instanceof AtTimeout || error instanceof AtLinkLost) {
    const verdict = error.stage === 'result' ? 'unknown' : error instanceof AtTimeout ? 'not_sent' : 'sim';
    return { verdict, reason: error.message, cause: error };
  }
  if (error instanceof AtNoResult) return { verdict: 'unknown', reason: error.message, cause: error };
  if (error instanceof AtCancelled) {
    const verdict = error.because === 'caller' ? 'not_now' : 'not_sent';
    return { verdict, reason: error.message, cause: error };
  }
  return undefined;
}

/** What must happen before the modem can take anything again, retry or next message. */
async function recover(
  context: SubmissionContext,
  failure: Failure,
  committedAt: number | undefined,
): Promise<Failure> {
  const { modem, flights } = context;
  const { cause } = failure;
  // A modem that was silent to AT as well is busy or deaf, and works in order when it is back: no late result can
  // overtake. One that answers AT, or whose link broke, may still have one.
  const mayOvertake =
    cause instanceof AtNoResult || (cause instanceof AtLinkLost && !(cause.cause instanceof ModemRestarted));
  // An echo where there was none: it has restarted, and nothing old can come from it.
  if (modem.hasRestarted) flights.unanswered.clear();
  else if (committedAt !== undefined && mayOvertake) {
    flights.unanswered.add(committedAt + lateAnswerMs(modem.submitTimeoutMs));
  }
  if (cause instanceof AtLinkLost) return failure;
  if (cause instanceof AtCommandError && isValidityRefused(cause) && !flights.validityRefused) {
    flights.validityRefused = true;
    context.log.warn('the SMSC refuses a validity period: sending without one', { modem: context.name });
    return { ...failure, verdict: 'not_sent' };
  }
  try {
    if (cause instanceof AtCommandError && cmsCodeOf(cause.final) === serviceCentreUnknown) {
      const done = await modem.serviceCentre.remedy();
      if (done === undefined) return failure;
      context.log.warn(`the modem knows no SMSC: ${done}`, { event: 'smsc_remedy', modem: context.name });
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
    return { ...failure, verdict: failure.verdict === 'not_sent' ? 'sim' : failure.verdict };
  }
  return failure;
}

/** A result that took long leaves the answers to the probes owed. What comes of them says nothing about the message. */
async function catchUp(context: SubmissionContext): Promise<void> {
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

/** TP-FCS 198 and 199 (23.040 9.2.3.22): validity period (format) not supported. */
const isValidityRefused = (error: AtCommandError): boolean =>
  error.final.kind === 'CMS' && (error.final.code === 198 || error.final.code === 199);

async function holdLink(context: SubmissionContext): Promise<void> {
  try {
    await context.modem.holdLink();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SendError('no_modem_ready', {
      detail: `modem "${context.name}": ${reason}`,
      elsewhere: true,
      cause: error,
    });
  }
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
  if (job.acceptedBefore > 0) return new SendError('partly_submitted', { ...options, submitted: 'partly' });
  if (failure.cause instanceof AtCancelled && failure.cause.because === 'caller') {
    return new SendError('deadline_unreachable', options);
  }
  const elsewhere = failure.verdict !== 'refused';
  if (failure.cause instanceof AtCommandError) {
    // CMS 21 is what carriers say of a wrong recipient, and of an account without credit.
    const simSuspected = failure.verdict === 'sim' || failure.cause.final.code === 21;
    return new SendError('network_refused', { ...options, elsewhere, simSuspected });
  }
  return new SendError('no_modem_ready', { ...options, elsewhere });
}
