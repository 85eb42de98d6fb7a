/** Where the dialogue stands, and the steps that a command with a payload and one without share. */

import type { AtCommand, AtEffect, AtOutcome, AtStage } from './command.js';
import type { FinalError } from './lines.js';
import type { OpenText } from './open-text.js';

/** The command in flight. */
export interface Running {
  readonly id: number;
  readonly command: AtCommand;
  readonly stage: AtStage;
  readonly lines: readonly string[];
  readonly okSeen: boolean;
  /**
   * An error that need not be the payload's came, and its response may come all the same. Once a
   * bare `AT` is out, it says that the modem is busy.
   */
  readonly uncertain: FinalError | undefined;
  readonly abandon: 'caller' | 'reset' | undefined;
  /** The prompt has come, and this must come before the payload is written. */
  readonly awaits: 'release' | 'end of pause' | undefined;
  /** Milliseconds of timers that have run since Ctrl-Z. */
  readonly waitedMs: number;
  /** The timer that runs now. */
  readonly timerMs: number;
  /** Bare `AT`s written since Ctrl-Z. */
  readonly probes: number;
}

export interface AtState {
  readonly running: Running | undefined;
  /** First line of a two-line URC whose PDU is still to come. */
  readonly urcHead: string | undefined;
  /** A text from the air that has not ended yet. */
  readonly text: OpenText | undefined;
  /** A response to an earlier payload has come: the `OK` behind it is none of ours. */
  readonly foreignOkDue: boolean;
  /**
   * Final result codes that may still come for commands that were given up; while not 0,
   * resynchronise before the next command.
   */
  readonly resultsDue: number;
  readonly lost: Error | undefined;
}

export type AtStep = [AtState, AtEffect[]];

export const initialAtState: AtState = {
  running: undefined,
  urcHead: undefined,
  text: undefined,
  foreignOkDue: false,
  resultsDue: 0,
  lost: undefined,
};

/** A line that answers nothing we asked. */
export const stray = (state: AtState, line: string): AtStep => [state, [{ kind: 'stray', line }]];

/** The `OK` behind a response to somebody else's payload. */
export const takeForeignOk = (state: AtState): AtStep =>
  stray({ ...state, foreignOkDue: false }, 'OK');

/** Ends the running command; so many final result codes may still come. */
export function settle(state: AtState, outcome: AtOutcome, resultsDue: number): AtStep {
  const { running } = state;
  if (!running) return [state, []];
  return [
    { ...state, running: undefined, resultsDue: state.resultsDue + resultsDue },
    [
      { kind: 'timer', ms: undefined },
      { kind: 'settle', id: running.id, outcome },
    ],
  ];
}

/** Goes on with `running`, for `ms` at most. */
export function rearm(state: AtState, running: Running, ms: number): AtStep {
  return [{ ...state, running: { ...running, timerMs: ms } }, [{ kind: 'timer', ms }]];
}
