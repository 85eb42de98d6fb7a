import { describe, expect, test } from 'vitest';
import {
  type AtCommand,
  type AtEffect,
  type AtEvent,
  type AtOutcome,
  type AtState,
  anyText,
  CTRL_Z,
  ESC,
  initialAtState,
  step,
} from '../../src/at/machine.js';

const pdu = '0001000C919471012345';
const submit: AtCommand = {
  text: 'AT+CMGS=10',
  response: /^\+CMGS: *\d+/,
  timeoutMs: 10,
  payload: { text: pdu, resultTimeoutMs: 180, probeAfterMs: 60, graceMs: 10, echoMeansReset: true },
};
const query: AtCommand = { text: 'AT+CREG?', response: /^\+CREG: *\d+ *, *\d/, timeoutMs: 5 };

/** Feeds events and gives back every effect. */
function play(events: AtEvent[], from: AtState = initialAtState): { state: AtState; effects: AtEffect[] } {
  let state = from;
  const effects: AtEffect[] = [];
  for (const event of events) {
    const [next, more] = step(state, event);
    state = next;
    effects.push(...more);
  }
  return { state, effects };
}

const start = (command: AtCommand, id = 1): AtEvent => ({ kind: 'start', id, command });
const line = (text: string): AtEvent => ({ kind: 'line', text });
const prompt: AtEvent = { kind: 'prompt' };
const timeout: AtEvent = { kind: 'timeout' };
const outcomes = (effects: AtEffect[]): AtOutcome[] =>
  effects.flatMap((effect) => (effect.kind === 'settle' ? [effect.outcome] : []));
const writes = (effects: AtEffect[]): string[] =>
  effects.flatMap((effect) => (effect.kind === 'write' ? [effect.bytes] : []));

