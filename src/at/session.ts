/**
 * The AT dialogue with one modem (V.250, 27.007, 27.005): one command at a time, its reply told
 * from all else that comes.
 * Knows nothing of: SMS, modems' states or the tty it runs on.
 * Way: `execute` → written to the link → lines of `reader` → `machine` decides → the command's
 * reply, or its error.
 */

import type { LinkListener, OpenLink, SerialLink } from '../serial/link.js';
import {
  type AtCommand,
  type AtEffect,
  type AtEvent,
  type AtOutcome,
  type ExecuteOptions,
  type RunCommand,
  requiresResponse,
} from './command.js';
import { AtCommandError, AtGivenUp, AtLinkLost, AtTimeout, outcomeError } from './errors.js';
import { type FinalError, parseNumericResult } from './lines.js';
import { type AtState, ESC, initialAtState, step } from './machine.js';
import { LineReader, PROMPT } from './reader.js';
import { lengthOf, redactAtLine, tellableLine } from './redact.js';

/**
 * Who listens to a session. All are called from the event loop, in the order of the modem's bytes.
 */
export interface AtSessionListener {
  /**
   * An unsolicited result code, or any line that belongs to no reply; `pdu` is the second line of a
   * two-line one.
   */
  onUrc(line: string, pdu: string | undefined): void;
  /**
   * A final result code that no command of ours lacks; {@link onUrc} is told of it as well, before.
   */
  onSurplus?(line: string): void;
  /** The link is gone and every command was rejected; exactly once. Undefined: we closed it. */
  onLost(cause: Error | undefined): void;
  /**
   * Asked when a command ends with an error: true where that may be an older payload's result, and
   * the command's own is still to come.
   */
  isPerhapsForeign?(error: FinalError): boolean;
  /** One redacted line of the dialogue, for the debug log; `>` to the modem, `<` from it. */
  onTrace?(direction: '>' | '<', line: string): void;
  /**
   * Asked before each line: false saves its redaction, which costs more than the dialogue. Default:
   * it is wanted.
   */
  wantsTrace?(): boolean;
}

export interface AtSessionOptions {
  /**
   * Milliseconds between a final result code and the next command (Telit, u-blox 20; Cinterion
   * 100).
   */
  guardMs: number;
}

interface Waiter {
  id: number;
  command: AtCommand;
  options: ExecuteOptions;
  isReady: boolean;
  resolve(lines: string[]): void;
  reject(error: Error): void;
}

/**
 * Milliseconds without a line after which results that are still due are taken to have been
 * dropped.
 */
const quietMs = 1000;

/**
 * Milliseconds in which a command that was given up may be answered all the same, although the
 * modem is in step again without that: some do one thing beside another.
 */
const lateErrorsMs = 60_000;

/** Milliseconds within which a bare `AT` that sets a result free does so. */
const freedWithinMs = 2000;

/** What a UART that sleeps may lose, in octets, and milliseconds that it takes to wake up. */
const wakingOctets = 8;
const wakingMs = 100;

/** How long a bare `AT` may take, and how often it is tried, before the modem counts as silent. */
const syncTimeoutMs = 1000;

/**
 * Results on, in words, and no echo (V.250 6.2.5, 6.2.6, 6.2.4), written blind: somebody may have
 * left Q1 or V0 in the modem.
 */
