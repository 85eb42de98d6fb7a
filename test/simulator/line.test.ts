import { describe, expect, it } from 'vitest';
import { parameters, parseCommandLine } from '../../src/simulator/command-line.js';
import { Desk, helloOctets, helloPdu, lines } from './support/desk.js';

describe('the command line (V.250 5)', () => {
  it('echoes until told not to', () => {
    const desk = new Desk({ echo: true });
    expect(desk.type('AT\r')).toBe('AT\r\r\nOK\r\n');
    expect(desk.type('ATE0\r')).toBe('ATE0\r\r\nOK\r\n');
    expect(desk.type('AT\r')).toBe('\r\nOK\r\n');
  });

  it('takes bytes one by one as well as at once', () => {
    const desk = new Desk({ echo: true });
    expect(Array.from('AT+CSQ\r', (byte) => desk.type(byte)).join('')).toBe(
      'AT+CSQ\r\r\n+CSQ: 21,99\r\n\r\nOK\r\n',
    );
  });

  it('rubs out with backspace, ignores noise before AT and repeats with A/', () => {
    const desk = new Desk();
    expect(desk.command('AT+CSX\bQ')).toEqual(['+CSQ: 21,99', 'OK']);
    expect(desk.command('\x1b\x00~at+csq')).toEqual(['+CSQ: 21,99', 'OK']);
    expect(lines(desk.type('A/'))).toEqual(['+CSQ: 21,99', 'OK']);
    expect(desk.command('hello')).toEqual([]);
  });

  it('runs the commands of one line in order and stops at the first refused', () => {
    const desk = new Desk();
    expect(desk.command('ATE0V1+CMEE=1;+CREG?;+CSQ')).toEqual(['+CREG: 0,1', '+CSQ: 21,99', 'OK']);
    expect(desk.command('AT+CSQ;+NONSENSE;+CREG?')).toEqual(['+CSQ: 21,99', 'ERROR']);
  });

  it('says nothing, digits or words as ATQ and ATV say', () => {
    const desk = new Desk();
    expect(desk.type('ATV0\r')).toBe('0\r');
    expect(desk.type('AT+NONSENSE\r')).toBe('4\r');
    expect(desk.type('ATQ1\r')).toBe('');
  });

  it('refuses a line that is too long and takes the next', () => {
    const desk = new Desk();
    expect(desk.command(`AT+CSQ${'?'.repeat(5000)}`)).toEqual(['ERROR']);
    expect(desk.command('AT')).toEqual(['OK']);
  });

  it('keeps semicolons and commas in quotes together', () => {
    expect(parseCommandLine('+CUSD=1,"*100;1#",15;+CSQ')).toEqual([
      { name: '+CUSD', form: 'set', value: '1,"*100;1#",15' },
      { name: '+CSQ', form: 'execute', value: '' },
    ]);
    expect(parameters('1,"a,b",,"c"')).toEqual(['1', 'a,b', '', 'c']);
    expect(parameters('')).toEqual([]);
    expect(parseCommandLine('S0=1&F')).toEqual([
      { name: 'S0', form: 'set', value: '1' },
      { name: '&F', form: 'execute', value: '' },
    ]);
    expect(parseCommandLine('?!')).toBeUndefined();
  });

  it('answers after the command latency, and buffers what comes meanwhile', () => {
    const desk = new Desk({ commandLatencyMs: 10 });
    expect(desk.type('AT\rAT+CSQ\r')).toBe('');
    expect(lines(desk.wait(10))).toEqual(['OK']);
    expect(lines(desk.wait(10))).toEqual(['+CSQ: 21,99', 'OK']);
  });

  it('loses what comes while busy when told to drop it', () => {
    const desk = new Desk({ commandLatencyMs: 10, busy: 'drop' });
    desk.type('AT\rAT+CSQ\r');
    desk.type('AT\r');
    expect(lines(desk.wait(100))).toEqual(['OK']);
    expect(desk.modem.droppedOctets).toBe('AT+CSQ\rAT\r'.length);
  });

  it('bounds what it buffers while busy', () => {
    const desk = new Desk({ commandLatencyMs: 10 });
    desk.type('AT\r');
    desk.type('x'.repeat(1_000_000));
    expect(desk.modem.droppedOctets).toBe(1_000_000 - 4096);
  });

  it('is busy from Ctrl-Z to the reply, unless it is the parallel kind', () => {
    const submit = `AT+CMGS=${helloOctets}\r${helloPdu}\x1a`;
    const serial = new Desk({ submitLatencyMs: 100 });
    serial.type(submit);
    expect(serial.command('AT')).toEqual([]);
    expect(lines(serial.wait(100))).toEqual([expect.stringMatching(/^\+CMGS: \d+$/), 'OK', 'OK']);

    const parallel = new Desk({ submitLatencyMs: 100, parallel: true });
    parallel.type(submit);
    expect(parallel.command('AT')).toEqual(['OK']);
    expect(lines(parallel.wait(100))).toEqual([expect.stringMatching(/^\+CMGS: \d+$/), 'OK']);
    expect(parallel.command('AT')).toEqual(['OK']);
  });
});
