import { randomInt } from 'node:crypto';
import { type FinalError, parseFinalResult, submitReference } from '../at/lines.js';
import { Debts } from './debts.js';
import type { InFlightRecord, LeftInFlightState } from './in-flight-record.js';
import { isOfSubmit } from './verdict.js';

/**
 * The network's own timers are over so many milliseconds after Ctrl-Z (TR1M < 45 s, 24.011 10),
 * with what a modem adds.
 */
const networkTimersMs = 60_000;

/**
 * Milliseconds after Ctrl-Z in which the result of a submit may still come, given the modem's
 * submit timeout: that long, and never shorter than the network's own timers; a timeout below those
 * is a test's or a very impatient operator's, and is doubled.
 */
const debtTermMs = (submitTimeoutMs: number): number =>
  Math.max(submitTimeoutMs, Math.min(networkTimersMs, submitTimeoutMs * 2));

/** A modem that restarts is back in its network after some ten to thirty seconds. */
const worthRestartMs = 30_000;

/**
 * How long another reference is waited for where nothing old should come any more, but the one that
 * came was unexpected.
 */
const suspicionMs = 10_000;

/**
 * Results that are kept beside the first one of a submit: more than a modem can owe. What is
 * dropped of a flood leaves the submit in doubt, at worst.
 */
const mostBeside = 64;

/** What came after our own Ctrl-Z. */
export type SubmitResult = { reference: number } | { error: FinalError };

/** `ours` is surely the running submit's; `undecided`: its outcome stays unknown. */
export type Attribution = { ours: SubmitResult } | 'undecided';

/**
 * What one modem has in the air, from message to message and across sessions, and, by its record,
 * across processes: the Ctrl-Z that waits for its result, and those whose result never came ({@link
 * Debts}).
 */
export class InFlightSubmits {
  readonly debts: Debts;
  /** True while the modem is known to have echo off: if it echoes later, it has restarted since. */
  echoIsOff = false;
  readonly #record: Pick<InFlightRecord, 'note' | 'close'>;
  /**
   * Random start, so that two long messages to one handset never share a reference (23.040
   * 9.2.3.24.1).
   */
  #concatenationReference = randomInt(256);
  /** `performance.now()` milliseconds of the last Ctrl-Z. */
  #begunAt = Number.NEGATIVE_INFINITY;
  /** Looks at what came meanwhile, while a submit is in doubt. */
  #onResult: ((result: SubmitResult) => void) | undefined;
  /** What came beside the first result of the submit that is out, before anybody looked. */
  #beside: SubmitResult[] = [];
  /**
   * A process before this one was killed with its message in flight, and its result did not come
   * yet.
   */
  #isLeft: boolean;

  /**
   * `left`: what the process before this one had in the air, whose result may still come; across a
   * reboot of the box its age is unknown.
   */
  constructor(record: Pick<InFlightRecord, 'note' | 'close'>, left: LeftInFlightState | undefined) {
    this.#record = record;
    this.echoIsOff = left?.echoIsOff ?? false;
    const age = left?.ageMs ?? 0;
    this.debts = left
      ? Debts.after({ ...left.debts, remainingMs: left.debts.remainingMs - age }, performance.now())
      : new Debts();
    this.#isLeft = this.debts.outstanding(performance.now()) > 0;
  }

  /** The reference of the next concatenated message, 0–255. */
  nextConcatenationReference(): number {
    this.#concatenationReference = (this.#concatenationReference + 1) % 256;
    return this.#concatenationReference;
  }

  /** A Ctrl-Z went out, or its outcome is known as far as it will be. */
  note(): void {
    this.#record.note({ debts: this.debts.note(performance.now()), echoIsOff: this.echoIsOff });
  }

  /** A Ctrl-Z goes out to a modem with this submit timeout. */
  begin(submitTimeoutMs: number): void {
    this.#beside = [];
    this.#begunAt = performance.now();
    this.debts.begin(performance.now() + debtTermMs(submitTimeoutMs));
  }

