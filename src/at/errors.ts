import { foreignWords } from '../words/foreign.js';
import type { AtOutcome, AtStage } from './command.js';
import type { FinalError } from './lines.js';
import { redactAtLine } from './redact.js';

/**
 * The modem said an error as final result code: `ERROR`, `+CME ERROR` (27.007 9.2) or `+CMS ERROR`
 * (27.005 3.2.5).
 */
export class AtCommandError extends Error {
  override readonly name = 'AtCommandError';
  readonly final: FinalError;
  /** With `result`, it came after Ctrl-Z. */
  readonly stage: AtStage;
  /** Information responses that came before it. */
  readonly lines: readonly string[];
  /**
   * After Ctrl-Z: it may as well answer the bare `AT` that asked for the result, or a command that
   * was given up; the result may then still come.
   */
  readonly mayBeForeign: boolean;

  constructor(
    command: string,
    final: FinalError,
    stage: AtStage,
    lines: readonly string[],
    mayBeForeign = false,
  ) {
    super(`${command}: the modem answered ${inWords(final)}`);
    this.final = final;
    this.mayBeForeign = mayBeForeign;
    this.stage = stage;
    this.lines = lines;
  }
}

function inWords({ kind, code, text }: FinalError): string {
  const words = code ?? foreignWords(text);
  return kind === 'ERROR' ? String(words) : `${kind} ${words}`;
}

/**
 * No final result code (or no prompt) in time. The session must be resynchronised before the next
 * command.
 */
export class AtTimeout extends Error {
  override readonly name = 'AtTimeout';
  readonly command: string;
  /** With `result`, it was silent after Ctrl-Z: the outcome is unknown. */
  readonly stage: AtStage;
  readonly lines: readonly string[];
  /** What came instead of an answer, as a phrase; undefined: nothing that tells anything. */
  readonly instead: string | undefined;

  /**
   * @param instead what came to a bare `AT`, over and over: an error, or, as a phrase, what is no
   * answer; undefined: nothing
   */
  constructor(
    command: string,
    stage: AtStage,
    lines: readonly string[],
    instead?: FinalError | string,
  ) {
    const told =
      typeof instead === 'object' ? `the modem answers ${inWords(instead)}, and never OK` : instead;
    super(
      typeof instead === 'object'
        ? `${command}: ${told}`
        : `${command}: no answer in time (${stage})${told === undefined ? '' : `; ${told}`}`,
    );
    this.command = command;
    this.stage = stage;
    this.lines = lines;
    this.instead = told;
  }
}

/**
 * A command was given up because something else is more urgent; the dialogue is in step. Its cause
 * is the timeout of one that was written; without one it was not.
 */
export class AtGivenUp extends Error {
  override readonly name = 'AtGivenUp';

  constructor(command: string, options?: ErrorOptions) {
    super(`${command}: given up for something more urgent`, options);
  }
}

/** The link failed while the command was in flight; `stage` tells whether Ctrl-Z was written. */
export class AtLinkLost extends Error {
  override readonly name = 'AtLinkLost';
  readonly stage: AtStage;

  constructor(command: string, stage: AtStage, cause: Error) {
    super(`${command}: ${cause.message}`, { cause });
    this.stage = stage;
  }
}

/**
 * The prompt was left with ESC, the payload never written: the caller withdrew, or the modem had
 * lost its settings.
 */
export class AtCancelled extends Error {
  override readonly name = 'AtCancelled';
  readonly because: 'caller' | 'reset';

  constructor(command: string, because: 'caller' | 'reset') {
    super(`${command}: left at the prompt (${because})`);
    this.because = because;
  }
}

/** After Ctrl-Z the modem is free again but gave no result: the outcome is unknown. */
export class AtNoResult extends Error {
  override readonly name = 'AtNoResult';

  constructor(command: string) {
    super(`${command}: the modem is free again but never gave the result`);
  }
}

/** What the caller of a command is told of an outcome that is none of its wishes. */
export function outcomeError(command: string, outcome: Exclude<AtOutcome, { kind: 'ok' }>): Error {
  const name = redactAtLine(command);
  switch (outcome.kind) {
    case 'error':
      return new AtCommandError(
        name,
        outcome.error,
        outcome.stage,
        outcome.lines,
        outcome.mayBeForeign,
      );
    case 'timeout':
      return new AtTimeout(name, outcome.stage, outcome.lines);
    case 'lost':
      return new AtLinkLost(name, outcome.stage, outcome.cause);
    case 'cancelled':
      return new AtCancelled(name, outcome.because);
    case 'no_result':
      return new AtNoResult(name);
  }
}
