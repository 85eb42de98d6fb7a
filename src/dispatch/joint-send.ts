/** One send that several callers wait for. */

import type { SendControl, SendResult } from './message.js';
import { outcomeNotAwaited } from './refusals.js';

/** It lives until its own answer; it is given up as unwanted when nobody waits for it any more. */
export class JointSend {
  /** Settles as the send does, whoever waits: the first caller's, since the send keeps to its deadline. */
  readonly answer: Promise<SendResult>;
  readonly #abandoned = new AbortController();
  #callers = 0;

  /** @param control of the first caller, whose deadline is the send's */
  constructor(control: SendControl, send: (shared: SendControl) => Promise<SendResult>) {
    this.#count(control.callerLeft);
    this.answer = send({ deadlineAt: control.deadlineAt, callerLeft: this.#abandoned.signal });
  }

  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** The answer for one more caller, by its own deadline at the latest. */
  join(control: SendControl): Promise<SendResult> {
    const leave = this.#count(control.callerLeft);
    return new Promise((resolve, reject) => {
      const remainingMs = Math.max(0, control.deadlineAt - performance.now());
      const timer = setTimeout(() => {
        // The message may go on for the others, so nothing may be promised to this one; who was answered waits no longer (I3).
        reject(outcomeNotAwaited());
        leave();
      }, remainingMs);
      this.answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** Counts a caller; what it returns takes it off again, once. */
  #count(callerLeft: AbortSignal): () => void {
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
