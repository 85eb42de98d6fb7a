/** What the AT dialogue is made of: commands, what happens to them, and what comes of it. */

import type { FinalError } from './lines.js';

/** A command line, and how its reply is known. */
export interface AtCommand {
  /** Without the CR, e.g. `AT+CREG?`. */
  text: string;
  /** Which lines are its information responses; others are URCs. Undefined: it has none. */
  response?: RegExp;
  /** Milliseconds until the final result code, or, with a payload, until the prompt. */
  timeoutMs: number;
  /**
   * Milliseconds for the final result code once the first response has come, where some modems are
   * known to leave it out; default: what is left of {@link timeoutMs}.
   */
  endMs?: number;
  /** For a command that asks for a payload by a prompt. */
  payload?: AtPayload;
  /**
   * An OK without `response` was not this command's, and to ask again changes nothing. By default
   * what sets no value (27.007 4: `?` and the command alone).
   */
  requiresResponse?: boolean;
  /** Results as numbers (`ATV0`) are understood: for a modem whose settings are not known yet. */
  numeric?: boolean;
}

export interface AtPayload {
  /** Without the Ctrl-Z. */
  text: string;
  /** Milliseconds from Ctrl-Z to giving up; the outcome is then unknown. */
  resultTimeoutMs: number;
  /**
   * Milliseconds after Ctrl-Z (and again after each such time) at which a bare `AT` asks whether
   * the modem is free.
   */
  probeAfterMs: number;
  /** Milliseconds to wait for the response behind an error that may be anybody's. */
  graceMs: number;
  /** Milliseconds to wait for `OK` when the response came without it. */
  okGraceMs: number;
  /** The same when `OK` came without the response; undefined: as long as if nothing had come. */
  graceAfterOkMs?: number;
  /** Milliseconds between the prompt and the payload. */
  pauseMs: number;
  /**
   * Which errors end this command only: once a bare `AT` is out as well, or while another command
   * may be answered late, any other may be that one's.
   */
  isOwnError(error: FinalError): boolean;
  /**
   * True while an earlier payload's result may still come: an error before the prompt may be that.
   */
  mayMeetForeignErrors: boolean;
  /**
   * True while a command that was given up may still be answered: an error after Ctrl-Z that is not
   * {@link isOwnError} may be that, and says nothing of this payload. The session sets it.
   */
  mayMeetLateErrors?: boolean;
  /**
   * True when an echo of the command proves that the modem has lost its settings (it was told ATE0,
   * and obeyed).
   */
  echoMeansReset: boolean;
}

/** Extra words to one command. */
export interface ExecuteOptions {
  /**
   * Asked when the prompt has come and nothing of the payload is written: false leaves the prompt
   * with ESC.
   */
  mayCommit?(): boolean;
  /**
   * The payload is not written before this has settled, which must be soon: until then the modem is
   * kept at its prompt, for {@link AtCommand.timeoutMs} at most. Never rejects.
   */
  ready?: Promise<void> | undefined;
  /** Called as payload and Ctrl-Z are written. */
  onCommitted?(): void;
  /**
   * Called where the response came right behind a bare `AT` that asked for it: it may have set it
   * free.
   */
  onFreed?(): void;
  /**
   * Called where a payload's response came unasked, and the command has ended well: whether its OK
   * came in its time, or a bare `AT` had to end it.
   */
  onOk?(came: boolean): void;
  /**
   * For a command without a payload: once aborted, it is written no more, or given up as if its
   * time were over, and the modem has what is left of that time to answer `AT` again.
   */
  giveUp?: AbortSignal | undefined;
  /**
   * Write it even when the dialogue is out of step: for what is a last resort and needs no answer.
   */
  outOfStep?: boolean;
}

/** One command within a turn; see `AtSession.exclusively`. */
export type RunCommand = (command: AtCommand, options?: ExecuteOptions) => Promise<string[]>;

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

/**
 * How far a command came. `command`: written, waiting for its final result. `prompt`: waiting for
 * the prompt; nothing of the payload is written. `result`: payload and Ctrl-Z are written.
 */
export type AtStage = 'command' | 'prompt' | 'result';

export type AtOutcome =
  | { kind: 'ok'; lines: string[] }
  /**
   * `mayBeForeign`: it may as well answer the bare `AT` that asked for the result, or a command
   * that was given up; the result may then still come.
   */
  | { kind: 'error'; stage: AtStage; error: FinalError; lines: string[]; mayBeForeign: boolean }
  | { kind: 'timeout'; stage: AtStage; lines: string[] }
  | { kind: 'lost'; stage: AtStage; cause: Error }
  /** Left at the prompt with ESC: the payload was never written. */
  | { kind: 'cancelled'; because: 'caller' | 'reset' }
  /** After Ctrl-Z the modem answers to `AT` again, but never gave the result. */
  | { kind: 'no_result'; lines: string[] };

export type AtEvent =
  | { kind: 'start'; id: number; command: AtCommand }
  | { kind: 'line'; text: string }
  /** `isHeld`: the payload must not be written before `release`. */
  | { kind: 'prompt'; isHeld?: boolean }
  | { kind: 'release' }
  | { kind: 'timeout' }
  /** The time of `text_timer` is over. */
  | { kind: 'text_over' }
  | { kind: 'cancel' }
  | { kind: 'lost'; cause: Error };

export type AtEffect =
  | { kind: 'write'; bytes: string }
  | { kind: 'await_prompt' }
  | { kind: 'ignore_prompt' }
  /** The one timer: replaces the one before; undefined stops it. */
  | { kind: 'timer'; ms: number | undefined }
  /** The timer of a text that is open, beside that of the command. */
  | { kind: 'text_timer'; ms: number | undefined }
  | { kind: 'settle'; id: number; outcome: AtOutcome }
  /** `line` may hold LF: a text of several lines comes as one. */
  | { kind: 'urc'; line: string; pdu: string | undefined }
  /**
   * A line that answers nothing we asked: a late reply to a command that was given up, or
   * (`isSurplus`) what no command of ours is known to lack.
   */
  | { kind: 'stray'; line: string; isSurplus?: true }
  /**
   * A result came that was due to nobody: an earlier command may have taken a foreign one for its
   * own.
   */
  | { kind: 'out_of_step' }
  | { kind: 'echo' };

/** {@link AtCommand.requiresResponse}, or its default. */
export function requiresResponse(command: AtCommand): boolean {
  if (command.response === undefined || command.payload !== undefined) return false;
  return command.requiresResponse ?? !command.text.includes('=');
}
