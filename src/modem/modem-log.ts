import type { Logger } from 'winston';
import { radioIsOff, registrationReasons } from './registration.js';
import { simReasons } from './sim.js';
import type { ModemPhase, Notice, NoticeKind } from './sms-modem.js';
import { pinOfPerson, pinTaken } from './unlock.js';

/**
 * What people are told of one modem: in the log each change that one would want to know, once; and,
 * as long as it is so, what is wrong although it works. Outlives its sessions, so that a modem that
 * comes and goes is not told of anew each time.
 */
export class ModemLog {
  readonly #name: string;
  readonly #log: Logger;
  /** Why it was lost, as the log was last told. */
  #loggedReason: string | undefined;
  readonly #notices = new Map<NoticeKind, string>();

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
    const level = this.#isObstacle(phase, reason) ? 'warn' : 'info';
    const what = { event: 'modem', modem: this.#name, phase, reason };
    this.#log.log(level, `modem ${this.#name}: ${reason}`, what);
  }

  /**
   * What is wrong with a modem that works all the same, or fails at each send: logged once, until
   * another sentence or none takes its place. `sentence` is for people, with the way out; undefined
   * when there is nothing to say any more.
   */
  notice(kind: NoticeKind, sentence: string | undefined): void {
    if (sentence === undefined) {
      this.#notices.delete(kind);
    } else if (this.#notices.get(kind) !== sentence) {
      this.#notices.set(kind, sentence);
      const what = { event: 'modem_notice', modem: this.#name, notice: kind };
      this.#log.warn(`modem ${this.#name}: ${sentence}`, what);
    }
  }

  /** By kind, in the order in which they came. */
  get notices(): Notice[] {
    return [...this.#notices].map(([kind, sentence]) => ({ kind, sentence }));
  }

  /** A result of a submit came that nobody waits for any more. */
  lateResult(): void {
    this.#log.info('a result came late', { event: 'late_result', modem: this.#name });
  }

  /** Nothing stored was deleted, for nobody knows what was answered. */
  outOfStep(): void {
    const what = { event: 'out_of_step', modem: this.#name };
    this.#log.warn(
      `modem ${this.#name}: its replies did not fit the questions, so no stored SMS was deleted`,
      what,
    );
  }

  /**
   * A modem that stays away goes round opening, lost and absent all day: told once for each reason,
   * the rest is for debugging.
   */
  #levelOf(phase: ModemPhase, reason: string | undefined): 'warn' | 'info' | 'debug' {
    if (phase === 'ready') this.#loggedReason = undefined;
    if (phase === 'opening' || phase === 'absent') return 'debug';
    if (phase === 'lost') {
      if (reason === this.#loggedReason) return 'debug';
      this.#loggedReason = reason;
      return 'warn';
    }
    // What is asked for now is given in the next step, or it is told why not.
    if (reason === simReasons.pin) return 'info';
    return phase === 'stalled' || this.#isObstacle(phase, reason) ? 'warn' : 'info';
  }

  /** Whether no waiting ends it: the SIM wants something, or the network does not want it. */
  #isObstacle(phase: ModemPhase, reason = ''): boolean {
    if (phase === 'unlocking') return !passing.some((begin) => reason.startsWith(begin));
    return lasting.some((begin) => reason.startsWith(begin));
  }
}

/** Of a SIM: what simgate does something about in the next step, or the SIM by itself. */
const passing: readonly string[] = [pinTaken, pinOfPerson, simReasons.busy];

/** Of a network, and of the radio: what a person has to do something about. */
const lasting: readonly string[] = [
  registrationReasons.denied,
  registrationReasons.roaming,
  radioIsOff,
];
