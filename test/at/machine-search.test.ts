import { describe, expect, test } from 'vitest';
import { type AtState, initialAtState } from '../../src/at/at-state.js';
import type { AtCommand, AtEffect, AtEvent } from '../../src/at/command.js';
import { step } from '../../src/at/machine.js';
import { CTRL_Z, ESC } from '../../src/at/payload.js';
import {
  bare,
  heldPrompt,
  line,
  outcomes,
  pdu,
  play,
  prompt,
  query,
  read,
  release,
  start,
  submit,
  textOver,
  timeout,
  wary,
} from './machine-events.js';

/**
 * Every order of events, to a depth of 12, by breadth-first search over the product of the
 * machine's state and a monitor that remembers what was promised. Equal states are visited once,
 * which loses no order: step() is pure.
 */
describe('explored exhaustively', () => {
  interface Monitor {
    running: boolean;
    withPayload: boolean;
    promptSeen: boolean;
    isHeld: boolean;
    payloadWrites: number;
    responseAfterPayload: boolean;
    okAfterPayload: boolean;
    timerArmed: boolean;
    /** Somebody else's text is open; what it says is nobody's answer. */
    textOpen: 'quote' | 'silence' | undefined;
    textTimerArmed: boolean;
    lost: boolean;
    isWary: boolean;
    wasProbed: boolean;
  }
  const idle: Monitor = {
    running: false,
    withPayload: false,
    promptSeen: false,
    isHeld: false,
    payloadWrites: 0,
    responseAfterPayload: false,
    okAfterPayload: false,
    timerArmed: false,
    textOpen: undefined,
    textTimerArmed: false,
    lost: false,
    isWary: false,
    wasProbed: false,
  };
  const ussdHead = '+CUSD: 0,"Menu';
  const ussdEnd = 'end",15';
  const textModeHeads = ['+CMT: "x",,"y"', '+CMGR: "REC READ","x",,"y"'];
  const callResults = ['NO CARRIER', 'CONNECT 9600'];
  const eventsWith = (sent: AtCommand): AtEvent[] => [
    start(sent, 1),
    start(query, 1),
    start(read, 1),
    start(bare, 1),
    line('OK'),
    line('ERROR'),
    line('+CMS ERROR: 38'),
    line('+CMGS: 7'),
    line('+CREG: 0,1'),
    line('+CREG: 1'),
    line('0'),
    line('COMMAND NO RESPONSE!'),
    ...callResults.map(line),
    line('+CDS: 25'),
    line('0006D60B'),
    line('+CMGR: 0,,25'),
    ...textModeHeads.map(line),
    line(ussdHead),
    line(ussdEnd),
    textOver,
    line(sent.text),
    line(pdu),
    line('\\x02garbage'),
    prompt,
    heldPrompt,
    release,
    timeout,
    { kind: 'cancel' },
    { kind: 'lost', cause: new Error('gone') },
  ];

  /** As `expect`, of which a million would take half a minute. */
  function must(isSo: boolean, why: string): void {
    if (!isSo) expect.unreachable(why);
  }

  /**
   * The same future in fewer words: without the lines of a text that cannot end it, of which there
   * may be any number.
   */
  function shorter(state: AtState): AtState {
    if (state.text === undefined) return state;
    const [head, ...lines] = state.text.text.split('\n');
    const quotes = lines.filter((each) => each.includes('"')).slice(-1);
    return { ...state, text: { ...state.text, text: [head, ...quotes, 'x'].join('\n'), lines: 2 } };
  }

  function isForeign(before: Monitor, event: AtEvent): boolean {
    if (event.kind !== 'line') return false;
    return before.textOpen !== undefined || callResults.includes(event.text);
  }

  function noteText(m: Monitor, before: Monitor, event: AtEvent): void {
    if (event.kind === 'text_over' || event.kind === 'lost') m.textOpen = undefined;
    if (event.kind !== 'line' || before.lost) return;
    if (before.textOpen === 'quote' && event.text === ussdEnd) m.textOpen = undefined;
    if (before.textOpen !== undefined) return;
    if (event.text === ussdHead) m.textOpen = 'quote';
    if (textModeHeads.includes(event.text)) m.textOpen = 'silence';
  }

  /** One step with every promise checked; gives the monitor after it. */
  function check(state: AtState, monitor: Monitor, event: AtEvent): [AtState, Monitor] {
    const [next, effects] = step(state, event);
    const m = { ...monitor };
    if (event.kind === 'start') {
      const { lost, textOpen, textTimerArmed } = monitor;
      const withPayload = event.command.payload !== undefined;
      Object.assign(m, { ...idle, running: true, withPayload, lost, textOpen, textTimerArmed });
    }
    if (event.kind === 'prompt' && m.running && m.textOpen === undefined && !m.promptSeen)
      Object.assign(m, { promptSeen: true, isHeld: event.isHeld === true });
    if (event.kind === 'release') m.isHeld = false;
    if (event.kind === 'lost') m.lost = true;
    if (event.kind === 'line' && m.payloadWrites > 0 && !isForeign(monitor, event)) {
      if (event.text === '+CMGS: 7') m.responseAfterPayload = true;
      if (event.text === 'OK') m.okAfterPayload = true;
    }
    noteText(m, monitor, event);
    if (isForeign(monitor, event)) {
      const answers = effects.some(
        ({ kind }) => kind === 'settle' || kind === 'write' || kind === 'stray',
      );
      must(
        !answers && next.resultsDue === state.resultsDue,
        'what is foreign answers nobody and pays nothing',
      );
    }
    for (const effect of effects) applyEffect(m, monitor, effect, event);
    must(
      (next.running !== undefined) === m.running,
      'a running command and an unsettled caller are the same',
    );
    must(m.lost || m.timerArmed === m.running, 'whoever waits has a timer, and nobody else');
    must(
      m.textTimerArmed === (m.textOpen !== undefined),
      'a text that is open has its time, and no other',
    );
    return [shorter(next), m];
  }

  function applyEffect(m: Monitor, before: Monitor, effect: AtEffect, event: AtEvent): void {
    if (effect.kind === 'timer') m.timerArmed = effect.ms !== undefined;
    if (effect.kind === 'text_timer') m.textTimerArmed = effect.ms !== undefined;
    if (effect.kind === 'out_of_step')
      must(!before.running, 'only what nobody waited for tells it');
    if (effect.kind === 'write') {
      must(!before.lost, 'nothing is written to a lost link');
      if (effect.bytes.includes(CTRL_Z)) {
        must(m.promptSeen && m.withPayload, 'a payload follows its own prompt');
        must(!m.isHeld, 'a payload that is held is not written');
        m.payloadWrites += 1;
        must(m.payloadWrites === 1, 'a payload is written once');
      } else if (effect.bytes === 'AT\r') {
        must(
          event.kind === 'timeout' && m.payloadWrites === 1,
          'a probe only after a silent Ctrl-Z',
        );
        m.wasProbed = true;
      } else if (effect.bytes !== ESC) {
        must(event.kind === 'start' && !before.running, 'a command starts outside any other');
      }
    }
    if (effect.kind === 'settle') {
      must(m.running, 'a caller is answered once');
      if (effect.outcome.kind === 'ok' && m.withPayload) {
        must(m.responseAfterPayload && m.okAfterPayload, '+CMGS and OK, after our own Ctrl-Z');
      }
      if (effect.outcome.kind === 'cancelled')
        must(m.payloadWrites === 0, 'nothing is withdrawn that was written');
      if (effect.outcome.kind === 'error' && m.withPayload) {
        must(!(m.isWary && m.payloadWrites === 0), 'an older error is no answer to the prompt');
        const isOwn = event.kind === 'line' && event.text === '+CMS ERROR: 38';
        const mayAnswer = m.wasProbed && !isOwn;
        must(effect.outcome.mayBeForeign === mayAnswer, 'what AT may have brought about is told');
      }
      m.running = false;
    }
  }

  test.each([submit, wary])(
    'no order of events breaks a promise: $text',
    { timeout: 120_000 },
    (sent) => {
      const events = eventsWith(sent);
      const depth = sent === wary ? 9 : 12;
      const seen = new Set<string>();
      let frontier: [AtState, Monitor][] = [[initialAtState, idle]];
      let transitions = 0;
      for (let level = 0; level < depth; level += 1) {
        const nextFrontier: [AtState, Monitor][] = [];
        for (const [state, monitor] of frontier) {
          for (const event of events) {
            // Callers take turns: tested above.
            if (event.kind === 'start' && state.running) continue;
            // Quotes within a text come in pairs: else nobody could tell its last one.
            if (monitor.textOpen === 'quote' && event.kind === 'line' && event.text === ussdHead)
              continue;
            transitions += 1;
            const [next, after] = check(state, monitor, event);
            const command = next.running?.command.text;
            const running = next.running && { ...next.running, command };
            const key = JSON.stringify([{ ...next, running }, after, next.lost !== undefined]);
            if (seen.has(key) || next.resultsDue > 3) continue;
            seen.add(key);
            nextFrontier.push([next, after]);
          }
        }
        frontier = nextFrontier;
      }
      expect(transitions).toBeGreaterThan(10_000);
      // From wherever it got to, time alone settles everybody, and so does the loss of the link.
      for (const key of seen) {
        const [state] = JSON.parse(key) as [
          { running?: { command: string } } & Record<string, unknown>,
        ];
        if (!state.running) continue;
        const { running } = state;
        const command = [submit, wary, query, read, bare].find(
          ({ text }) => text === running.command,
        )!;
        const revived = { ...state, running: { ...running, command } } as unknown as AtState;
        const isSettled = (events: AtEvent[]) =>
          outcomes(play(events, revived).effects).length === 1;
        must(isSettled(Array<AtEvent>(20).fill(timeout)), 'time alone settles everybody');
        must(
          isSettled([{ kind: 'lost', cause: new Error('gone') }]),
          'so does the loss of the link',
        );
      }
    },
  );
});
