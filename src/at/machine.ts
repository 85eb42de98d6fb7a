/**
 * The AT dialogue as a pure function: one command at a time, a command line answered by information responses and
 * one final result code (V.250 5.7), or by a prompt, a payload and then those (27.005 3.5.1). It knows no SMS and no
 * clock; `session.ts` feeds it and carries out its effects.
 *
 * What it must never do, explored exhaustively in test/at/machine.test.ts: leave a command unsettled, take a line that answers an
 * earlier command for an answer to this one's payload, write a payload without its own prompt, or write a second command inside the first.
 */
import {
  type FinalError,
  isFreeText,
  isPduLine,
  isSecondLine,
  isTwoLineUrc,
  parseFinalResult,
} from './lines.js';

export const ESC = '\x1b';
export const CTRL_Z = '\x1a';

/** A command line, and how its reply is known. */
export interface AtCommand {
  /** Without the CR, e.g. `AT+CREG?`. */
  text: string;
  /** Which lines are its information responses; others are URCs. Undefined: it has none. */
  response?: RegExp;
  /** Milliseconds until the final result code, or, with a payload, until the prompt. */
  timeoutMs: number;
  /** For a command that asks for a payload by a prompt. */
  payload?: AtPayload;
}

export interface AtPayload {
  /** Without the Ctrl-Z. */
  text: string;
  /** Milliseconds from Ctrl-Z to giving up; the outcome is then unknown. */
  resultTimeoutMs: number;
  /** Milliseconds after Ctrl-Z (and again after each such time) at which a bare `AT` asks whether the modem is free. */
  probeAfterMs: number;
  /** Milliseconds to wait for the other half when `OK` came without the response, or the response without `OK`. */
  graceMs: number;
  /** True when an echo of the command proves that the modem has lost its settings (it was told ATE0, and obeyed). */
  echoMeansReset: boolean;
}

/**
 * How far a command came. `command`: written, waiting for its final result. `prompt`: waiting for the prompt; nothing of the payload
 * is written. `result`: payload and Ctrl-Z are written.
 */
export type AtStage = 'command' | 'prompt' | 'result';

export type AtOutcome =
  | { kind: 'ok'; lines: string[] }
  | { kind: 'error'; stage: AtStage; error: FinalError; lines: string[] }
  | { kind: 'timeout'; stage: AtStage; lines: string[] }
  | { kind: 'lost'; stage: AtStage; cause: Error }
  /** Left at the prompt with ESC: the payload was never written. */
  | { kind: 'cancelled'; because: 'caller' | 'reset' }
  /** After Ctrl-Z the modem answers to `AT` again, but never gave the result. */
  | { kind: 'no_result'; lines: string[] };

export type AtEvent =
  | { kind: 'start'; id: number; command: AtCommand }
  | { kind: 'line'; text: string }
  | { kind: 'prompt' }
  | { kind: 'timeout' }
  | { kind: 'cancel' }
  | { kind: 'lost'; cause: Error };

export type AtEffect =
  | { kind: 'write'; bytes: string }
  | { kind: 'await_prompt' }
  | { kind: 'ignore_prompt' }
  /** The one timer: replaces the one before; undefined stops it. */
  | { kind: 'timer'; ms: number | undefined }
  | { kind: 'settle'; id: number; outcome: AtOutcome }
  | { kind: 'urc'; line: string; pdu: string | undefined }
  /** A line that answers nothing we asked: a late reply to a command that was given up. */
  | { kind: 'stray'; line: string }
  | { kind: 'echo' };

interface Running {
  readonly id: number;
  readonly command: AtCommand;
  readonly stage: AtStage;
  readonly lines: readonly string[];
  readonly okSeen: boolean;
  readonly abandon: 'caller' | 'reset' | undefined;
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
  /** Final result codes the modem still owes for commands that were given up; while not 0, resynchronise before the next command. */
  readonly owed: number;
  readonly lost: Error | undefined;
}

export type AtStep = [AtState, AtEffect[]];

export const initialAtState: AtState = { running: undefined, urcHead: undefined, owed: 0, lost: undefined };

/** Lines of one reply that are kept (a full `+CMGL` of 255 slots is 510); what comes beyond is dropped (I5). */
const maxReplyLines = 1024;

