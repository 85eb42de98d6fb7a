import type { SendError } from '../errors.js';
import type { CallerLeave, HastyControl, Promised, SendControl, SendResult } from './message.js';
import { deadlineUnreachable, outcomeNotAwaited } from './refusals.js';
import { withRow } from './told-again.js';

/** A message on its way. */
export interface Sending {
  /** Of the message. */
  id: string;
  answer: Promise<SendResult>;
  /** Whether it may be promised: see `MessageQueue.promise`. */
  promise(): Promise<boolean>;
  /** Its answer, once there is one, is another box's word, which may learn more. */
  isForeign?(): boolean;
  /** Gives it up, if it was not committed; false when it was. */
  withdraw(why: SendError): boolean;
}

/**
 * One send that one or several callers wait for. It lives until its own answer; it is given up as
 * unwanted when nobody waits for it any more and none was promised it.
 */
export class JointSend {
  /** Settles as the send does, whoever waits. */
  readonly answer: Promise<SendResult>;
  readonly #abandoned = new AbortController();
  readonly #sending: Sending;
  #callers = 0;
  #isPromised = false;

  /** @param deadlineAt the send's own, `performance.now()` milliseconds */
  constructor(deadlineAt: number, send: (shared: SendControl) => Sending) {
    this.#sending = send({ deadlineAt, callerLeft: this.#abandoned.signal });
    this.answer = this.#sending.answer;
  }

  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** See {@link Sending.isForeign}. */
  get isForeign(): boolean {
    return this.#sending.isForeign?.() === true;
  }

  /** The answer for one more caller, when it must have it at the latest. */
  join(control: SendControl | HastyControl): Promise<SendResult | Promised> {
    const { deadlineAt, callerLeft } = control;
    const answerBy = 'answerBy' in control ? control.answerBy : undefined;
    const leave = this.#count(callerLeft);
    return new Promise((resolve, reject) => {
      const onTime = async () => {
        // Who has left is promised nothing, and gives up nothing that others wait for.
        const isHasty = answerBy !== undefined && !callerLeft.aborted;
        if (isHasty && (await this.#promise())) {
          resolve({ id: this.#sending.id, settled: this.answer });
        } else {
          const isAlone = isHasty && !callerLeft.aborted && this.#callers === 1;
          const isWithdrawn = isAlone && this.#sending.withdraw(deadlineUnreachable(notInTime));
          // It may go on, for the others or at its modem, so nothing may be said of it to this one.
          if (!isWithdrawn) reject(withRow(outcomeNotAwaited()));
        }
        // Who was answered waits no longer (I3).
        leave();
      };
      const remainingMs = Math.max(0, (answerBy ?? deadlineAt) - performance.now());
      const timer = setTimeout(() => void onTime(), remainingMs);
      this.answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async #promise(): Promise<boolean> {
    // Asked for again while it is awaited: another caller may have been promised it meanwhile.
    const mayBe = this.#isPromised || (await this.#sending.promise());
    this.#isPromised ||= mayBe;
    return this.#isPromised;
  }

  /** Counts a caller; what it returns takes it off again, once. */
  #count(callerLeft: CallerLeave): () => void {
    this.#callers += 1;
    let waits = true;
    const leave = () => {
      callerLeft.removeEventListener('abort', leave);
      if (!waits) return;
      waits = false;
      this.#callers -= 1;
      if (this.#callers === 0) this.#abandoned.abort();
    };
    if (callerLeft.aborted) leave();
    else callerLeft.addEventListener('abort', leave, { once: true });
    return leave;
  }
}

const notInTime = 'the message could not be sent before its caller hangs up; it was not started';
