import { describe, expect, test } from 'vitest';
import { initialAtState } from '../../src/at/at-state.js';
import type { AtEffect } from '../../src/at/command.js';
import { anyText, step } from '../../src/at/machine.js';
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
    ['COMMAND NO RESPONSE!', { kind: 'ERROR', code: undefined, text: 'COMMAND NO RESPONSE!' }],
    ['TOO MANY PARAMETERS', { kind: 'ERROR', code: undefined, text: 'TOO MANY PARAMETERS' }],
    ['ERROR: 5', { kind: 'ERROR', code: undefined, text: 'ERROR: 5' }],
    ['ERROR:53', { kind: 'ERROR', code: undefined, text: 'ERROR:53' }],
    ['+CIS ERROR:602', { kind: 'ERROR', code: undefined, text: '+CIS ERROR:602' }],
    ['+EXT ERROR: 3', { kind: 'ERROR', code: undefined, text: '+EXT ERROR: 3' }],
    ['+CME ERROR: 14', { kind: 'CME', code: 14, text: '14' }],
    ['+CME ERROR 14', { kind: 'CME', code: 14, text: '14' }],
    ['+CMS ERROR:500', { kind: 'CMS', code: 500, text: '500' }],
    ['+CME ERROR: SIM not inserted', { kind: 'CME', code: undefined, text: 'SIM not inserted' }],
    ['+CMS ERROR: 500', { kind: 'CMS', code: 500, text: '500' }],
    ['+CMS ERROR: Unknown error', { kind: 'CMS', code: undefined, text: 'Unknown error' }],
  ])('ends with %s', (text, error) => {
    const { effects } = play([start(query), line(text)]);
    expect(outcomes(effects)).toEqual([
      { kind: 'error', stage: 'command', error, lines: [], mayBeForeign: false },
    ]);
  });

  // A missed call, or somebody on the port's other end: whatever stage our own command is in, that
  // is not its result.
  test.each([
    'NO CARRIER',
    'BUSY',
    'NO ANSWER',
    'NO DIALTONE',
    'NO DIAL TONE',
    'RING',
    'CONNECT',
    'CONNECT 9600',
  ])('does not end with %s', (result) => {
    const own = play([start(query), line(result), line('+CREG: 0,1'), line('OK')]);
    expect(outcomes(own.effects)).toEqual([{ kind: 'ok', lines: ['+CREG: 0,1'] }]);
    expect(own.effects).toContainEqual({ kind: 'urc', line: result, pdu: undefined });
    const due = play([start(query), timeout, line(result)]);
    expect(due.state.resultsDue).toBe(1);
  });

  test('is not answered by numbers, unless nothing is known of the modem yet', () => {
    expect(outcomes(play([start(query), line('0'), line('4')]).effects)).toEqual([]);
    expect(outcomes(play([start(bare), line('2'), line('0')]).effects)).toEqual([
      { kind: 'ok', lines: [] },
    ]);
    expect(outcomes(play([start(bare), line('4')]).effects)).toMatchObject([{ kind: 'error' }]);
  });

  test('is not answered by the lines of a USSD text, which comes as a whole', () => {
    const menu = ['+CUSD: 0,"Menu', 'OK', '+CREG: 0,3', 'START', 'NO CARRIER', 'end",15'];
    const { effects } = play([start(query), ...menu.map(line), line('+CREG: 0,1'), line('OK')]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CREG: 0,1'] }]);
    expect(effects.filter((e) => e.kind === 'urc')).toEqual([
      { kind: 'urc', line: menu.join('\n'), pdu: undefined },
    ]);
  });

  test('is answered again when a quote that never ends has had its time', () => {
    const { effects, state } = play([
      start(query),
      line('+CIEV: 10,"2620'),
      line('OK'),
      textOver,
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: [] }]);
    expect(state.text).toBeUndefined();
  });

  test('is answered again when a text has had all the octets or lines that one may have', () => {
    for (const filler of ['x'.repeat(300), 'x']) {
      const flood = Array.from({ length: 191 }, () => line(filler));
      const { effects } = play([start(query), line('+CUSD: 0,"'), ...flood, line('OK')]);
      expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: [] }]);
    }
  });

  test('for a stored SMS that comes in text mode is given up, for its OK may be the sender’s', () => {
    const { effects, state } = play([
      start(read),
      line('+CMGR: "REC UNREAD","+4915112345678",,"26/11/23,10:00:00+04"'),
      line('OK'),
      line('+CMGR: 0,,25'),
      line('OK'),
      textOver,
    ]);
    expect(outcomes(effects)).toEqual([{ kind: 'timeout', stage: 'command', lines: [] }]);
    expect(state.resultsDue).toBe(1);
  });

  test('tells that an earlier one took a foreign result for its own', () => {
    const { effects } = play([start(query), line('OK'), line('+CREG: 0,1'), line('OK')]);
    expect(effects.filter((e) => e.kind === 'out_of_step')).toHaveLength(1);
  });

  test('that was given up leaves a debt, which its late final result pays', () => {
    const { state } = play([start(query), timeout]);
    expect(state.resultsDue).toBe(1);
    const late = play([line('+CREG: 0,1'), line('OK')], state);
    expect(late.state.resultsDue).toBe(0);
    expect(outcomes(late.effects)).toEqual([]);
  });

  test('whose final result may be left out is waited for anew once its response has come, and once', () => {
    const command = { ...query, endMs: 3 };
    const { effects } = play([
      start(command),
      line('RING'),
      line('+CREG: 0,1'),
      line('+CREG: 0,1'),
      timeout,
    ]);
    const timers = effects.flatMap((effect) => (effect.kind === 'timer' ? [effect.ms] : []));
    expect(timers).toEqual([5, 3, undefined]);
    expect(outcomes(effects)).toEqual([
      { kind: 'timeout', stage: 'command', lines: ['+CREG: 0,1', '+CREG: 0,1'] },
    ]);
  });

  test('never starts inside another', () => {
    const { state } = play([start(query)]);
    expect(() => step(state, start(submit, 2))).toThrow('still in flight');
  });
});

