/** A modem whose every step the test takes itself; it insists on the contract of `SmsModem`. */

import { SendError } from '../../../src/errors.js';
import type {
  ModemPhase,
  ModemSnapshot,
  OutgoingSms,
  SmsModem,
  SubmitControl,
  SubmitReceipt,
} from '../../../src/modem/sms-modem.js';

/** One call of `submit`, from hand-over to its true end. */
export class HandOver {
  readonly sms: OutgoingSms;
  readonly control: SubmitControl;
  readonly receipt: Promise<SubmitReceipt>;
  isCommitted = false;
  isSettled = false;
  /** The journal knows of it, as far as it will. */
  isNoted: boolean;
  #resolve!: (receipt: SubmitReceipt) => void;
  #reject!: (error: unknown) => void;

  constructor(sms: OutgoingSms, control: SubmitControl) {
    this.sms = sms;
    this.control = control;
    this.isNoted = control.noted === undefined;
    void control.noted?.then(() => {
      this.isNoted = true;
    });
    this.receipt = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get text(): string {
    return this.sms.segments.join('');
  }

  /**
   * The modem has given its prompt: Ctrl-Z goes out if it still may, else the hand-over ends
   * unsent.
   */
  prompt(): boolean {
    if (!this.isNoted) throw new Error('until it is noted the prompt is kept');
    if (this.control.mayCommit()) {
      this.isCommitted = true;
      this.control.onCommitted();
      return true;
    }
    this.fail(new SendError('deadline_unreachable', { detail: 'the prompt was left unsent' }));
    return false;
  }

  /** Prompt, Ctrl-Z, and the network takes every segment. */
  accept(): void {
    if (!this.isCommitted && !this.prompt()) throw new Error('this message may not be committed');
    this.isSettled = true;
    this.#resolve({ references: this.sms.segments.map((_, i) => i + 7) });
  }

  fail(error: unknown): void {
    this.isSettled = true;
    this.#reject(error);
  }
}

/** What a modem says that lost its network before the prompt came. */
export function surelyNotSent(): SendError {
  return new SendError('no_modem_ready', {
    elsewhere: true,
    detail: 'no prompt',
    causeCode: 'CME 30',
  });
}

export class FakeModem implements SmsModem {
  readonly name: string;
  readonly number: string | undefined;
  /** Every hand-over, in order. */
  readonly handOvers: HandOver[] = [];
  phase: ModemPhase = 'ready';
  iccid: string | undefined;
  isBlind = false;
  reason: string | undefined;
  readonly #listeners = new Set<(snapshot: ModemSnapshot) => void>();

  constructor(name: string, number?: string) {
    this.name = name;
    this.number = number;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** The text of each message that was handed over, in order. */
  get texts(): string[] {
    return this.handOvers.map(({ text }) => text);
  }

  /** A hand-over is in progress. */
  get isBusy(): boolean {
    return this.handOvers.at(-1)?.isSettled === false;
  }

  /** The hand-over in progress. */
  get current(): HandOver {
    const last = this.handOvers.at(-1);
    if (last === undefined || !this.isBusy) throw new Error(`${this.name} has nothing to send`);
    return last;
  }

  snapshot(): ModemSnapshot {
    return {
      name: this.name,
      phase: this.phase,
      phaseSince: 0,
      reason: this.reason,
      device: '/dev/null',
      manufacturer: undefined,
      model: undefined,
      operator: undefined,
      iccid: this.iccid,
      signalDbm: undefined,
    };
  }

  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  enter(phase: ModemPhase, reason?: string): void {
    this.phase = phase;
    this.reason = reason;
    for (const listener of this.#listeners) listener(this.snapshot());
  }

  async submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt> {
    if (this.isBusy) throw new Error(`${this.name} was handed two messages at once`);
    const handOver = new HandOver(sms, control);
    this.handOvers.push(handOver);
    this.enter('sending');
    try {
      return await handOver.receipt;
    } finally {
      if (this.phase === 'sending') this.enter('ready');
    }
  }
}
