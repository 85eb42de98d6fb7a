import type { LinkListener, OpenLink, SerialLink } from '../serial/link.js';
import { type AtState, initialAtState } from './at-state.js';
import type {
  AtCommand,
  AtEffect,
  AtEvent,
  AtOutcome,
  AtSessionListener,
  AtSessionOptions,
  ExecuteOptions,
} from './command.js';
import { AtGivenUp, outcomeError } from './errors.js';
import { parseNumericResult } from './lines.js';
import { step } from './machine.js';
import { UnansweredOctets } from './other-port.js';
import { LineReader, PROMPT } from './reader.js';
import { lengthOf, redactAtLine, tellableLine } from './redact.js';

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

/**
 * A bare `AT`, and the line that makes a modem speak (V.250 6.2.5, 6.2.6, 6.2.4): results on, in
 * words, and no echo, for somebody may have left Q1 or V0 in it. Neither is a caller's.
 */
export const bareAt = 'AT';
export const speakUp = 'ATQ0V1E0';

/**
 * One command and its reply over one link: feeds what comes to the machine, and carries out what
 * that decides. Each command settles, with its information responses or an error of `errors.ts`.
 * Who calls it lets one command run at a time.
 */
export class AtExchange {
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
  /** What came while nothing was answered yet. */
  readonly unanswered = new UnansweredOctets();
  #link: SerialLink | undefined;
  #state: AtState = initialAtState;
  #timer: NodeJS.Timeout | undefined;
  #textTimer: NodeJS.Timeout | undefined;
  #waiter: Waiter | undefined;
  #nextId = 1;
  /** A result came as a number; {@link listenForNumbers} begins to look for that. */
  saysNumbers = false;
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

  /** Opens the link; rejects with its `LinkLost`. */
  static async open(
    openLink: OpenLink,
    options: AtSessionOptions,
    listener: AtSessionListener,
  ): Promise<AtExchange> {
    const exchange = new AtExchange(options, listener);
    const linkListener: LinkListener = {
      onData: (bytes) => {
        exchange.unanswered.note(bytes);
        exchange.#reader.write(bytes);
      },
      onClose: (cause) => exchange.end(cause),
    };
    exchange.#link = await openLink(linkListener);
    return exchange;
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

  /** True while the results of commands that were given up may come, and answer the next one. */
  get areResultsDue(): boolean {
    return this.#state.resultsDue > 0;
  }

  /** Aborted when the link is gone, or closed. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** One command, once the guard time is over; resolves with its information responses. */
  async run(command: AtCommand, options: ExecuteOptions = {}): Promise<string[]> {
    const guard = this.#lastFinalAt + this.guardMs - performance.now();
    if (guard > 0) await pause(guard);
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

  /** Gives `command` up, if it is in flight, as if its time were over. */
  giveUp(command: AtCommand): void {
    if (this.#waiter?.command === command) this.#feed({ kind: 'timeout' });
  }

  /** Writes octets that are no command. */
  write(bytes: string): void {
    this.#trace('>', bytes);
    this.#link?.write(bytes);
  }

  /** Whether results may come as numbers (`ATV0`); a bare digit is then a line. */
  listenForNumbers(mayCome: boolean): void {
    this.saysNumbers = false;
    this.#reader.bareResultAwaited = mayCome;
  }

  /** What ended a command was another's result: its own is still to come. */
  noteForeignResult(): void {
    this.#state = { ...this.#state, resultsDue: this.#state.resultsDue + 1 };
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
  async settleResultsDue(): Promise<boolean> {
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
    await pause(Math.max(20, this.guardMs));
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

  #takeLine(line: string): void {
    if (this.#state.lost) return;
    this.#traceFromModem(line);
    if (this.#reader.bareResultAwaited && parseNumericResult(line) !== undefined)
      this.saysNumbers = true;
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
        this.write(effect.bytes);
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
    if (outcome.kind === 'ok' || outcome.kind === 'error') this.unanswered.answered();
    const isError = outcome.kind === 'error' && outcome.stage === 'command';
    if (isError && this.#listener.isPerhapsForeign?.(outcome.error)) this.noteForeignResult();
    this.#lastFinalAt = performance.now();
    this.#lastResultAt = performance.now();
    if (!waiter) return;
    // A bare AT is answered by no error of its own.
    const isOfCaller = waiter.command.text !== bareAt && waiter.command.text !== speakUp;
    if (outcome.kind === 'timeout' && outcome.stage !== 'result' && isOfCaller)
      this.#isOwedResult = true;
    const isPayloadsOk = outcome.kind === 'ok' && waiter.command.payload !== undefined;
    if (isPayloadsOk && this.#lateFor !== 'response')
      waiter.options.onOk?.(this.#lateFor === undefined);
    if (outcome.kind === 'ok') waiter.resolve(outcome.lines);
    else waiter.reject(outcomeError(waiter.command.text, outcome));
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

  /** Ends with its link, or without: every command that waits is rejected with `AtLinkLost`. */
  end(cause: Error | undefined): void {
    if (this.#state.lost) return;
    this.#feed({ kind: 'lost', cause: cause ?? new Error('the session was closed') });
    this.#onNextLine?.();
    this.#ended.abort();
    this.#listener.onLost(cause);
  }

  /** Closes the link as well. */
  async close(): Promise<void> {
    this.end(undefined);
    await this.#link?.close();
  }
}

/** Resolves after so many milliseconds. */
export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/**
 * How many information responses the command in flight has, or had when it was settled in this
 * step.
 */
function linesOf({ running }: AtState, effects: readonly AtEffect[]): number {
  if (running !== undefined) return running.lines.length;
  const settled = effects.find((effect) => effect.kind === 'settle');
  return settled?.outcome.kind === 'ok' ? settled.outcome.lines.length : 0;
}
