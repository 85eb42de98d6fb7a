import type { AtCommand, AtSessionListener, ExecuteOptions } from '../at/command.js';
import { AtCommandError, AtTimeout } from '../at/errors.js';
import type { FinalError } from '../at/lines.js';
import type { AtSession } from '../at/session.js';

/**
 * Milliseconds without an answer after which a UART may have fallen asleep, and that a modem which
 * is awake takes for a simple answer.
 */
export const restedMs = 1_000;
export const wakeUpMs = 700;

/**
 * Milliseconds for a command. Most answer at once; those that touch the SIM right after power-on
 * take a few seconds.
 */
export const quickMs = 5_000;
export const simMs = 10_000;

/**
 * So many times in a row a command may meet silence before it is left alone: a line can get lost
 * once.
 */
const silencesBeforeMute = 2;
/**
 * Milliseconds in which it is not written then; doubles each time, up to the longest. What decides
 * whether the modem is ready is asked sooner.
 */
const firstMuteMs = 20_000;
const longestMuteMs = 3_600_000;
export const longestNeededMuteMs = 300_000;

/** Commands that a modem was silent to while it answered `AT`. */
class MutedCommands {
  /**
   * `performance.now()` milliseconds until which each is left alone, and how often in a row it met
   * silence.
   */
  readonly #mutes = new Map<string, { until: number; silences: number }>();

  isMute(command: string): boolean {
    return performance.now() < (this.#mutes.get(command)?.until ?? 0);
  }

  wasSilent(command: string, longestMs: number): void {
    const silences = (this.#mutes.get(command)?.silences ?? 0) + 1;
    const doublings = silences - silencesBeforeMute;
    const ms = doublings < 0 ? 0 : Math.min(firstMuteMs * 2 ** doublings, longestMs);
    this.#mutes.set(command, { until: performance.now() + ms, silences });
  }

  spoke(command: string): void {
    this.#mutes.delete(command);
  }

  /** All may be asked again. */
  forget(): void {
    this.#mutes.clear();
  }

  /** Those that it was silent to when they were last asked. */
  get commands(): string[] {
    return [...this.#mutes.keys()];
  }
}

/**
 * How a modem is asked over one session: for what is needed, for what may be refused, and for what
 * is good to know and may stay away. It knows no command.
 */
export class Dialogue {
  protected readonly session: AtSession;
  readonly mutes = new MutedCommands();
  /** Its UART loses the first octets after a while without any. */
  protected sleeps = false;
  /**
   * Who else wants to hear unsolicited lines, as who waits for `+CUSD`: the owner of the session
   * hands each of them on.
   */
  readonly urcListeners = new Set<AtSessionListener['onUrc']>();

  constructor(session: AtSession) {
    this.session = session;
  }

  /** Brings the dialogue back into step after a command that was given up. */
  synchronise(attempts: number): Promise<void> {
    return this.session.synchronise(attempts);
  }

  get needsSynchronising(): boolean {
    return this.session.needsSynchronising;
  }

  /** How often the dialogue was found out of step; see `AtSession.outOfStepCount`. */
  get outOfStepCount(): number {
    return this.session.outOfStepCount;
  }

  /** What the modem was silent to when it was last asked, while it answered `AT`. */
  get silentTo(): readonly string[] {
    return this.mutes.commands;
  }

  /**
   * One command: its information responses, undefined when the modem said an error. Rejects with
   * `AtTimeout` or `AtLinkLost`.
   */
  ask(
    text: string,
    response: RegExp | undefined,
    timeoutMs: number,
    requiresResponse?: boolean,
  ): Promise<string[] | undefined> {
    const required = requiresResponse === undefined ? {} : { requiresResponse };
    return this.attempt({ text, timeoutMs, ...required, ...(response ? { response } : {}) });
  }

  /** As {@link ask}, but an error is told too. */
  async askOrError(
    text: string,
    response: RegExp,
    timeoutMs: number,
  ): Promise<string[] | FinalError> {
    try {
      return await this.run({ text, response, timeoutMs });
    } catch (error) {
      if (error instanceof AtCommandError) return error.final;
      throw error;
    }
  }

  /**
   * As {@link ask}, for what is good to know and not needed: undefined also when the modem was
   * silent, and is in step again.
   */
  askOptional(
    text: string,
    response: RegExp | undefined,
    timeoutMs: number,
  ): Promise<string[] | undefined> {
    return this.attemptOptional({ text, timeoutMs, ...(response ? { response } : {}) });
  }

  /**
   * What a question came to that no send needs; undefined when the modem was silent to it, and
   * answers `AT` again. Rejects with `AtTimeout` when it is silent to that as well, and with
   * `AtLinkLost`.
   */
  async tolerateSilence<T>(question: () => Promise<T>): Promise<T | undefined> {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof AtTimeout)) throw error;
      await this.resynchronise(error);
      return undefined;
    }
  }