describe('a command', () => {
  test('is answered by its information responses and OK', () => {
    const { effects } = play([start(query), line('+CREG: 0,1'), line('OK')]);
    expect(writes(effects)).toEqual(['AT+CREG?\r']);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CREG: 0,1'] }]);
  });

  test('keeps URCs out of its reply, the one of its own name included', () => {
    const { effects } = play([
      start(query),
      line('+CREG: 1'),
      line('^RSSI: 17'),
      line('+CDS: ,25'),
      line('0006D60B91'),
      line('+CREG: 0,5'),
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CREG: 0,5'] }]);
    expect(effects.filter((e) => e.kind === 'urc')).toEqual([
      { kind: 'urc', line: '+CREG: 1', pdu: undefined },
      { kind: 'urc', line: '^RSSI: 17', pdu: undefined },
      { kind: 'urc', line: '+CDS: ,25', pdu: '0006D60B91' },
    ]);
  });

  test('in free form takes any line that is no known URC', () => {
    const { effects } = play([
      start({ text: 'AT+CGMI', response: anyText, timeoutMs: 5 }),
      line('RING'),
      line('huawei'),
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['huawei'] }]);
  });

  test.each([
    ['ERROR', { kind: 'ERROR', code: undefined, text: 'ERROR' }],
    ['COMMAND NOT SUPPORT', { kind: 'ERROR', code: undefined, text: 'COMMAND NOT SUPPORT' }],
    ['+CME ERROR: 14', { kind: 'CME', code: 14, text: '14' }],
    ['+CMS ERROR: 500', { kind: 'CMS', code: 500, text: '500' }],
    ['+CMS ERROR: Unknown error', { kind: 'CMS', code: undefined, text: 'Unknown error' }],
  ])('ends with %s', (text, error) => {
    const { effects } = play([start(query), line(text)]);
    expect(outcomes(effects)).toEqual([{ kind: 'error', stage: 'command', error, lines: [] }]);
  });

  test('that was given up leaves a debt, which its late final result pays', () => {
    const { state } = play([start(query), timeout]);
    expect(state.owed).toBe(1);
    const late = play([line('+CREG: 0,1'), line('OK')], state);
    expect(late.state.owed).toBe(0);
    expect(outcomes(late.effects)).toEqual([]);
  });

  test('never starts inside another', () => {
    const { state } = play([start(query)]);
    expect(() => step(state, start(submit, 2))).toThrow('still in flight');
  });
});

describe('a payload', () => {
  test('is written at its own prompt and confirmed by +CMGS and OK', () => {
    const { effects } = play([start(submit), prompt, line('+CMGS: 7'), line('OK')]);
    expect(writes(effects)).toEqual(['AT+CMGS=10\r', pdu + CTRL_Z]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CMGS: 7'] }]);
  });

  test('is not confirmed by a +CMGS that came before Ctrl-Z', () => {
    const { effects } = play([start(submit), line('+CMGS: 6'), line('OK'), prompt]);
    expect(outcomes(effects)).toEqual([]);
    expect(writes(effects).at(-1)).toBe(pdu + CTRL_Z);
  });

  test('waits on when OK came first, as from some Sierra firmware, and probes after the grace time', () => {
    const early = play([start(submit), prompt, line('OK')]);
    expect(outcomes(early.effects)).toEqual([]);
    expect(outcomes(play([line('+CMGS: 9')], early.state).effects)).toEqual([
      { kind: 'ok', lines: ['+CMGS: 9'] },
    ]);
    const never = play([timeout, line('OK')], early.state);
    expect(writes(never.effects)).toEqual(['AT\r']);
    expect(outcomes(never.effects)).toEqual([{ kind: 'no_result', lines: [] }]);
  });

  test('that the caller withdrew is left with ESC at the prompt', () => {
    const { effects, state } = play([start(submit), { kind: 'cancel' }, prompt]);
    expect(writes(effects)).toEqual(['AT+CMGS=10\r', ESC]);
    expect(outcomes(effects)).toEqual([{ kind: 'cancelled', because: 'caller' }]);
    expect(state.owed).toBe(1);
  });

  test('is not written when the echo tells that the modem lost its settings', () => {
    const { effects } = play([start(submit), line('AT+CMGS=10'), prompt]);
    expect(writes(effects)).toEqual(['AT+CMGS=10\r', ESC]);
    expect(outcomes(effects)).toEqual([{ kind: 'cancelled', because: 'reset' }]);
  });

  test('asks a silent modem whether it is free, and gives up in the end', () => {
    const { effects } = play([start(submit), prompt, timeout, timeout, timeout]);
    expect(writes(effects).slice(2)).toEqual(['AT\r', 'AT\r']);
    expect(outcomes(effects)).toEqual([{ kind: 'timeout', stage: 'result', lines: [] }]);
    expect(effects.filter((e) => e.kind === 'timer').map((e) => e.ms)).toEqual([10, 60, 60, 60, undefined]);
  });

  test('is not answered by NO CARRIER, which ends somebody else’s call', () => {
    const { effects } = play([start(submit), prompt, line('NO CARRIER'), line('+CMGS: 1'), line('OK')]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CMGS: 1'] }]);
  });

  test('is not answered by the text of an inbound SMS on a modem that fell back to text mode', () => {
    const { effects } = play([
      start(submit),
      prompt,
      line('+CMT: "+4915112345678",,"26/11/23,10:00:00+04"'),
      line('+CMGS: 7'),
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([]);
  });
});

/**
 * Every order of events, to a depth of 12, by breadth-first search over the product of the machine's state and a monitor that
 * remembers what was promised. Equal states are visited once, which loses no order: step() is pure.
 */
describe('explored exhaustively', () => {
  interface Monitor {
    running: boolean;
    withPayload: boolean;
    promptSeen: boolean;
    payloadWrites: number;
    responseAfterPayload: boolean;
    okAfterPayload: boolean;
    timerArmed: boolean;
    lost: boolean;
  }
  const idle: Monitor = {
    running: false,
    withPayload: false,
    promptSeen: false,
    payloadWrites: 0,
    responseAfterPayload: false,
    okAfterPayload: false,
    timerArmed: false,
    lost: false,
  };
  const events: AtEvent[] = [
    start(submit, 1),
    start(query, 1),
    line('OK'),
    line('ERROR'),
    line('+CMS ERROR: 38'),
    line('+CMGS: 7'),
    line('+CREG: 0,1'),
    line('+CREG: 1'),
    line('RING'),
    line('NO CARRIER'),
    line('+CDS: 25'),
    line('0006D60B'),
    line('+CMT: "x",,"y"'),
    line(submit.text),
    line(pdu),
    line('\\x02garbage'),
    prompt,
    timeout,
    { kind: 'cancel' },
    { kind: 'lost', cause: new Error('gone') },
  ];

  /** One step with every promise checked; gives the monitor after it. */
  function check(state: AtState, monitor: Monitor, event: AtEvent): [AtState, Monitor] {
    const [next, effects] = step(state, event);
    const m = { ...monitor };
    if (event.kind === 'start') {
      Object.assign(m, {
        ...idle,
        running: true,
        withPayload: event.command.payload !== undefined,
        lost: monitor.lost,
      });
    }
    if (event.kind === 'prompt' && m.running) m.promptSeen = true;
    if (event.kind === 'lost') m.lost = true;
    if (event.kind === 'line' && m.payloadWrites > 0) {
      if (event.text === '+CMGS: 7') m.responseAfterPayload = true;
      if (event.text === 'OK') m.okAfterPayload = true;
    }
    for (const effect of effects) applyEffect(m, monitor, effect, event);
    expect(next.running !== undefined, 'a running command and an unsettled caller are the same').toBe(
      m.running,
    );
    if (!m.lost) expect(m.timerArmed, 'whoever waits has a timer, and nobody else').toBe(m.running);
    return [next, m];
  }

  function applyEffect(m: Monitor, before: Monitor, effect: AtEffect, event: AtEvent): void {
    if (effect.kind === 'timer') m.timerArmed = effect.ms !== undefined;
    if (effect.kind === 'write') {
      expect(before.lost, 'nothing is written to a lost link').toBe(false);
      if (effect.bytes.includes(CTRL_Z)) {
        expect(m.promptSeen && m.withPayload, 'a payload follows its own prompt').toBe(true);
        m.payloadWrites += 1;
        expect(m.payloadWrites, 'a payload is written once').toBe(1);
      } else if (effect.bytes === 'AT\r') {
        expect(event.kind === 'timeout' && m.payloadWrites === 1, 'a probe only after a silent Ctrl-Z').toBe(
          true,
        );
      } else if (effect.bytes !== ESC) {
        expect(event.kind === 'start' && !before.running, 'a command starts outside any other').toBe(true);
      }
    }
    if (effect.kind === 'settle') {
      expect(m.running, 'a caller is answered once').toBe(true);
      if (effect.outcome.kind === 'ok' && m.withPayload) {
        expect(m.responseAfterPayload && m.okAfterPayload, '+CMGS and OK, after our own Ctrl-Z').toBe(true);
      }
      if (effect.outcome.kind === 'cancelled') expect(m.payloadWrites).toBe(0);
      m.running = false;
    }
  }

  test('no order of events breaks a promise', () => {
    const depth = 12;
    const seen = new Set<string>();
    let frontier: [AtState, Monitor][] = [[initialAtState, idle]];
    let transitions = 0;
    for (let level = 0; level < depth; level += 1) {
      const nextFrontier: [AtState, Monitor][] = [];
      for (const [state, monitor] of frontier) {
        for (const event of events) {
          if (event.kind === 'start' && state.running) continue; // callers take turns: tested above
          transitions += 1;
          const [next, after] = check(state, monitor, event);
          const key = JSON.stringify([next, after, next.lost !== undefined]);
          if (seen.has(key) || next.owed > 6) continue;
          seen.add(key);
          nextFrontier.push([next, after]);
        }
      }
      frontier = nextFrontier;
    }
    expect(transitions).toBeGreaterThan(10_000);
    // From wherever it got to, time alone settles everybody, and so does the loss of the link.
    for (const key of seen) {
      const [state] = JSON.parse(key) as [AtState];
      if (!state.running) continue;
      const revived: AtState = {
        ...state,
        running: { ...state.running, command: submit.text === state.running.command.text ? submit : query },
      };
      expect(outcomes(play(Array(6).fill(timeout), revived).effects)).toHaveLength(1);
      expect(outcomes(play([{ kind: 'lost', cause: new Error('gone') }], revived).effects)).toHaveLength(1);
    }
  });
});
