import { AtTimeout } from '../at/errors.js';
import { asksForReport } from './indications.js';
import { hasMessage } from './life.js';
import type { Demand, Modem, ModemTuning } from './modem.js';
import type { PersonPinEnd } from './person-pin.js';
import { Sends, type SendsOptions } from './sends.js';
import type {
  ModemPhase,
  ModemSnapshot,
  OutgoingSms,
  SmsModem,
  SubmitControl,
  SubmitReceipt,
} from './sms-modem.js';
import { Upkeep, type UpkeepOptions } from './upkeep.js';

export interface SupervisorOptions extends UpkeepOptions, SendsOptions {
  /** The SIM's own number, as it is configured; E.164. */
  number: string | undefined;
}

/** What may become another while it runs: it holds from the next message, look or try on. */
export interface AdjustableOptions
  extends Pick<SupervisorOptions, 'number' | 'idleProbeMs' | 'readPin'> {
  tuning: Pick<ModemTuning, 'roaming' | 'submitTimeoutMs'>;
}

/**
 * One modem as the rest of the daemon knows it: {@link Upkeep} keeps it ready, and meanwhile it is
 * given messages, lent, and shown.
 */
export class Supervisor implements SmsModem {
  readonly name: string;
  readonly #options: SupervisorOptions;
  readonly #upkeep: Upkeep;
  readonly #sends: Sends;
  /** Why it takes nothing more, once it is on its way out. */
  #leaving: string | undefined;

  constructor(options: SupervisorOptions) {
    this.name = options.name;
    this.#options = { ...options, tuning: { ...options.tuning, deafening: new Map() } };
    this.#upkeep = new Upkeep(this.#options, () => this.#sends.whySendsFail);
    this.#sends = new Sends(this.#options, this.#upkeep);
  }

  /** Begins; the phases tell how it goes. */
  start(): void {
    this.#upkeep.take('due');
  }

  /**
   * Ends for good: closes the tty. A message in flight is then rejected as unknown, so let the
   * queue drain before.
   */
  async stop(): Promise<void> {
    await this.#upkeep.stop();
    await this.#options.inFlight.close();
  }

  get phase(): ModemPhase {
    return this.#upkeep.phase;
  }

  get isBlind(): boolean {
    return this.#options.inFlight.debts.isBlind(performance.now());
  }

  /** What a caller's `sender` may ask for. */
  get number(): string | undefined {
    return this.#options.number;
  }

  /** Takes these for what they were; nothing is closed, and nothing on its way is touched. */
  adjust({ number, idleProbeMs, readPin, tuning }: AdjustableOptions): void {
    Object.assign(this.#options, { number, idleProbeMs, readPin });
    Object.assign(this.#options.tuning, tuning);
    this.#upkeep.unlocker.replacePin(readPin);
    if (this.phase === 'unlocking') this.#upkeep.hasten();
  }

  /** From now on it is shown as lost, for this reason: it takes nothing more. */
  leave(reason: string): void {
    this.#leaving = reason;
  }

  /**
   * A PIN is being tried, and what becomes of that is not known yet: within half a minute it is, or
   * stays unknown.
   */
  get isTryingPin(): boolean {
    return this.#upkeep.connection !== undefined && this.#upkeep.unlocker.isTrying;
  }

  /** As people are shown it. */
  snapshot(): ModemSnapshot {
    const own = this.#upkeep.snapshot();
    return this.#leaving === undefined ? own : { ...own, phase: 'lost', reason: this.#leaving };
  }

  /** What lies in its storages is looked at again, soon. */
  lookAtStorage(): void {
    this.#upkeep.connection?.sweeper.soon();
  }

  asksForReport(wish: boolean | undefined): boolean {
    return asksForReport(this.#options.tuning, wish);
  }

  /** True while it holds a tty, and with it a stick. */
  get isOpen(): boolean {
    return this.#upkeep.connection !== undefined;
  }

  /**
   * What shows that this loop makes no progress any more and never will; undefined while all is
   * well, whatever state the modem is in. A message in flight may take its submit timeout.
   */
  wedgedBy(): string | undefined {
    return this.#upkeep.liveness.overdue(performance.now());
  }

  onPhase(listener: (snapshot: ModemSnapshot) => void): () => void {
    return this.#upkeep.onPhase(listener);
  }

  /**
   * Lends the modem to somebody who asks it things, as doctor does. Messages go on: the commands of
   * both take turns, and none runs while a message is in flight. `demand` tells of the
   * messages. Rejects when there is no modem now.
   */
  async inspect<T>(work: (modem: Modem, demand: Demand) => Promise<T>): Promise<T> {
    const { phase: now, reason, epoch } = this.#upkeep.life;
    if (!this.#upkeep.connection)
      throw new Error(`modem "${this.name}" is ${now}: ${reason ?? 'not open'}`);
    const came = new AbortController();
    const stopListening = this.onPhase(({ phase }) => phase === 'sending' && came.abort());
    const over = () => this.#messageOver();
    try {
      return await work(this.#upkeep.connection.modem, { came: came.signal, over });
    } catch (error) {
      // Silent to a bare AT as well: what it is asked next would only wait in vain.
      if (error instanceof AtTimeout && epoch === this.#upkeep.life.epoch && this.phase === 'ready')
        this.#upkeep.lose('silent', error.message);
      throw error;
    } finally {
      stopListening();
    }
  }

  #messageOver(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (hasMessage(this.phase)) return;
        stopListening();
        resolve();
      };
      const stopListening = this.onPhase(look);
      look();
    });
  }

  /**
   * Enters the PIN of a person at the terminal, where the SIM waits for one. Rejects as {@link
   * inspect} does.
   */
  async enterPin(pin: string): Promise<PersonPinEnd> {
    const end = await this.inspect((modem) => this.#upkeep.unlocker.enter(modem, pin));
    if (end.outcome === 'accepted' && this.phase === 'unlocking') this.#upkeep.hasten();
    return end;
  }

  submit(sms: OutgoingSms, control: SubmitControl): Promise<SubmitReceipt> {
    return this.#sends.submit(sms, control);
  }
}
