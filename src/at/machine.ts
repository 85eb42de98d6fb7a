/**
 * The AT dialogue as a pure function: one command at a time, a command line answered by information
 * responses and one final result code (V.250 5.7), or by a prompt, a payload and then those (27.005
 * 3.5.1). It knows no SMS and no clock; `exchange.ts` feeds it and carries out its effects.
 *
 * What comes in is told apart here; `payload.ts` goes on with a command that has a payload.
 *
 * What it must never do, explored exhaustively in test/at/machine-search.test.ts: leave a command
 * unsettled, take a line that answers an earlier command for an answer to this one's payload, write
 * a payload without its own prompt, or write a second command inside the first.
 */

import {
  type AtState,
  type AtStep,
  initialAtState,
  type Running,
  rearm,
  settle,
  takeForeignOk,
} from './at-state.js';
import type { AtCommand, AtEffect, AtEvent } from './command.js';
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
import {
  cancel,
  release,
  takePayloadError,
  takePayloadOk,
  takePayloadResponse,
  takePayloadTimeout,
  takePrompt,
} from './payload.js';

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
      ? takeResponse(closed, running, text.text)
      : ([closed, [{ kind: 'urc', line: text.text, pdu: undefined }]] satisfies AtStep);
  return [next, [stop, ...effects]];
}

/** A line that is no part of another. */
function takeWhole(state: AtState, line: string): AtStep {
  const { running } = state;
  if (isCallResult(line)) return [state, [{ kind: 'urc', line, pdu: undefined }]];
  if (!running) return takeIdleLine(state, line);
  if (line === running.command.text || line === 'AT') return takeEcho(state, running);
  const behindEcho = behindPayload(running, line);
  if (behindEcho !== undefined)
    return behindEcho === '' ? [state, []] : takeWhole(state, behindEcho);
  const final = finalResultOf(running.command, line);
  if (final === 'call') return [state, [{ kind: 'urc', line, pdu: undefined }]];
  if (final === 'OK') return takeOk(state, running);
  if (final) return takeError(state, running, final, line);
  return takeResponse(state, running, line);
}

/**
 * What stands behind the echo of the payload on its line, as where no CR LF begins one; undefined
 * where `line` is no such echo.
 */
function behindPayload({ command, stage }: Running, line: string): string | undefined {
  const echo = command.payload?.text;
  if (echo === undefined || !line.startsWith(echo)) return undefined;
  const rest = line.slice(echo.length);
  return rest === '' || stage === 'result' ? rest : undefined;
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

function takeEcho(state: AtState, running: Running): AtStep {
  const { command, stage } = running;
  const reset = command.payload?.echoMeansReset === true && stage === 'prompt' && !running.abandon;
  const next = reset ? { ...running, abandon: 'reset' as const } : running;
  return [{ ...state, running: next }, [{ kind: 'echo' }]];
}

function takeOk(state: AtState, running: Running): AtStep {
  const { payload } = running.command;
  if (payload) return takePayloadOk(state, running, payload);
  // A question that a foreign OK has ended shows by its missing response.
  return settle({ ...state, foreignOkDue: false }, { kind: 'ok', lines: [...running.lines] }, 0);
}

function takeError(state: AtState, running: Running, error: FinalError, line: string): AtStep {
  const { payload } = running.command;
  if (payload) return takePayloadError(state, running, payload, error, line);
  const lines = [...running.lines];
  return settle(state, { kind: 'error', stage: 'command', error, lines, mayBeForeign: false }, 0);
}

function takeResponse(state: AtState, running: Running, line: string): AtStep {
  const { response, payload } = running.command;
  // A free-form response (AT+CGMI) is known by what it is not; one with a prefix of its own is
  // never mistaken.
  const matches =
    response === anyText ? isFreeText(running.command.text, line) : response?.test(line) === true;
  if (!matches) return takeNews(state, line);
  if (payload) return takePayloadResponse(state, running, payload, line);
  const next = { ...running, lines: [...running.lines, line] };
  const { endMs } = running.command;
  if (endMs !== undefined && running.lines.length === 0) return rearm(state, next, endMs);
  return [running.lines.length < maxReplyLines ? { ...state, running: next } : state, []];
}

function takeTimeout(state: AtState): AtStep {
  const { running } = state;
  if (!running) return [state, []];
  const { payload } = running.command;
  if (payload) return takePayloadTimeout(state, running, payload);
  return settle(state, { kind: 'timeout', stage: 'command', lines: [...running.lines] }, 1);
}

/** The `response` of commands that answer in free form: every line that is not a known URC. */
export const anyText = /^./;

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