describe('a payload', () => {
  test.each([
    ['+CMGS: 12', 'ok'],
    ['+CMS ERROR: 38', 'error'],
  ])('is answered behind the echo of its payload, after news: %s', (said, kind) => {
    const { effects } = play([
      start(submit),
      prompt,
      line('+CMTI: "SM",3'),
      line(pdu + said),
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([expect.objectContaining({ kind })]);
  });

  test('is not answered by what stands behind an echo of its payload before the prompt', () => {
    const { effects } = play([start(submit), line(`${pdu}+CMGS: 12`), line('OK')]);
    expect(outcomes(effects)).toEqual([]);
  });

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

  test('waits behind the prompt where the modem needs that, and is left there by who withdraws meanwhile', () => {
    const paused = play([start(wary), prompt]);
    expect(writes(paused.effects)).toEqual(['AT+CMGS=11\r']);
    expect(writes(play([timeout], paused.state).effects)).toEqual([pdu + CTRL_Z]);
    const withdrawn = play([{ kind: 'cancel' }, timeout], paused.state);
    expect(writes(withdrawn.effects)).toEqual([ESC]);
    expect(outcomes(withdrawn.effects)).toEqual([{ kind: 'cancelled', because: 'caller' }]);
  });

  test.each([
    [submit, []],
    [wary, [timeout]],
  ])('that is held is written when it is released: $0.text', (sent, pause) => {
    const held = play([start(sent), heldPrompt]);
    expect(writes(held.effects)).toEqual([`${sent.text}\r`]);
    expect(writes(play([release, ...pause], held.state).effects)).toEqual([pdu + CTRL_Z]);
    const withdrawn = play([{ kind: 'cancel' }, release], held.state);
    expect(writes(withdrawn.effects)).toEqual([ESC]);
    expect(outcomes(withdrawn.effects)).toEqual([{ kind: 'cancelled', because: 'caller' }]);
  });

  test('that is held for as long as a prompt may take is given up, with ESC', () => {
    const { effects, state } = play([start(submit), heldPrompt, timeout, release]);
    expect(effects.filter((e) => e.kind === 'timer').map((e) => e.ms)).toEqual([10, 10, undefined]);
    expect(writes(effects)).toEqual(['AT+CMGS=10\r', ESC]);
    expect(outcomes(effects)).toEqual([{ kind: 'cancelled', because: 'caller' }]);
    expect(state.resultsDue).toBe(1);
  });

  test('that is held is over when the modem leaves the prompt, or says that it restarted', () => {
    const refused = play([start(submit), heldPrompt, line('+CMS ERROR: 500'), release]);
    expect(writes(refused.effects)).toEqual(['AT+CMGS=10\r', ESC]);
    expect(outcomes(refused.effects)).toMatchObject([{ kind: 'error', stage: 'prompt' }]);
    const echoed = play([start(submit), heldPrompt, line('AT+CMGS=10'), release]);
    expect(writes(echoed.effects)).toEqual(['AT+CMGS=10\r', ESC]);
    expect(outcomes(echoed.effects)).toEqual([{ kind: 'cancelled', because: 'reset' }]);
  });

  test('is not refused by an error that may be an older one’s', () => {
    const { effects } = play([
      start(wary),
      line('+CMS ERROR: 38'),
      prompt,
      timeout,
      line('+CMGS: 7'),
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CMGS: 7'] }]);
  });

  test('is ended by an ERROR only when no response comes behind it: it may be somebody else’s word', () => {
    const doubtful = play([start(submit), prompt, line('ERROR')]);
    expect(outcomes(doubtful.effects)).toEqual([]);
    expect(outcomes(play([line('+CMGS: 7'), line('OK')], doubtful.state).effects)).toEqual([
      { kind: 'ok', lines: ['+CMGS: 7'] },
    ]);
    const error = { kind: 'ERROR', code: undefined, text: 'ERROR' };
    expect(outcomes(play([timeout], doubtful.state).effects)).toEqual([
      { kind: 'error', stage: 'result', error, lines: [], mayBeForeign: false },
    ]);
  });

  test('that was asked for is ended by an error that only a payload gives', () => {
    const { effects } = play([start(submit), prompt, timeout, line('+CMS ERROR: 38')]);
    expect(outcomes(effects)).toEqual([
      expect.objectContaining({ kind: 'error', stage: 'result', mayBeForeign: false }),
    ]);
  });

  describe.each(['+CME ERROR: 515', 'ERROR', '+CMS ERROR: 314'])(
    'that was asked for, where the answer is %s,',
    (text) => {
      const busy = play([start(submit), prompt, timeout, line(text)]);
      const unsure = { kind: 'error', stage: 'result', mayBeForeign: true };

      test('is waited for, and confirmed as ever', () => {
        expect(outcomes(busy.effects)).toEqual([]);
        const { effects } = play([line('+CMGS: 7'), line('OK')], busy.state);
        expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CMGS: 7'] }]);
      });

      test('is asked for again, sooner, until the modem is free: the outcome is then unknown', () => {
        const again = play([timeout, line(text), timeout, line(text)], busy.state);
        expect(writes(again.effects)).toEqual(['AT\r', 'AT\r']);
        expect(again.effects.flatMap((e) => (e.kind === 'timer' ? [e.ms] : []))).toEqual([10, 10]);
        expect(outcomes(again.effects)).toEqual([]);
        const free = play([line('OK')], again.state);
        expect(outcomes(free.effects)).toEqual([expect.objectContaining(unsure)]);
        expect(free.state.resultsDue).toBeGreaterThan(0);
      });

      test('is given up when its time is over, and not later', () => {
        const rounds = Array.from({ length: 12 }, () => [timeout, line(text)]).flat();
        const { effects } = play(rounds, busy.state);
        expect(outcomes(effects)).toEqual([expect.objectContaining(unsure)]);
        const waitedMs = effects.flatMap((e) => (e.kind === 'timer' ? [e.ms ?? 0] : []));
        const { resultTimeoutMs, probeAfterMs } = submit.payload!;
        const beforeMs = 2 * probeAfterMs;
        expect(waitedMs.reduce((sum, ms) => sum + ms, beforeMs)).toBeLessThanOrEqual(
          resultTimeoutMs + probeAfterMs,
        );
      });
    },
  );

  test('is not confirmed by the OK of an older one', () => {
    const older = play([start(submit), line('+CMGS: 6'), prompt, line('OK'), line('+CMGS: 7')]);
    expect(outcomes(older.effects)).toEqual([]);
    expect(outcomes(play([line('OK')], older.state).effects)).toEqual([
      { kind: 'ok', lines: ['+CMGS: 7'] },
    ]);
  });

  test('that the caller withdrew is left with ESC at the prompt', () => {
    const { effects, state } = play([start(submit), { kind: 'cancel' }, prompt]);
    expect(writes(effects)).toEqual(['AT+CMGS=10\r', ESC]);
    expect(outcomes(effects)).toEqual([{ kind: 'cancelled', because: 'caller' }]);
    expect(state.resultsDue).toBe(1);
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
    expect(effects.filter((e) => e.kind === 'timer').map((e) => e.ms)).toEqual([
      10,
      60,
      60,
      60,
      undefined,
    ]);
  });

  test('is not answered by a USSD text that holds a +CMGS and an OK, nor is its prompt found there', () => {
    const text = [line('+CUSD: 1,"Menu'), line('+CMGS: 12'), line('OK'), line('end",15')];
    expect(outcomes(play([start(submit), prompt, ...text]).effects)).toEqual([]);
    const before = play([start(submit), line('+CUSD: 1,"Menu'), prompt]);
    expect(writes(before.effects)).toEqual(['AT+CMGS=10\r']);
    expect(writes(play([line('end",15'), prompt], before.state).effects)).toEqual([pdu + CTRL_Z]);
  });

  test('is not answered by NO CARRIER, which ends somebody else’s call', () => {
    const { effects } = play([
      start(submit),
      prompt,
      line('NO CARRIER'),
      line('+CMGS: 1'),
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([{ kind: 'ok', lines: ['+CMGS: 1'] }]);
  });

  test('is not answered by the text of an inbound SMS on a modem that fell back to text mode', () => {
    const { effects } = play([
      start(submit),
      prompt,
      line('+CMT: "+4915112345678",,"26/11/23,10:00:00+04"'),
      line('Hello'),
      line('+CMGS: 7'),
      line('OK'),
    ]);
    expect(outcomes(effects)).toEqual([]);
  });
});

describe('a text', () => {
  test.each([
    ['+CUSD: 0,"Balance: 3 EUR",15'],
    ['+CUSD: 0,"Balance: 3 EUR"'],
    ['+CUSD: 0,"say "yes"",15'],
    ['+CUSD: 0,"",15'],
    ['+CUSD: 4'],
    ['+ZDONR: "Opera"tor",262,1,"CS_PS","ROAM_OFF"'],
    ['+CIEV: 10,"26201","Operator","Operator",0,0'],
    ['*PSUTTZ: 2026,11,23,12,0,0,"+4",0'],
    ['+COPS: (2,"Network","Net","26201",7),,(0,1,2),(0,1,2)'],
    ['$GPRMC,120000.00,A,"'],
    ['say "yes'],
  ])('of one line is over with it: %s', (whole) => {
    const { state, effects } = play([line(whole)]);
    expect(state.text).toBeUndefined();
    expect(effects).toEqual([{ kind: 'urc', line: whole, pdu: undefined }]);
  });

  test.each([
    [['+CUSD: 0,"', 'OK', '"']],
    [['+CUSD: 0,"Menu', 'OK', 'end",15']],
    [['+CUSD: 0,"press "1", then', 'OK', '"2"', 'or "3" ,  now",72']],
    [['^XYZ: 3,"one', 'ERROR', 'two",4,"five"']],
    [['*NAME: "', 'OK', 'x"']],
  ])('of several lines is over with its closing quote: %j', (lines) => {
    for (let upTo = 1; upTo < lines.length; upTo += 1) {
      const { state, effects } = play(lines.slice(0, upTo).map(line));
      expect(state.text).toBeDefined();
      expect(effects.filter(({ kind }) => kind !== 'text_timer')).toEqual([]);
    }
    expect(play(lines.map(line)).effects).toContainEqual({
      kind: 'urc',
      line: lines.join('\n'),
      pdu: undefined,
    });
  });

  test.each([
    ['+CMT: "+4915112345678",,"26/11/23,10:00:00+04"'],
    ['+CMT: "+4915112345678",,"26/11/23,10:00:00+04",145,4,0,0,"+491710760000",145,12'],
    ['+CBM: 1,50,1,1,1'],
    ['+CMGL: 3,"REC UNREAD","+4915112345678",,"26/11/23,10:00:00+04"'],
  ])('of an SMS in text mode says nowhere where it ends, so that only time does: %s', (head) => {
    const { state, effects } = play([line(head), line('Hello'), line('OK'), line('RDY'), textOver]);
    expect(state.text).toBeUndefined();
    expect(effects.filter(({ kind }) => kind === 'urc')).toEqual([
      { kind: 'urc', line: head, pdu: undefined },
    ]);
  });

  test.each(['+CMT: ,25', '+CMT: "",25', '+CMT: "Alice",25', '+CDS: 25', '+CDS: ,25', '+CBM: 88'])(
    'is none where a PDU follows: %s',
    (head) => {
      const { state, effects } = play([line(head), line('0006D60B')]);
      expect(state).toEqual(initialAtState);
      expect(effects).toEqual([{ kind: 'urc', line: head, pdu: '0006D60B' }]);
    },
  );
});
