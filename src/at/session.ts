/**
 * The AT dialogue with one modem (V.250, 27.007, 27.005): one command at a time, its reply told
 * from all else that comes.
 * Knows nothing of: SMS, modems' states or the tty it runs on.
 * Way: `execute` waits for its turn, in step → `exchange` writes → lines of `reader` → `machine`
 * decides → the command's reply, or its error.
 */

import type { OpenLink } from '../serial/link.js';
import {
  type AtCommand,
  type AtSessionListener,
  type AtSessionOptions,
  type ExecuteOptions,
  type RunCommand,
  requiresResponse,
} from './command.js';
import { AtCommandError, AtGivenUp, AtLinkLost, AtTimeout } from './errors.js';
import { AtExchange, bareAt, pause, speakUp } from './exchange.js';
import { ESC } from './payload.js';

/** What a UART that sleeps may lose, in octets, and milliseconds that it takes to wake up. */
const wakingOctets = 8;
const wakingMs = 100;

/** How long a bare `AT` may take, and how often it is tried, before the modem counts as silent. */
const syncTimeoutMs = 1000;

/**
 * How often more an answer may turn out to be an older one's, or a number, before the modem counts
 * as out of its mind.
 */
const mostStrays = 8;

/** How {@link AtSession.synchronise} goes about it. */
export interface SynchroniseOptions {
  /**
   * Nothing is known of the modem's settings: results as numbers are understood, and switched back
   * to words, as is silence.
   */
  mayBeMute?: boolean;
  /**
   * Milliseconds in which a modem that answers each `AT` with an error is asked again, once a
   * second: it is there, and busy. Default 0: an error is a try like any other.
   */
  busyForMs?: number;
}

/**
 * The AT dialogue over one link: commands take turns, each with its own timeout, and every one of
 * them settles: with its information responses, or with an `AtCommandError`, `AtTimeout`,
 * `AtLinkLost`, `AtCancelled` or `AtNoResult`. Ends with its link; a new connection is a new
 * session.
 */
export class AtSession {
  readonly #exchange: AtExchange;
  /** Questions that this modem answers with OK alone, in step or not. */
  readonly #terse = new Set<string>();
  /** The end of the line of those who wait for their turn. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(exchange: AtExchange) {
    this.#exchange = exchange;
  }

  /** Opens the link and a session on it; rejects with the link's `LinkLost`. */
  static async open(
    openLink: OpenLink,
    options: AtSessionOptions,
    listener: AtSessionListener,
  ): Promise<AtSession> {
    return new AtSession(await AtExchange.open(openLink, options, listener));
  }

  /** Milliseconds between a final result code and the next command, by the modem's profile. */
  set guardMs(ms: number) {
    this.#exchange.guardMs = ms;
  }

  /** True when the modem has echoed the last command, or any while it was brought into step. */
  get echoes(): boolean {
    return this.#exchange.echoes;
  }

  /** See {@link AtExchange.outOfStepCount}. */
  get outOfStepCount(): number {
    return this.#exchange.outOfStepCount;
  }

  /** See {@link AtExchange.lastResponseAt}. */
  get lastResponseAt(): number {
    return this.#exchange.lastResponseAt;
  }

  /** Milliseconds since the modem last answered anything, or was given up. */
  get idleMs(): number {
    return this.#exchange.idleMs;
  }

  /** True when a command was given up: {@link synchronise} must run before the next one. */
  get needsSynchronising(): boolean {
    return this.#exchange.areResultsDue;
  }