  /**
   * For commands whose failure is an answer too: undefined when the modem said an error. Silence
   * and loss still reject.
   */
  async attempt(
    command: AtCommand,
    options: Pick<ExecuteOptions, 'giveUp'> = {},
  ): Promise<string[] | undefined> {
    try {
      return await this.run(command, options);
    } catch (error) {
      if (error instanceof AtCommandError) return undefined;
      throw error;
    }
  }

  /**
   * One command that no send needs: undefined when the modem said an error or nothing, if it
   * answers `AT` then.
   */
  attemptOptional(command: AtCommand): Promise<string[] | undefined> {
    return this.tolerateSilence(() => this.attempt(command));
  }

  /**
   * {@link attemptOptional}, for what may be asked often: what met silence is left alone for a
   * while, longer each time, up to `longestMs`. The first question after a while is asked twice: a
   * UART that slept has lost its beginning.
   */
  async attemptUnlessMuted(
    command: AtCommand,
    longestMs = longestMuteMs,
  ): Promise<string[] | undefined> {
    if (this.mutes.isMute(command.text)) return undefined;
    const mayHaveSlept = this.session.idleMs > restedMs;
    let asked = await this.#askOnce(command);
    if (asked === 'silence' && mayHaveSlept) {
      asked = await this.#askOnce(command);
      this.sleeps = Array.isArray(asked);
    }
    if (asked === 'silence') this.mutes.wasSilent(command.text, longestMs);
    else this.mutes.spoke(command.text);
    return Array.isArray(asked) ? asked : undefined;
  }

  /**
   * As {@link attemptUnlessMuted}: the first group of `value` in the first information response;
   * undefined where that does not match, or there is none.
   */
  async readValue(
    text: string,
    response: RegExp,
    value: RegExp,
    timeoutMs = quickMs,
  ): Promise<string | undefined> {
    const lines = await this.attemptUnlessMuted({ text, response, timeoutMs });
    return value.exec(lines?.[0] ?? '')?.[1];
  }

  /** What a command came to; after silence the dialogue is in step again. */
  async #askOnce(command: AtCommand): Promise<string[] | 'error' | 'silence'> {
    try {
      return (await this.attempt(command)) ?? 'error';
    } catch (error) {
      if (!(error instanceof AtTimeout)) throw error;
      await this.resynchronise(error);
      return 'silence';
    }
  }

  /** Wakes a modem whose UART was found to sleep, before something is asked that it would lose. */
  async wakeUart(): Promise<void> {
    if (this.sleeps && this.session.idleMs > restedMs) await this.session.wakeUart();
  }

  /**
   * Brings the dialogue into step after `silence`, which it rejects with when the modem does not
   * answer `AT` either.
   */
  async resynchronise(silence: AtTimeout): Promise<void> {
    try {
      await this.session.synchronise(2);
    } catch (error) {
      throw error instanceof AtTimeout ? silence : error;
    }
  }

  /** One command; rejects as `AtSession.execute` does. */
  run(
    command: AtCommand,
    options: Pick<ExecuteOptions, 'giveUp' | 'outOfStep'> = {},
  ): Promise<string[]> {
    return this.session.execute(command, options);
  }
}
