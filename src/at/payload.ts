/**
 * A command with a payload (27.005 3.5.1), step by step: the prompt, the release by its caller, a
 * pause, payload and Ctrl-Z, the response and its `OK`. After Ctrl-Z a bare `AT` asks for a result
 * that stays away.
 */

import {
  type AtState,
  type AtStep,
  type Running,
  rearm,
  settle,
  stray,
  takeForeignOk,
} from './at-state.js';
import type { AtOutcome, AtPayload } from './command.js';
import type { FinalError } from './lines.js';

export const ESC = '\x1b';
export const CTRL_Z = '\x1a';

/** `OK`: one that is foreign, or comes before the prompt, must not end the payload's command. */
export function takePayloadOk(state: AtState, running: Running, payload: AtPayload): AtStep {
  if (state.foreignOkDue) return takeForeignOk(state);
  // Before the prompt no OK is ours: it answers something older.
  if (running.stage === 'prompt') return stray(state, 'OK');
  if (running.lines.length > 0)
    return settle(state, { kind: 'ok', lines: [...running.lines] }, running.probes);
  if (running.probes > 0) return settle(state, withoutResult(running), running.probes);
  // Some say OK at the prompt already; the response may come much later.
  const next = { ...running, okSeen: true };
  const graceMs = payload.graceAfterOkMs;
  return graceMs === undefined ? [{ ...state, running: next }, []] : rearm(state, next, graceMs);
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

/** An error, which may be another's; `line` is what it came as. */
export function takePayloadError(
  state: AtState,
  running: Running,
  payload: AtPayload,
  error: FinalError,
  line: string,
): AtStep {
  // What may answer an older payload decides nothing: the prompt is waited for as long as without
  // it.
  if (running.stage === 'prompt' && payload.mayMeetForeignErrors) return stray(state, line);
  const { stage, awaits } = running;
  if (isUncertain(running, error))
    return rearm(state, { ...running, uncertain: error }, payload.graceMs);
  if (saysBusy(running, error)) return waitOn(state, running, payload, error);
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

/** What matches the command's response. */
export function takePayloadResponse(
  state: AtState,
  running: Running,
  payload: AtPayload,
  line: string,
): AtStep {
  // Some say it twice.
  if (running.stage === 'result' && running.lines[0] === line) return [state, []];
  // Before our own Ctrl-Z it answers somebody else's payload; a second one answers nothing.
  if (running.stage !== 'result' || running.lines.length > 0)
    return stray({ ...state, foreignOkDue: true }, line);
  const next = { ...running, lines: [line] };
  if (running.okSeen) return settle(state, { kind: 'ok', lines: next.lines }, running.probes);
  return rearm(state, next, payload.okGraceMs);
}

/** `isHeld`: the payload must not be written before its release. */
export function takePrompt(state: AtState, isHeld: boolean): AtStep {
  const { running } = state;
  const payload = running?.command.payload;
  if (!running || !payload || running.stage !== 'prompt' || running.awaits !== undefined)
    return stray(state, '>');
  // Within a text it is the text's own; nothing is written on the word of somebody else.
  if (state.text !== undefined) return [state, [{ kind: 'await_prompt' }]];
  if (running.abandon) return leavePrompt(state, running.abandon);
  if (isHeld) return rearm(state, { ...running, awaits: 'release' }, running.command.timeoutMs);
  return goOn(state, running, payload);
}

/** Its caller has what it waited for. */
export function release(state: AtState): AtStep {
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

/** The timer is over. */
export function takePayloadTimeout(state: AtState, running: Running, payload: AtPayload): AtStep {
  const lines = [...running.lines];
  if (running.abandon && running.awaits !== undefined) return leavePrompt(state, running.abandon);
  // Nobody keeps a prompt open for ever, for then the modem would end it in a way of its own.
  if (running.awaits === 'release') return leavePrompt(state, 'caller');
  if (running.awaits === 'end of pause') return writePayload(state, running, payload);
  if (running.stage === 'prompt') {
    const [next, effects] = settle(state, { kind: 'timeout', stage: 'prompt', lines }, 1);
    return [next, [{ kind: 'ignore_prompt' }, { kind: 'write', bytes: ESC }, ...effects]];
  }
  const uncertain = lines.length === 0 ? running.uncertain : undefined;
  if (uncertain && running.probes === 0)
    return settle(state, uncertainOutcome(running, uncertain), 0);
  const { probeAfterMs, resultTimeoutMs, graceMs } = payload;
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

/** Its caller withdraws: at the prompt, which is left, for after Ctrl-Z nothing is taken back. */
export function cancel(state: AtState): AtStep {
  const { running } = state;
  if (running?.stage !== 'prompt' || running.abandon) return [state, []];
  return [{ ...state, running: { ...running, abandon: 'caller' } }, []];
}
