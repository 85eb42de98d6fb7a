import { SendError } from '../errors.js';
import type {
  ModemPhase,
  ModemSnapshot,
  OutgoingSms,
  SmsModem,
  SubmitControl,
  SubmitReceipt,
} from '../modem/sms-modem.js';

/** The share of a segment's time that passes before Ctrl-Z: a few commands, then the prompt. */
const beforeCtrlZ = 0.05;

/** A modem that is always well, and takes its time: the network takes all that it is given. */
export class SimulatedModem implements SmsModem {
  readonly name: string;
  readonly number = undefined;
  /** Milliseconds that it was at work. */
  busyMs = 0;
  #phase: ModemPhase = 'ready';
  readonly #nextMs: () => number;
  readonly #listeners = new Set<(snapshot: ModemSnapshot) => void>();

  /** @param nextMs milliseconds for one more segment, from hand-over to the network's answer */
  constructor(name: string, nextMs: () => number) {
    this.name = name;
    this.#nextMs = nextMs;
  }

  get phase(): ModemPhase {
    return this.#phase;
  }

  snapshot(): ModemSnapshot {
    return {
      name: this.name,
      phase: this.#phase,
      phaseSince: 0,
      reason: undefined,
      device: 'simulated',
      manufacturer: undefined,
      model: undefined,
      operator: undefined,
      iccid: undefined,
      signalDbm: undefined,
    };
  }

  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt> {
    const tookMs = sms.segments.reduce((sum) => sum + this.#nextMs(), 0);
    this.#enter('sending');
    try {
      await after(tookMs * beforeCtrlZ);
      this.busyMs += tookMs * beforeCtrlZ;
      if (!control.mayCommit())
        throw new SendError('deadline_unreachable', { detail: 'the prompt was left unsent' });
      control.onCommitted();
      await after(tookMs * (1 - beforeCtrlZ));
      this.busyMs += tookMs * (1 - beforeCtrlZ);
      return { references: sms.segments.map((_, index) => index) };
    } finally {
      this.#enter('ready');
    }
  }

  #enter(phase: ModemPhase): void {
    this.#phase = phase;
    for (const listener of this.#listeners) listener(this.snapshot());
  }
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
