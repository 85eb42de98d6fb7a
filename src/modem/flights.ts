import { randomInt } from 'node:crypto';
import type { FlightRecord, LeftFlight } from './flight-record.js';
import { UnansweredSubmits } from './unanswered.js';

/**
 * Milliseconds after Ctrl-Z in which the result of a submit may still overtake, given the modem's submit timeout: twice the longest of the
 * network's own timers (TR1M < 45 s, 24.011 10). Meanwhile a `+CMGS` needs proof, which not every modem can give; so not for longer.
 */
export const lateAnswerMs = (submitTimeoutMs: number): number => Math.min(90_000, submitTimeoutMs * 5);

/**
 * What one modem has in the air, from message to message and across sessions, and, by its record, across processes: the Ctrl-Z that
 * waits for its result, and those whose result never came.
 */
export class Flights {
  readonly unanswered = new UnansweredSubmits();
  /** True once the SMSC has refused a validity period (TP-FCS 198, 199): it gets none any more. */
  validityRefused = false;
  /** True while the modem is known to have echo off: if it echoes later, it has restarted since. */
  echoIsOff = false;
  readonly #record: FlightRecord;
  /** Random start, so that two long messages to one handset never share a reference (23.040 9.2.3.24.1). */
  #concatenationReference = randomInt(256);
  #onResult: ((reference: number) => void) | undefined;

  /** `left`: a process before this one was killed while its message was in flight, whose result may still come. */
  constructor(record: FlightRecord, left: LeftFlight | undefined, submitTimeoutMs = 180_000) {
    this.#record = record;
    if (!left) return;
    this.echoIsOff = left.echoIsOff;
    if (left.lastReference !== undefined) this.unanswered.answered(left.lastReference);
    const remainingMs = lateAnswerMs(submitTimeoutMs) - (left.ageMs ?? 0);
    if (left.inFlight && remainingMs > 0) this.unanswered.add(performance.now() + remainingMs);
  }

  /** The reference of the next concatenated message, 0–255. */
  nextConcatenationReference(): number {
    this.#concatenationReference = (this.#concatenationReference + 1) % 256;
    return this.#concatenationReference;
  }

  /** A Ctrl-Z went out, or its outcome is known as far as it will be. */
  note(inFlight: boolean): void {
    this.#record.note({
      inFlight: inFlight || this.unanswered.outstanding(performance.now()) > 0,
      lastReference: this.unanswered.lastReference,
      echoIsOff: this.echoIsOff,
    });
  }

  /** The modem spoke after {@link echoIsOff} was known: an echo now means that nothing old can come from it. */
  noteWake(echoed: boolean, obeysEchoOff: boolean): void {
    if (this.echoIsOff && echoed) this.unanswered.clear();
    this.echoIsOff = obeysEchoOff;
  }

  /** A `+CMGS` came that answers no command in flight. */
  takeLateReference(reference: number): void {
    if (this.#onResult) this.#onResult(reference);
    else this.unanswered.answeredLate(reference);
  }

  /**
   * `first` (undefined: an error) came after our Ctrl-Z, but may answer an older one. Resolves with our own reference when, within `timeoutMs`, one
   * comes that proves itself, or every result that is still out has come, of which the newest is ours; else with undefined.
   */
  settleDoubt(first: number | undefined, timeoutMs: number): Promise<number | undefined> {
    const { unanswered } = this;
    const debts = unanswered.outstanding(performance.now());
    const results = [first];
    return new Promise((resolve) => {
      const done = (own?: number) => {
        clearTimeout(timer);
        this.#onResult = undefined;
        if (own === undefined) {
          // A reference pays a debt: that yet another late result should fall into the short flight of the next message is less likely than
          // that one was lost for good. An error pays none.
          for (const result of results) if (result !== undefined) unanswered.answeredLate(result);
          if (first === undefined) unanswered.addForAsLong();
        } else {
          if (results.length > debts) unanswered.clear();
          unanswered.answered(own);
        }
        resolve(own);
      };
      const timer = setTimeout(done, timeoutMs);
      this.#onResult = (reference) => {
        results.push(reference);
        const known = results.filter((result) => result !== undefined);
        if (unanswered.proves(reference, performance.now())) done(reference);
        else if (known.length > debts) done(unanswered.newest(known));
      };
    });
  }

  /** True while the result of an earlier submit may come: its `OK` would end whatever command is in flight then. */
  expectsLateResult(now: number): boolean {
    return this.#onResult !== undefined || this.unanswered.outstanding(now) > 0;
  }

  close(): Promise<void> {
    return this.#record.close();
  }
}