const speakUp = 'ATQ0V1E0';

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
  /**
   * Milliseconds between a final result code and the next command; the modem's profile, once known,
   * sets it.
   */
  guardMs: number;
  /** True when the modem has echoed the last command. */
  echoes = false;
  /**
   * How often the dialogue was found out of step: a result due to nobody, or a question that was
   * answered with OK alone. What was read while this counted up may have answered another question.
   */
  outOfStepCount = 0;
  readonly #listener: AtSessionListener;
  readonly #reader = new LineReader();
  #link: SerialLink | undefined;
  #state: AtState = initialAtState;
  #timer: NodeJS.Timeout | undefined;
  #textTimer: NodeJS.Timeout | undefined;
  /** A result came as a number. */
  #saysNumbers = false;
  /** Questions that this modem answers with OK alone, in step or not. */
  readonly #terse = new Set<string>();
  #waiter: Waiter | undefined;
  #nextId = 1;
  /** The end of the line of those who wait for their turn. */
  #turn: Promise<unknown> = Promise.resolve();
  /** When the last final result code came; what is unsolicited says nothing about debts. */
  #lastResultAt = 0;
  #lastFinalAt = Number.NEGATIVE_INFINITY;
  /** When an information response of the command in flight last came. */
  #lastResponseAt = Number.NEGATIVE_INFINITY;
  /** A command of a caller's was given up, and its result may be among those due. */
  #isOwedResult = false;
  /** When such a result was last taken to have been dropped. */
  #missedResultAt = Number.NEGATIVE_INFINITY;
  /** When a bare `AT` asked for the result of a payload. */
  #probedAt = Number.NEGATIVE_INFINITY;
  /** What the command in flight lacked when its time after the payload was over first. */
  #lateFor: 'response' | 'ok' | undefined;
  readonly #ended = new AbortController();
  /** Told once when the next line comes; for the quiet time of a resynchronisation. */
  #onNextLine: (() => void) | undefined;

  private constructor(options: AtSessionOptions, listener: AtSessionListener) {
    this.guardMs = options.guardMs;
    this.#listener = listener;
    this.#reader.on('data', (line: string) => this.#takeLine(line));
  }

  /** Opens the link and a session on it; rejects with the link's `LinkLost`. */
  static async open(
    openLink: OpenLink,
    options: AtSessionOptions,
    listener: AtSessionListener,
  ): Promise<AtSession> {
    const session = new AtSession(options, listener);
    const linkListener: LinkListener = {
      onData: (bytes) => session.#reader.write(bytes),
      onClose: (cause) => session.#end(cause),
    };
    session.#link = await openLink(linkListener);
    return session;
  }

  /** Lines dropped for being longer than any real one. */
  get droppedLines(): number {
    return this.#reader.droppedLines;
  }

  /**
   * `performance.now()` milliseconds of the last information response to a command of ours. The end
   * of the command says less: it may have been waited for in vain.
   */
  get lastResponseAt(): number {
    return this.#lastResponseAt;
  }

  /** Milliseconds since the modem last answered anything, or was given up. */
  get idleMs(): number {
    return performance.now() - this.#lastResultAt;
  }

  /**
   * True when an earlier command was given up: {@link synchronise} must run before the next one.
   */
  get needsSynchronising(): boolean {
    return this.#state.resultsDue > 0;
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
      work((command, options = {}) => this.#runInStep(command, options), this.#ended.signal),
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
      this.#link?.write('\r'.repeat(wakingOctets));
      await this.#pause(wakingMs);
    });
  }

  /**
   * Ends the session as lost although the link is open, as when the modem says that it rebooted.
   */
  fail(cause: Error): void {
    this.#end(cause);
  }

  /** Closes the link; every command that waits is rejected with `AtLinkLost`. */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.#link?.close();
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
    let echoed = false;
    let errors = 0;
    const busyUntil = performance.now() + busyForMs;
    this.#saysNumbers = false;
    this.#reader.bareResultAwaited = mayBeMute;
    try {
      for (let attempt = 1; ; attempt += 1) {
        this.#write(ESC);
        await this.#pause(Math.max(20, this.guardMs));
        // Silence to AT may be Q1: every other time the question is the cure.
        const isCure = mayBeMute && (this.#saysNumbers || (attempt + errors) % 2 === 0);
        this.#saysNumbers = false;
        try {
          await this.#run(
            { text: isCure ? speakUp : 'AT', timeoutMs: syncTimeoutMs, numeric: mayBeMute },
            {},
          );
          echoed ||= this.echoes;
          if (!this.#saysNumbers && (await this.#awaitResultsDue())) return;
          if (attempt >= attempts + mostStrays) throw new AtTimeout('AT', 'command', []);
        } catch (error) {
          if (error instanceof AtLinkLost) throw error;
          echoed ||= this.echoes;
          // An ERROR is an answer too, perhaps an older command's: ask again until AT is answered
          // by OK.
          const said = error instanceof AtCommandError ? error.final : undefined;
          if (said !== undefined && performance.now() < busyUntil) {
            attempt -= 1;
            errors += 1;
            if (errors > 1) await this.#pause(syncTimeoutMs);
          } else if (attempt >= attempts)
            throw error instanceof AtTimeout ? error : new AtTimeout('AT', 'command', [], said);
        }
      }
    } finally {
      this.echoes ||= echoed;
      this.#reader.bareResultAwaited = false;
    }
  }

  async #runInStep(command: AtCommand, options: ExecuteOptions): Promise<string[]> {
    if (this.needsSynchronising && !options.outOfStep) await this.#synchronise(2);
    const lines = await this.#run(command, options);
    if (lines.length > 0 || !requiresResponse(command) || this.#terse.has(command.text))
      return lines;
    this.outOfStepCount += 1;
    this.#state = { ...this.#state, resultsDue: this.#state.resultsDue + 1 };
    await this.#synchronise(2);
    const again = await this.#run(command, options);
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
    const onAbort = () => {
      if (this.#waiter?.command === command) this.#feed({ kind: 'timeout' });
    };
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

  async #run(command: AtCommand, options: ExecuteOptions): Promise<string[]> {
    const guard = this.#lastFinalAt + this.guardMs - performance.now();
    if (guard > 0) await this.#pause(guard);
    if (options.giveUp?.aborted === true) throw new AtGivenUp(command.text);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const waiter = { id, command, options, isReady: !options.ready, resolve, reject };
      void options.ready?.then(() => this.#noteReady(waiter));
      this.#waiter = waiter;
      this.echoes = false;
      this.#lateFor = undefined;
      this.#feed({ kind: 'start', id, command: this.#withDoubt(command) });
    });
  }

  /** The command, and whether what ends it may answer one that was given up. */
  #withDoubt(command: AtCommand): AtCommand {
    const mayMeetLateErrors = performance.now() - this.#missedResultAt < lateErrorsMs;
    if (command.payload === undefined || !mayMeetLateErrors) return command;
    return { ...command, payload: { ...command.payload, mayMeetLateErrors } };
  }

  /**
   * True when no result is due any more; a second of silence cancels the rest. False when more came
   * than were due.
   */
  async #awaitResultsDue(): Promise<boolean> {
    while (this.#state.resultsDue > 0 && !this.#state.lost) {
      const sinceResult = performance.now() - this.#lastResultAt;
      if (sinceResult < quietMs) await this.#lineOr(quietMs - sinceResult);
      else {
        this.#state = { ...this.#state, resultsDue: 0 };
        if (this.#isOwedResult) this.#missedResultAt = performance.now();
      }
    }
    this.#isOwedResult = false;
    const before = this.#lastResultAt;
    await this.#pause(Math.max(20, this.guardMs));
    return this.#lastResultAt === before;
  }

  #lineOr(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#onNextLine = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#onNextLine = done;
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  #takeLine(line: string): void {
    if (this.#state.lost) return;
    this.#traceFromModem(line);
    if (this.#reader.bareResultAwaited && parseNumericResult(line) !== undefined)
      this.#saysNumbers = true;
    if (line === PROMPT) {
      const isHeld = this.#waiter?.isReady === false;
      if (!isHeld) this.#askMayCommit();
      this.#feed({ kind: 'prompt', isHeld });
    } else {
      this.#noteIfFreed(line);
      this.#feed({ kind: 'line', text: line });
    }
    this.#onNextLine?.();
  }

  #noteReady(waiter: Waiter): void {
    waiter.isReady = true;
    if (waiter !== this.#waiter || this.#state.running?.awaits !== 'release') return;
    this.#askMayCommit();
    this.#feed({ kind: 'release' });
  }

  #askMayCommit(): void {
    if (this.#waiter?.options.mayCommit?.() === false) this.#feed({ kind: 'cancel' });
  }

  #noteIfFreed(line: string): void {
    const { running } = this.#state;
    if (running?.stage !== 'result' || running.probes === 0 || running.lines.length > 0) return;
    if (performance.now() - this.#probedAt > freedWithinMs) return;
    if (running.command.response?.test(line) === true) this.#waiter?.options.onFreed?.();
  }

  #takeTimeout(): void {
    const { running } = this.#state;
    if (running?.awaits === 'end of pause') this.#askMayCommit();
    if (running?.stage === 'result') {
      this.#probedAt = performance.now();
      this.#lateFor ??= running.lines.length > 0 ? 'ok' : 'response';
    }
    this.#feed({ kind: 'timeout' });
  }

  #feed(event: AtEvent): void {
    const before = this.#state.running?.stage;
    const linesBefore = this.#state.running?.lines.length ?? 0;
    const [state, effects] = step(this.#state, event);
    this.#state = state;
    if (event.kind === 'line' && linesOf(state, effects) > linesBefore)
      this.#lastResponseAt = performance.now();
    for (const effect of effects) this.#carryOut(effect);
    if (before === 'prompt' && state.running?.stage === 'result')
      this.#waiter?.options.onCommitted?.();
  }

  #carryOut(effect: AtEffect): void {
    switch (effect.kind) {
      case 'write':
        this.#write(effect.bytes);
        break;
      case 'await_prompt':
      case 'ignore_prompt':
        this.#reader.promptAwaited = effect.kind === 'await_prompt';
        break;
      case 'timer':
        clearTimeout(this.#timer);
        if (effect.ms !== undefined) this.#timer = setTimeout(() => this.#takeTimeout(), effect.ms);
        break;
      case 'text_timer':
        clearTimeout(this.#textTimer);
        if (effect.ms !== undefined)
          this.#textTimer = setTimeout(() => this.#feed({ kind: 'text_over' }), effect.ms);
        break;
      case 'out_of_step':
        this.outOfStepCount += 1;
        break;
      case 'settle':
        this.#settle(effect.outcome);
        break;
      case 'urc':
        this.#listener.onUrc(effect.line, effect.pdu);
        break;
      case 'stray':
        this.#lastResultAt = performance.now();
        this.#listener.onUrc(effect.line, undefined);
        if (effect.isSurplus === true) this.#listener.onSurplus?.(effect.line);
        break;
      case 'echo':
        this.echoes = true;
        break;
    }
  }

  #settle(outcome: AtOutcome): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (
      outcome.kind === 'error' &&
      outcome.stage === 'command' &&
      this.#isPerhapsForeign(outcome.error)
    )
      this.#state = { ...this.#state, resultsDue: this.#state.resultsDue + 1 };
    this.#lastFinalAt = performance.now();
    this.#lastResultAt = performance.now();
    if (!waiter) return;
    // A bare AT is answered by no error of its own.
    const isOfCaller = waiter.command.text !== 'AT' && waiter.command.text !== speakUp;
    if (outcome.kind === 'timeout' && outcome.stage !== 'result' && isOfCaller)
      this.#isOwedResult = true;
    const isPayloadsOk = outcome.kind === 'ok' && waiter.command.payload !== undefined;
    if (isPayloadsOk && this.#lateFor !== 'response')
      waiter.options.onOk?.(this.#lateFor === undefined);
    if (outcome.kind === 'ok') waiter.resolve(outcome.lines);
    else waiter.reject(outcomeError(waiter.command.text, outcome));
  }

  #isPerhapsForeign(error: FinalError): boolean {
    return this.#listener.isPerhapsForeign?.(error) === true;
  }

  #traceFromModem(line: string): void {
    if (!this.#wantsTrace()) return;
    const { running, text } = this.#state;
    this.#trace('<', text === undefined ? tellableLine(line, running?.command) : lengthOf(line));
  }

  #trace(direction: '>' | '<', line: string): void {
    if (this.#wantsTrace())
      this.#listener.onTrace?.(direction, redactAtLine(line.replace(/\r$/, '')));
  }

  #wantsTrace(): boolean {
    return this.#listener.onTrace !== undefined && this.#listener.wantsTrace?.() !== false;
  }

  #write(bytes: string): void {
    this.#trace('>', bytes);
    this.#link?.write(bytes);
  }

  #end(cause: Error | undefined): void {
    if (this.#state.lost) return;
    this.#feed({ kind: 'lost', cause: cause ?? new Error('the session was closed') });
    this.#onNextLine?.();
    this.#ended.abort();
    this.#listener.onLost(cause);
  }
}

/**
 * How many information responses the command in flight has, or had when it was settled in this
 * step.
 */
function linesOf({ running }: AtState, effects: readonly AtEffect[]): number {
  if (running !== undefined) return running.lines.length;
  const settled = effects.find((effect) => effect.kind === 'settle');
  return settled?.outcome.kind === 'ok' ? settled.outcome.lines.length : 0;
}