  /** No result came, and none is waited for any more. */
  giveUp(): void {
    for (const result of this.#beside.splice(0)) this.#take(result);
    this.debts.giveUp(performance.now());
  }

  /**
   * The modem spoke after {@link echoIsOff} was known: an echo now means that nothing old can come
   * from it.
   */
  noteWake(echoed: boolean, obeysEchoOff: boolean): void {
    if (this.echoIsOff && echoed) this.restarted();
    this.echoIsOff = obeysEchoOff;
  }

  /** The modem has started anew: nothing old can come from it. */
  restarted(): void {
    this.debts.restarted();
    this.#isLeft = false;
  }

  /**
   * A line that answers no command in flight: where it is a result of a submit, it pays a debt, or
   * is looked at by who is in doubt.
   * @returns whether it was one
   */
  takeLine(line: string): boolean {
    const result = readResult(line);
    if (!result) return false;
    const now = performance.now();
    if (this.#onResult) this.#onResult(result);
    else if (this.debts.state.running) {
      if (this.#beside.length < mostBeside) this.#beside.push(result);
    } else if ('reference' in result) this.debts.takeLateReference(result.reference, now);
    else this.debts.takeLateError(now);
    this.note();
    return true;
  }

  /**
   * A final result code came that no command lacks, and no submit of ours is out: an error can only
   * be an older submit's.
   */
  takeSurplus(line: string): void {
    const final = parseFinalResult(line);
    if (final === undefined || final === 'OK' || this.debts.state.running) return;
    this.debts.takeLateError(performance.now());
    this.note();
  }

  /**
   * Whose is `first`, the result that came after our Ctrl-Z? While an older submit's may still
   * come, the answer may take until our own term is over; nothing else may be asked of the modem
   * meanwhile. Ends as undecided when `ended` is aborted, for the session is gone; and at
   * `patienceUntil` (`performance.now()` milliseconds), where no reference would prove it and the
   * wait would be worth a restart.
   */
  attribute(
    first: SubmitResult,
    ended: AbortSignal,
    patienceUntil = Number.POSITIVE_INFINITY,
  ): Promise<Attribution> {
    for (const result of [first, ...this.#beside.splice(0)]) {
      const ours = this.#take(result);
      if (ours) return Promise.resolve({ ours });
    }
    return new Promise((resolve) => {
      const settle = (attribution: Attribution) => {
        clearTimeout(timer);
        ended.removeEventListener('abort', giveUp);
        this.#onResult = undefined;
        resolve(attribution);
      };
      const giveUp = () => {
        this.giveUp();
        settle('undecided');
      };
      const timer = setTimeout(giveUp, this.#doubtMs(patienceUntil));
      ended.addEventListener('abort', giveUp);
      this.#onResult = (result) => {
        const ours = this.#take(result);
        if (ours) settle({ ours });
      };
      if (ended.aborted) giveUp();
    });
  }

  /** Our own result, once that is sure; it need not be the one that made it so. */
  #take(result: SubmitResult): SubmitResult | undefined {
    const now = performance.now();
    if ('error' in result) return this.debts.takeError(now) ? result : undefined;
    const reference = this.debts.takeReference(result.reference, now);
    return reference === undefined ? undefined : { reference };
  }

  #doubtMs(patienceUntil: number): number {
    const { doubt } = this.debts;
    if (!doubt) return 0;
    const now = performance.now();
    const untilTermMs = Math.max(0, doubt.until - now);
    if (doubt.because === 'suspicion') return Math.min(suspicionMs, untilTermMs / 4);
    const patienceMs = Math.max(0, patienceUntil - now);
    const isWorthIt = !doubt.mayBeProven && untilTermMs - patienceMs >= worthRestartMs;
    // A timer may fire a little early.
    return isWorthIt ? patienceMs : untilTermMs + 1;
  }

  /** The network has either taken the last submit by now, or never will. */
  get isBeyondNetwork(): boolean {
    return performance.now() - this.#begunAt >= networkTimersMs;
  }

  /**
   * Whether an older result may come for so long yet that a restart, after which none can, has the
   * modem back sooner: until then nothing would tell that result from the next one.
   */
  get isWorthRestart(): boolean {
    return this.debts.provesNothingForMs(performance.now()) >= worthRestartMs;
  }

  /**
   * True while the result of an earlier submit may come: its `OK` would end whatever command is in
   * flight then.
   */
  expectsLateResult(now: number): boolean {
    return this.#onResult !== undefined || this.debts.outstanding(now) > 0;
  }

  /** Whether an error that ended another command may be the late result of a submit. */
  mayHaveGiven(error: FinalError): boolean {
    return isOfSubmit(error, 'perhaps') && this.expectsLateResult(performance.now());
  }

  /** True while the message that a killed process had in flight may still be answered. */
  expectsLeftResult(now: number): boolean {
    this.#isLeft &&= this.debts.outstanding(now) > 0;
    return this.#isLeft;
  }

  /** It was waited for as long as makes sense before this modem is used again. */
  stopWaitingForLeft(): void {
    this.#isLeft = false;
  }

  close(): Promise<void> {
    return this.#record.close();
  }
}

/** A line as the result of a submit: of ours or of an older one, as far as it tells. */
function readResult(line: string): SubmitResult | undefined {
  const reference = submitReference(line);
  if (reference !== undefined) return { reference };
  const final = parseFinalResult(line);
  if (final === undefined || final === 'OK' || !isOfSubmit(final)) return undefined;
  return { error: final };
}