/** One event in, the next state and what to do out. Throws only on `start` inside a running command: callers take turns. */
export function step(state: AtState, event: AtEvent): AtStep {
  switch (event.kind) {
    case 'start':
      return start(state, event.id, event.command);
    case 'line':
      return takeLine(state, event.text);
    case 'prompt':
      return takePrompt(state);
    case 'timeout':
      return takeTimeout(state);
    case 'cancel':
      return cancel(state);
    case 'lost':
      return lose(state, event.cause);
  }
}

function start(state: AtState, id: number, command: AtCommand): AtStep {
  if (state.lost) {
    return [state, [{ kind: 'settle', id, outcome: { kind: 'lost', stage: 'command', cause: state.lost } }]];
  }
  if (state.running) throw new Error(`"${state.running.command.text}" is still in flight`);
  const stage = command.payload ? 'prompt' : 'command';
  const running: Running = {
    id,
    command,
    stage,
    lines: [],
    okSeen: false,
    abandon: undefined,
    waitedMs: 0,
    timerMs: command.timeoutMs,
    probes: 0,
  };
  return [
    { ...state, running },
    [
      ...(command.payload ? [{ kind: 'await_prompt' } as const] : []),
      { kind: 'write', bytes: `${command.text}\r` },
      { kind: 'timer', ms: command.timeoutMs },
    ],
  ];
}

function takeLine(state: AtState, line: string): AtStep {
  if (state.urcHead !== undefined) {
    const taken = isSecondLine(state.urcHead, line);
    const urc: AtEffect = {
      kind: 'urc',
      line: state.urcHead,
      pdu: taken && isPduLine(line) ? line : undefined,
    };
    const settled = { ...state, urcHead: undefined };
    if (taken) return [settled, [urc]];
    const [next, effects] = takeLine(settled, line);
    return [next, [urc, ...effects]];
  }
  if (isTwoLineUrc(line)) return [{ ...state, urcHead: line }, []];
  const { running } = state;
  if (!running) return takeIdleLine(state, line);
  if (line === running.command.text || line === 'AT') return takeEcho(state, running);
  if (line === running.command.payload?.text) return [state, []];
  const final = parseFinalResult(line);
  if (final === 'OK') return takeOk(state, running);
  if (final) return takeError(state, running, final, line);
  return takeText(state, running, line);
}

function takeIdleLine(state: AtState, line: string): AtStep {
  if (parseFinalResult(line)) {
    return [{ ...state, owed: Math.max(0, state.owed - 1) }, [{ kind: 'stray', line }]];
  }
  return [state, [{ kind: 'urc', line, pdu: undefined }]];
}

function takeEcho(state: AtState, running: Running): AtStep {
  const { command, stage } = running;
  const reset = command.payload?.echoMeansReset === true && stage === 'prompt' && !running.abandon;
  const next = reset ? { ...running, abandon: 'reset' as const } : running;
  return [{ ...state, running: next }, [{ kind: 'echo' }]];
}

function takeOk(state: AtState, running: Running): AtStep {
  if (running.stage === 'command') return settle(state, { kind: 'ok', lines: [...running.lines] }, 0);
  // Before the prompt no OK is ours: it answers something older.
  if (running.stage === 'prompt') return [state, [{ kind: 'stray', line: 'OK' }]];
  if (running.lines.length > 0)
    return settle(state, { kind: 'ok', lines: [...running.lines] }, running.probes);
  if (running.probes > 0) return settle(state, { kind: 'no_result', lines: [] }, running.probes);
  // Some Sierra firmware says OK at the prompt already; the response may still come.
  return rearm(state, { ...running, okSeen: true }, running.command.payload?.graceMs ?? 0);
}

function takeError(state: AtState, running: Running, error: FinalError, line: string): AtStep {
  // NO CARRIER ends somebody's incoming call; it says nothing about the prompt or the payload.
  if (running.stage !== 'command' && line === 'NO CARRIER')
    return [state, [{ kind: 'urc', line, pdu: undefined }]];
  const outcome: AtOutcome = { kind: 'error', stage: running.stage, error, lines: [...running.lines] };
  const [next, effects] = settle(state, outcome, running.probes);
  return [next, running.stage === 'prompt' ? [{ kind: 'ignore_prompt' }, ...effects] : effects];
}

