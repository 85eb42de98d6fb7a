import type { Logger } from 'winston';
import { Ladder, type LossKind, type Rung } from './ladder.js';
import type { Locator } from './locator.js';
import type { Modem } from './modem.js';

export interface RecoveryOptions {
  /** The modem's configured name. */
  name: string;
  /** Something is done to get the modem back. Must not throw. */
  onRecovery?: ((rung: Rung) => void) | undefined;
  /** Asks the operator's own hook for help; undefined when there is none. Must not reject. */
  callHook: ((reason: string) => Promise<void>) | undefined;
  /** Where its silence may be its link's. */
  locator: Pick<Locator, 'silenceIsItsOwn'>;
  log: Logger;
}

/** What is done to get one modem back: the {@link Ladder} decides, this does it. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #ladder: Ladder;
  /** What the ladder said of the last loss. */
  #rung: Rung = 'reopen';

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#ladder = new Ladder({
      hasHook: options.callHook !== undefined,
      silenceIsItsOwn: options.locator.silenceIsItsOwn,
    });
  }

  opened(): void {
    this.#ladder.opened();
  }

  ready(): void {
    this.#ladder.ready();
  }

  sent(): void {
    this.#ladder.sent();
  }

  /** The modem cannot be used any more; {@link climb} then does what is due. */
  lost(kind: LossKind): Rung {
    this.#rung = this.#ladder.next(kind, performance.now());
    return this.#rung;
  }

  /** Whether it may be restarted now, for what no other way out is. */
  get mayReset(): boolean {
    return this.#ladder.mayReset(performance.now());
  }

  /**
   * It answers, and lacks what it needs: what is due, if anything. For all but `radio`, {@link
   * climb} does it, once its tty may be closed.
   */
  stuck(): Rung | undefined {
    const rung = this.#ladder.stuck(performance.now());
    if (rung !== undefined && rung !== 'radio') this.#rung = rung;
    return rung;
  }

  /** Radio off and on. Rejects when the modem falls silent or is lost. */
  async cycleRadio(modem: Modem, reason: string): Promise<void> {
    this.#options.onRecovery?.('radio');
    this.#tell('radio', reason, `its radio off and on (AT+CFUN=${modem.profile.radioOff}, then 1)`);
    await modem.radio.cycle();
  }

  /**
   * Does what the ladder has decided, beyond opening the tty anew. `modem` is undefined when none
   * is open.
   */
  async climb(modem: Modem | undefined, reason: string): Promise<void> {
    const rung = this.#rung;
    this.#rung = 'reopen';
    // A tty that is not there is looked for all day: nothing was done about a modem that was not
    // open.
    if (rung !== 'reopen' || modem !== undefined) this.#options.onRecovery?.(rung);
    if (rung === 'reset') {
      this.#tell(rung, reason, 'restarting it with AT+CFUN=1,1');
      await modem?.radio.restart();
    } else if (rung === 'hook' && this.#options.callHook) {
      this.#tell(rung, reason, "calling the operator's recovery hook");
      await this.#options.callHook(reason);
    }
  }

  #tell(rung: Rung, reason: string, what: string): void {
    const { log, name } = this.#options;
    log.warn(`modem ${name}: ${what}`, { event: 'recovery', modem: name, rung, reason });
  }
}
