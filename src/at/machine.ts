/**
 * The AT dialogue as a pure function: one command at a time, a command line answered by information
 * responses and one final result code (V.250 5.7), or by a prompt, a payload and then those (27.005
 * 3.5.1). It knows no SMS and no clock; `session.ts` feeds it and carries out its effects.
 *
 * What it must never do, explored exhaustively in test/at/machine.test.ts: leave a command
 * unsettled, take a line that answers an earlier command for an answer to this one's payload, write
 * a payload without its own prompt, or write a second command inside the first.
 */
import type { AtCommand, AtEffect, AtEvent, AtOutcome, AtPayload, AtStage } from './command.js';
import {
  type FinalError,
  type FinalResult,
  isCallResult,
  isFreeText,
  isPduLine,
  isSubmitResponse,
  parseFinalResult,
  parseNumericResult,
} from './lines.js';
import {
  beginText,
  isEnded,
  isOver,
  isPduHead,
  type OpenText,
  openTextMs,
  withLine,
} from './open-text.js';

export const ESC = '\x1b';
export const CTRL_Z = '\x1a';

interface Running {
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

/**
 * Lines of one reply that are kept (a full `+CMGL` of 255 slots is 510); what comes beyond is
 * dropped (I5).
 */
const maxReplyLines = 1024;

/**
 * One event in, the next state and what to do out. Throws only on `start` inside a running command:
 * callers take turns.
 */
export function step(state: AtState, event: AtEvent): AtStep {
  if (state.lost !== undefined && event.kind !== 'start') return [state, []];
  switch (event.kind) {
    case 'start':
      return start(state, event.id, event.command);
    case 'line':
      return takeLine(state, event.text);
    case 'prompt':
      return takePrompt(state, event.isHeld === true);
    case 'release':
      return release(state);
    case 'timeout':
      return takeTimeout(state);
    case 'text_over':
      return state.text === undefined ? [state, []] : closeText(state, state.text);
    case 'cancel':
      return cancel(state);
    case 'lost':
      return lose(state, event.cause);
  }
}

function start(state: AtState, id: number, command: AtCommand): AtStep {
  if (state.lost) {
    return [
      state,
      [{ kind: 'settle', id, outcome: { kind: 'lost', stage: 'command', cause: state.lost } }],
    ];
  }
  if (state.running) throw new Error(`"${state.running.command.text}" is still in flight`);
  const stage = command.payload ? 'prompt' : 'command';
  const running: Running = {
    id,
    command,
    stage,
    lines: [],
    okSeen: false,
    uncertain: undefined,
    abandon: undefined,
    awaits: undefined,
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
  if (state.text !== undefined) {
    const text = withLine(state.text, line);
    return isOver(text) ? closeText(state, text) : [{ ...state, text }, []];
  }
  if (state.urcHead !== undefined) {
    const pdu = isPduLine(line) ? line : undefined;
    const urc: AtEffect = { kind: 'urc', line: state.urcHead, pdu };
    const settled = { ...state, urcHead: undefined };
    if (pdu !== undefined) return [settled, [urc]];
    const [next, effects] = takeLine(settled, line);
    return [next, [urc, ...effects]];
  }
  if (isPduHead(line)) return [{ ...state, urcHead: line }, []];
  const text = beginText(line);
  if (text !== undefined)
    return [{ ...state, text }, [{ kind: 'text_timer', ms: openTextMs[text.endsAt] }]];
  return takeWhole(state, line);
}

/**
 * The text is over. What it held is nobody's answer; only one that ended at its own quote can be an
 * information response as a whole. Our own question for a stored SMS answered in text mode is given
 * up, for nobody knows which `OK` was its own.
 */
function closeText(state: AtState, text: OpenText): AtStep {
  const closed = { ...state, text: undefined };
  const stop: AtEffect = { kind: 'text_timer', ms: undefined };
  const [head = ''] = text.text.split('\n', 1);
  const { running } = state;
  const isOwn = running?.stage === 'command' && running.command.response?.test(head) === true;
  if (text.endsAt === 'silence') {
    const urc: AtEffect = { kind: 'urc', line: head, pdu: undefined };
    if (!isOwn) return [closed, [stop, urc]];
    const [next, effects] = settle(closed, { kind: 'timeout', stage: 'command', lines: [] }, 1);
    return [next, [stop, urc, ...effects]];
  }
  const [next, effects] =
    isOwn && running && isEnded(text)
      ? takeText(closed, running, text.text)
      : ([closed, [{ kind: 'urc', line: text.text, pdu: undefined }]] satisfies AtStep);
  return [next, [stop, ...effects]];
}

/** A line that is no part of another. */
function takeWhole(state: AtState, line: string): AtStep {
  const { running } = state;
  if (isCallResult(line)) return [state, [{ kind: 'urc', line, pdu: undefined }]];
  if (!running) return takeIdleLine(state, line);
  if (line === running.command.text || line === 'AT') return takeEcho(state, running);
  if (line === running.command.payload?.text) return [state, []];
  const final = finalResultOf(running.command, line);
  if (final === 'call') return [state, [{ kind: 'urc', line, pdu: undefined }]];
  if (final === 'OK') return takeOk(state, running);
  if (final) return takeError(state, running, final, line);
  return takeText(state, running, line);
}

function finalResultOf(command: AtCommand, line: string): FinalResult | 'call' | undefined {
  return (
    parseFinalResult(line) ?? (command.numeric === true ? parseNumericResult(line) : undefined)
  );
}

function takeIdleLine(state: AtState, line: string): AtStep {
  const final = parseFinalResult(line);
  if (!final) return takeNews(state, line);
  if (final === 'OK' && state.foreignOkDue) return takeForeignOk(state);
  if (state.resultsDue > 0)
    return [{ ...state, resultsDue: state.resultsDue - 1 }, [{ kind: 'stray', line }]];
  return [state, [{ kind: 'stray', line, isSurplus: true }, { kind: 'out_of_step' }]];
}

/** A line that is no part of a reply of ours. */
function takeNews(state: AtState, line: string): AtStep {
  const foreignOkDue = state.foreignOkDue || isSubmitResponse(line);
  return [{ ...state, foreignOkDue }, [{ kind: 'urc', line, pdu: undefined }]];
}

function takeForeignOk(state: AtState): AtStep {
  return [{ ...state, foreignOkDue: false }, [{ kind: 'stray', line: 'OK' }]];
}

/** The modem is free again; what it said before, if anything, is the best that is known. */
function withoutResult(running: Running): AtOutcome {
  const { uncertain } = running;
  return uncertain === undefined
    ? { kind: 'no_result', lines: [] }
    : uncertainOutcome(running, uncertain);
}

function uncertainOutcome(running: Running, error: FinalError): AtOutcome {
  const mayBe = mayBeForeign(running, error);
  return { kind: 'error', stage: 'result', error, lines: [], mayBeForeign: mayBe };
}

function takeEcho(state: AtState, running: Running): AtStep {
  const { command, stage } = running;
  const reset = command.payload?.echoMeansReset === true && stage === 'prompt' && !running.abandon;
  const next = reset ? { ...running, abandon: 'reset' as const } : running;
  return [{ ...state, running: next }, [{ kind: 'echo' }]];
}

function takeOk(state: AtState, running: Running): AtStep {
  // A question that a foreign OK has ended shows by its missing response; a payload's must not be
  // ended so.
  if (running.stage === 'command')
    return settle({ ...state, foreignOkDue: false }, { kind: 'ok', lines: [...running.lines] }, 0);
  if (state.foreignOkDue) return takeForeignOk(state);
  // Before the prompt no OK is ours: it answers something older.
  if (running.stage === 'prompt') return [state, [{ kind: 'stray', line: 'OK' }]];
  if (running.lines.length > 0)
    return settle(state, { kind: 'ok', lines: [...running.lines] }, running.probes);
  if (running.probes > 0) return settle(state, withoutResult(running), running.probes);
  // Some say OK at the prompt already; the response may come much later.
  const next = { ...running, okSeen: true };
  const graceMs = running.command.payload?.graceAfterOkMs;
  return graceMs === undefined ? [{ ...state, running: next }, []] : rearm(state, next, graceMs);
}

function takeError(state: AtState, running: Running, error: FinalError, line: string): AtStep {
  const { payload } = running.command;
  // What may answer an older payload decides nothing: the prompt is waited for as long as without
  // it.
  if (running.stage === 'prompt' && payload?.mayMeetForeignErrors)
    return [state, [{ kind: 'stray', line }]];
  const { stage, awaits } = running;
  if (payload && isUncertain(running, error))
    return rearm(state, { ...running, uncertain: error }, payload.graceMs);
  if (payload && saysBusy(running, error)) return waitOn(state, running, payload, error);
  const outcome: AtOutcome = {
    kind: 'error',
    stage,
    error,
    lines: [...running.lines],
    mayBeForeign: mayBeForeign(running, error),
  };
  const isAtPrompt = awaits !== undefined;
  const [next, effects] = settle(state, outcome, running.probes + (isAtPrompt ? 1 : 0));
  if (isAtPrompt) return [next, [{ kind: 'write', bytes: ESC }, ...effects]];
  return [next, running.stage === 'prompt' ? [{ kind: 'ignore_prompt' }, ...effects] : effects];
}

/** Whether the bare `AT` that asked for the result, or a command that was given up, may end so. */
function mayBeForeign({ stage, probes, command }: Running, error: FinalError): boolean {
  const { payload } = command;
  const isOtherDue = probes > 0 || payload?.mayMeetLateErrors === true;
  return stage === 'result' && isOtherDue && payload?.isOwnError(error) !== true;
}

/**
 * A first ERROR or +CME ERROR behind a payload, or what a command that was given up may be answered
 * with: anybody's word could be it. The response would have come before, or comes soon.
 */
function isUncertain(running: Running, error: FinalError): boolean {
  const { stage, probes, lines, uncertain } = running;
  const isAnybodys = error.kind !== 'CMS' || mayBeForeign(running, error);
  const isFirst = lines.length === 0 && uncertain === undefined;
  return stage === 'result' && isAnybodys && probes === 0 && isFirst;
}

/**
 * The bare `AT` that asked for the result is answered with an error, by a modem that is busy with
 * the payload, or the payload has failed: the next `AT` tells.
 */
function saysBusy(running: Running, error: FinalError): boolean {
  return running.probes > 0 && running.lines.length === 0 && mayBeForeign(running, error);
}

/** It is asked again soon. A timer that is shorter goes on, lest the whole time grows. */
function waitOn(
  state: AtState,
  running: Running,
  { graceMs }: AtPayload,
  error: FinalError,
): AtStep {
  const next = { ...running, uncertain: error };
  return running.timerMs > graceMs
    ? rearm(state, next, graceMs)
    : [{ ...state, running: next }, []];
}

function takeText(state: AtState, running: Running, line: string): AtStep {
  const { response, payload } = running.command;
  // A free-form response (AT+CGMI) is known by what it is not; one with a prefix of its own is
  // never mistaken.
  const matches =
    response === anyText ? isFreeText(running.command.text, line) : response?.test(line) === true;
  if (!matches) return takeNews(state, line);
  const next = { ...running, lines: [...running.lines, line] };
  if (!payload) {
    const { endMs } = running.command;
    if (endMs !== undefined && running.lines.length === 0) return rearm(state, next, endMs);
    return [running.lines.length < maxReplyLines ? { ...state, running: next } : state, []];
  }
  // Before our own Ctrl-Z it answers somebody else's payload; a second one answers nothing.
  if (running.stage !== 'result' || running.lines.length > 0)
    return [{ ...state, foreignOkDue: true }, [{ kind: 'stray', line }]];
  if (running.okSeen) return settle(state, { kind: 'ok', lines: [...next.lines] }, running.probes);
  return rearm(state, next, payload.okGraceMs);
}

/** The `response` of commands that answer in free form: every line that is not a known URC. */
export const anyText = /^./;

function takePrompt(state: AtState, isHeld: boolean): AtStep {
  const { running } = state;
  const payload = running?.command.payload;
  if (!running || !payload || running.stage !== 'prompt' || running.awaits !== undefined)
    return [state, [{ kind: 'stray', line: '>' }]];
  // Within a text it is the text's own; nothing is written on the word of somebody else.
  if (state.text !== undefined) return [state, [{ kind: 'await_prompt' }]];
  if (running.abandon) return leavePrompt(state, running.abandon);
  if (isHeld) return rearm(state, { ...running, awaits: 'release' }, running.command.timeoutMs);
  return goOn(state, running, payload);
}

function release(state: AtState): AtStep {
  const { running } = state;
  const payload = running?.command.payload;
  if (!running || !payload || running.awaits !== 'release') return [state, []];
  if (running.abandon) return leavePrompt(state, running.abandon);
  return goOn(state, running, payload);
}

function goOn(state: AtState, running: Running, payload: AtPayload): AtStep {
  if (payload.pauseMs === 0) return writePayload(state, running, payload);
  return rearm(state, { ...running, awaits: 'end of pause' }, payload.pauseMs);
}

function writePayload(state: AtState, running: Running, payload: AtPayload): AtStep {
  const ms = Math.min(payload.probeAfterMs, payload.resultTimeoutMs);
  const [next, effects] = rearm(state, { ...running, stage: 'result', awaits: undefined }, ms);
  return [next, [{ kind: 'write', bytes: payload.text + CTRL_Z }, ...effects]];
}

function leavePrompt(state: AtState, because: 'caller' | 'reset'): AtStep {
  const [next, effects] = settle(state, { kind: 'cancelled', because }, 1);
  return [next, [{ kind: 'write', bytes: ESC }, ...effects]];
}

function takeTimeout(state: AtState): AtStep {
  const { running } = state;
  if (!running) return [state, []];
  const lines = [...running.lines];
  if (running.stage === 'command')
    return settle(state, { kind: 'timeout', stage: 'command', lines }, 1);
  const { payload } = running.command;
  if (running.abandon && running.awaits !== undefined) return leavePrompt(state, running.abandon);
  // Nobody keeps a prompt open for ever, for then the modem would end it in a way of its own.
  if (running.awaits === 'release') return leavePrompt(state, 'caller');
  if (running.awaits === 'end of pause' && payload) return writePayload(state, running, payload);
  if (running.stage === 'prompt') {
    const [next, effects] = settle(state, { kind: 'timeout', stage: 'prompt', lines }, 1);
    return [next, [{ kind: 'ignore_prompt' }, { kind: 'write', bytes: ESC }, ...effects]];
  }
  const uncertain = lines.length === 0 ? running.uncertain : undefined;
  if (uncertain && running.probes === 0)
    return settle(state, uncertainOutcome(running, uncertain), 0);
  const { probeAfterMs, resultTimeoutMs, graceMs } = payload as AtPayload;
  const waitedMs = running.waitedMs + running.timerMs;
  if (waitedMs >= resultTimeoutMs) {
    const outcome: AtOutcome = uncertain
      ? uncertainOutcome(running, uncertain)
      : { kind: 'timeout', stage: 'result', lines };
    return settle(state, outcome, running.probes + 1);
  }
  const probed = { ...running, waitedMs, probes: running.probes + 1 };
  const pauseMs = uncertain ? Math.min(graceMs, probeAfterMs) : probeAfterMs;
  const [next, effects] = rearm(state, probed, Math.min(pauseMs, resultTimeoutMs - waitedMs));
  return [next, [{ kind: 'write', bytes: 'AT\r' }, ...effects]];
}

function cancel(state: AtState): AtStep {
  const { running } = state;
  if (running?.stage !== 'prompt' || running.abandon) return [state, []];
  return [{ ...state, running: { ...running, abandon: 'caller' } }, []];
}

function lose(state: AtState, cause: Error): AtStep {
  const { running } = state;
  const lostState: AtState = { ...initialAtState, lost: cause };
  const timers: AtEffect[] = [
    { kind: 'timer', ms: undefined },
    { kind: 'text_timer', ms: undefined },
  ];
  const settled: AtEffect[] = running
    ? [{ kind: 'settle', id: running.id, outcome: { kind: 'lost', stage: running.stage, cause } }]
    : [];
  return [lostState, [...timers, { kind: 'ignore_prompt' }, ...settled]];
}

/** Ends the running command; so many final result codes may still come. */
function settle(state: AtState, outcome: AtOutcome, resultsDue: number): AtStep {
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

function rearm(state: AtState, running: Running, ms: number): AtStep {
  return [{ ...state, running: { ...running, timerMs: ms } }, [{ kind: 'timer', ms }]];
}
