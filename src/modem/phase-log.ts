import type { Logger } from 'winston';
import type { ModemPhase } from './sms-modem.js';

/**
 * What the log is told of one modem's phases: each change that a person would want to know, once.
 */
export class PhaseLog {
  readonly #name: string;
  readonly #log: Logger;
  /** Why it was lost, as the log was last told. */
  #toldReason: string | undefined;

  constructor(name: string, log: Logger) {
    this.#name = name;
    this.#log = log;
  }

  /** It went over from one phase to another; messages that come and go are not worth a line. */
  entered(phase: ModemPhase, from: ModemPhase, reason: string | undefined): void {
    if (phase === 'sending' || (from === 'sending' && phase === 'ready')) return;
    const what = { event: 'modem', modem: this.#name, phase, from, reason };
    this.#log.log(this.#levelOf(phase, reason), `modem ${this.#name} is ${phase}`, what);
  }

  /** It stays in its phase, for another reason than before. */
  waitsFor(phase: ModemPhase, reason: string): void {
    const level = phase === 'unlocking' ? 'warn' : 'info';
    const what = { event: 'modem', modem: this.#name, phase, reason };
    this.#log.log(level, `modem ${this.#name}: ${reason}`, what);
  }

  /**
   * A modem that stays away goes round opening, lost and absent all day: told once for each reason,
   * the rest is for debugging.
   */
  #levelOf(phase: ModemPhase, reason: string | undefined): 'warn' | 'info' | 'debug' {
    if (phase === 'ready') this.#toldReason = undefined;
    if (phase === 'opening' || phase === 'absent') return 'debug';
    if (phase === 'lost') {
      if (reason === this.#toldReason) return 'debug';
      this.#toldReason = reason;
      return 'warn';
    }
    return phase === 'stalled' || phase === 'unlocking' ? 'warn' : 'info';
  }
}