function takeText(state: AtState, running: Running, line: string): AtStep {
  const { response, payload } = running.command;
  // A free-form response (AT+CGMI) is known by what it is not; one with a prefix of its own is never mistaken.
  const matches =
    response === anyText ? isFreeText(running.command.text, line) : response?.test(line) === true;
  if (!matches) return [state, [{ kind: 'urc', line, pdu: undefined }]];
  const next = { ...running, lines: [...running.lines, line] };
  if (!payload) return [running.lines.length < maxReplyLines ? { ...state, running: next } : state, []];
  // Before our own Ctrl-Z it answers somebody else's payload; a second one answers nothing.
  if (running.stage !== 'result' || running.lines.length > 0) return [state, [{ kind: 'stray', line }]];
  if (running.okSeen) return settle(state, { kind: 'ok', lines: [...next.lines] }, running.probes);
  return rearm(state, next, payload.graceMs);
}

/** The `response` of commands that answer in free form: every line that is not a known URC. */
export const anyText = /^./;

function takePrompt(state: AtState): AtStep {
  const { running } = state;
  const payload = running?.command.payload;
  if (!running || !payload || running.stage !== 'prompt') return [state, [{ kind: 'stray', line: '>' }]];
  if (running.abandon) {
    const [next, effects] = settle(state, { kind: 'cancelled', because: running.abandon }, 1);
    return [next, [{ kind: 'write', bytes: ESC }, ...effects]];
  }
  const [next, effects] = rearm(
    state,
    { ...running, stage: 'result' },
    Math.min(payload.probeAfterMs, payload.resultTimeoutMs),
  );
  return [next, [{ kind: 'write', bytes: payload.text + CTRL_Z }, ...effects]];
}

function takeTimeout(state: AtState): AtStep {
  const { running } = state;
  if (!running) return [state, []];
  const lines = [...running.lines];
  if (running.stage === 'command') return settle(state, { kind: 'timeout', stage: 'command', lines }, 1);
  if (running.stage === 'prompt') {
    const [next, effects] = settle(state, { kind: 'timeout', stage: 'prompt', lines }, 1);
    return [next, [{ kind: 'ignore_prompt' }, { kind: 'write', bytes: ESC }, ...effects]];
  }
  const { probeAfterMs, resultTimeoutMs } = running.command.payload as AtPayload;
  const waitedMs = running.waitedMs + running.timerMs;
  if (waitedMs >= resultTimeoutMs) {
    return settle(state, { kind: 'timeout', stage: 'result', lines }, running.probes + 1);
  }
  const probed = { ...running, waitedMs, probes: running.probes + 1 };
  const [next, effects] = rearm(state, probed, Math.min(probeAfterMs, resultTimeoutMs - waitedMs));
  return [next, [{ kind: 'write', bytes: 'AT\r' }, ...effects]];
}

function cancel(state: AtState): AtStep {
  const { running } = state;
  if (running?.stage !== 'prompt' || running.abandon) return [state, []];
  return [{ ...state, running: { ...running, abandon: 'caller' } }, []];
}

function lose(state: AtState, cause: Error): AtStep {
  if (state.lost) return [state, []];
  const { running } = state;
  const lostState: AtState = { ...initialAtState, lost: cause };
  const settled: AtEffect[] = running
    ? [{ kind: 'settle', id: running.id, outcome: { kind: 'lost', stage: running.stage, cause } }]
    : [];
  return [lostState, [{ kind: 'timer', ms: undefined }, { kind: 'ignore_prompt' }, ...settled]];
}

/** Ends the running command; `owed` final result codes may still come. */
function settle(state: AtState, outcome: AtOutcome, owed: number): AtStep {
  const { running } = state;
  if (!running) return [state, []];
  return [
    { ...state, running: undefined, owed: state.owed + owed },
    [
      { kind: 'timer', ms: undefined },
      { kind: 'settle', id: running.id, outcome },
    ],
  ];
}

function rearm(state: AtState, running: Running, ms: number): AtStep {
  return [{ ...state, running: { ...running, timerMs: ms } }, [{ kind: 'timer', ms }]];
}
