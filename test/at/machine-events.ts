/** The commands and events of which the tests of the machine are made. */

import { type AtState, initialAtState } from '../../src/at/at-state.js';
import type { AtCommand, AtEffect, AtEvent, AtOutcome } from '../../src/at/command.js';
import { step } from '../../src/at/machine.js';

export const pdu = '0001000C919471012345';
export const submit: AtCommand = {
  text: 'AT+CMGS=10',
  response: /^\+CMGS: *\d+/,
  timeoutMs: 10,
  payload: {
    text: pdu,
    resultTimeoutMs: 180,
    probeAfterMs: 60,
    graceMs: 10,
    okGraceMs: 10,
    pauseMs: 0,
    echoMeansReset: true,
    isOwnError: (error) => error.kind === 'CMS' && error.code === 38,
    mayMeetForeignErrors: false,
  },
};
/** While an older payload's result may still come, to a modem that needs a pause at the prompt. */
export const wary: AtCommand = {
  ...submit,
  text: 'AT+CMGS=11',
  payload: { ...submit.payload!, pauseMs: 1, mayMeetForeignErrors: true },
};
export const query: AtCommand = {
  text: 'AT+CREG?',
  response: /^\+CREG: *\d+ *, *\d/,
  timeoutMs: 5,
};
export const read: AtCommand = { text: 'AT+CMGR=4', response: /^\+CMGR:/, timeoutMs: 5 };
export const bare: AtCommand = { text: 'ATQ0V1E0', timeoutMs: 1, numeric: true };

export const start = (command: AtCommand, id = 1): AtEvent => ({ kind: 'start', id, command });
export const line = (text: string): AtEvent => ({ kind: 'line', text });
export const prompt: AtEvent = { kind: 'prompt' };
export const heldPrompt: AtEvent = { kind: 'prompt', isHeld: true };
export const release: AtEvent = { kind: 'release' };
export const timeout: AtEvent = { kind: 'timeout' };
export const textOver: AtEvent = { kind: 'text_over' };

/** Feeds events and gives back every effect. */
export function play(
  events: AtEvent[],
  from: AtState = initialAtState,
): { state: AtState; effects: AtEffect[] } {
  let state = from;
  const effects: AtEffect[] = [];
  for (const event of events) {
    const [next, more] = step(state, event);
    state = next;
    effects.push(...more);
  }
  return { state, effects };
}

export const outcomes = (effects: AtEffect[]): AtOutcome[] =>
  effects.flatMap((effect) => (effect.kind === 'settle' ? [effect.outcome] : []));