  /**
   * Sends one command when its turn comes; resolves with its information responses. If an earlier
   * one was given up, the dialogue is brought back into step before, so that a late reply to that
   * one answers nothing of this one's. A question that OK alone seems to answer was answered by
   * somebody else's OK: the dialogue is brought back into step, and it is asked once more.
   */
  execute(command: AtCommand, options: ExecuteOptions = {}): Promise<string[]> {
    return this.#inTurn(() =>
      options.giveUp === undefined
        ? this.#runInStep(command, options)
        : this.#runUntil(options.giveUp, command, options),
    );
  }

  /**
   * Several commands with nobody else's between them, nor until `work` has settled. `ended` is
   * aborted when the session ends; each command that waits is then rejected anyway.
   */
  exclusively<T>(work: (run: RunCommand, ended: AbortSignal) => Promise<T>): Promise<T> {
    return this.#inTurn(() =>
      work((command, options = {}) => this.#runInStep(command, options), this.#exchange.ended),
    );
  }

  /**
   * Brings dialogue and modem into step: ESC leaves a prompt that may be open (never Ctrl-Z: it
   * would submit what stands there), then a bare `AT` must be answered, and results still due for
   * commands that were given up must have come, or stayed away for a second. Rejects with
   * `AtTimeout` when the modem is silent for `attempts` tries.
   */
  synchronise(attempts: number, options: SynchroniseOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#synchronise(attempts, options));
  }

  /**
   * Writes octets that are no command (V.250 5.2.1: a line without `AT`) for a UART that sleeps to
   * lose, and gives it time to wake. Nothing answers them.
   */
  wakeUart(): Promise<void> {
    return this.#inTurn(async () => {
      this.#exchange.write('\r'.repeat(wakingOctets));
      await pause(wakingMs);
    });
  }

  /**
   * Ends the session as lost although the link is open, as when the modem says that it rebooted.
   */
  fail(cause: Error): void {
    this.#exchange.end(cause);
  }

  /** Closes the link; every command that waits is rejected with `AtLinkLost`. */
  close(): Promise<void> {
    return this.#exchange.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    // Whoever waits next only waits; the error is its own caller's.
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #synchronise(
    attempts: number,
    { mayBeMute = false, busyForMs = 0 }: SynchroniseOptions = {},
  ): Promise<void> {
    const exchange = this.#exchange;
    let echoed = false;
    let errors = 0;
    const busyUntil = performance.now() + busyForMs;
    exchange.listenForNumbers(mayBeMute);
    try {
      for (let attempt = 1; ; attempt += 1) {
        exchange.write(ESC);
        await pause(Math.max(20, exchange.guardMs));
        // Silence to AT may be Q1: every other time the question is the cure.
        const isCure = mayBeMute && (exchange.saysNumbers || (attempt + errors) % 2 === 0);
        exchange.saysNumbers = false;
        try {
          await exchange.run({
            text: isCure ? speakUp : bareAt,
            timeoutMs: syncTimeoutMs,
            numeric: mayBeMute,
          });
          echoed ||= exchange.echoes;
          if (!exchange.saysNumbers && (await exchange.settleResultsDue())) return;
          if (attempt >= attempts + mostStrays) throw new AtTimeout(bareAt, 'command', []);
        } catch (error) {
          if (error instanceof AtLinkLost) throw error;
          echoed ||= exchange.echoes;
          // An ERROR is an answer too, perhaps an older command's: ask again until AT is answered
          // by OK.
          const said = error instanceof AtCommandError ? error.final : undefined;
          if (said !== undefined && performance.now() < busyUntil) {
            attempt -= 1;
            errors += 1;
            if (errors > 1) await pause(syncTimeoutMs);
          } else if (attempt >= attempts)
            throw new AtTimeout(bareAt, 'command', [], said ?? exchange.unanswered.inWords);
        }
      }
    } finally {
      exchange.echoes ||= echoed;
      exchange.listenForNumbers(false);
    }
  }

  async #runInStep(command: AtCommand, options: ExecuteOptions): Promise<string[]> {
    if (this.needsSynchronising && !options.outOfStep) await this.#synchronise(2);
    const lines = await this.#exchange.run(command, options);
    if (lines.length > 0 || !requiresResponse(command) || this.#terse.has(command.text))
      return lines;
    this.#exchange.outOfStepCount += 1;
    this.#exchange.noteForeignResult();
    await this.#synchronise(2);
    const again = await this.#exchange.run(command, options);
    if (again.length === 0) this.#terse.add(command.text);
    return again;
  }

  /**
   * Whoever waits for the next turn gets it in step: what made it worth giving up must not find a
   * modem that is still silent.
   */
  async #runUntil(
    giveUp: AbortSignal,
    command: AtCommand,
    options: ExecuteOptions,
  ): Promise<string[]> {
    const startedAt = performance.now();
    const onAbort = () => this.#exchange.giveUp(command);
    giveUp.addEventListener('abort', onAbort);
    try {
      return await this.#runInStep(command, options);
    } catch (error) {
      if (!giveUp.aborted || !(error instanceof AtTimeout)) throw error;
      const leftMs = command.timeoutMs - (performance.now() - startedAt);
      await this.#synchronise(Math.max(2, Math.ceil(leftMs / syncTimeoutMs)));
      throw new AtGivenUp(command.text, { cause: error });
    } finally {
      giveUp.removeEventListener('abort', onAbort);
    }
  }
}
