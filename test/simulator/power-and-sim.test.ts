import { describe, expect, it } from 'vitest';
import { parsePinFault } from '../../src/simulator/pin-faults.js';
import { Desk, lines } from './support/desk.js';

describe('the SIM', () => {
  it('asks for its PIN, and the modem registers once it has it', () => {
    const desk = new Desk({ pin: '1234', registrationDelayMs: 500 });
    expect(desk.command('AT+CPIN?')).toEqual(['+CPIN: SIM PIN', 'OK']);
    expect(lines(desk.sendHello())[0]).toBe('+CMS ERROR: 311');
    expect(desk.command('AT+CPIN="1234"')).toEqual(['OK']);
    expect(desk.command('AT+CREG?')).toEqual(['+CREG: 0,2', 'OK']);
    desk.wait(500);
    expect(desk.command('AT+CREG?')).toEqual(['+CREG: 0,1', 'OK']);
  });

  it('locks after three wrong tries, which three commands count down, and opens with its PUK', () => {
    const desk = new Desk({ pin: '1234', puk: '87654321' });
    desk.command('AT+CMEE=1');
    for (const left of [3, 2, 1]) {
      expect(desk.command('AT+CPINR="SIM PIN"')).toEqual([`+CPINR: SIM PIN,${left},3`, 'OK']);
      expect(desk.command('AT+CSIM=10,"0020000100"')).toEqual([`+CSIM: 4,"63C${left}"`, 'OK']);
      expect(desk.command('AT+CPIN=0000')).toEqual([
        left > 1 ? '+CME ERROR: 16' : '+CME ERROR: 12',
      ]);
    }
    expect(desk.command('AT+CPIN?')).toEqual(['+CPIN: SIM PUK', 'OK']);
    expect(desk.command('AT+CSIM=10,"0020000100"')).toEqual(['+CSIM: 4,"6983"', 'OK']);
    expect(desk.command('AT+CPIN="1234"')).toEqual(['+CME ERROR: 12']);
    expect(desk.command('AT+CPIN="87654321","4321"')).toEqual(['OK']);
    expect(desk.command('AT+CPIN?')).toEqual(['+CPIN: READY', 'OK']);
    expect(desk.entriesOf('pin').map((entry) => entry.tries_left)).toEqual([2, 1, 0, 0, 3]);
    expect(desk.entriesOf('pin').map((entry) => entry.outcome)).toEqual([
      'refused',
      'refused',
      'refused',
      'not_asked',
      'accepted',
    ]);
  });

  it('keeps its counter over a restart, and asks again', () => {
    const desk = new Desk({ pin: '1234', bootMs: 100 });
    desk.command('AT+CPIN="0000"');
    desk.modem.reboot();
    desk.wait(100);
    expect(desk.command('AT+CPINR="SIM PIN"')).toContain('+CPINR: SIM PIN,2,3');
    desk.command('AT+CPIN="1234"');
    desk.modem.reboot();
    desk.wait(100);
    expect(desk.command('AT+CPIN?')).toContain('+CPIN: SIM PIN');
  });

  it('words errors as +CMEE says', () => {
    const desk = new Desk({ pin: '1234' });
    expect(desk.command('AT+CIMI')).toEqual(['ERROR']);
    desk.command('AT+CMEE=1');
    expect(desk.command('AT+CIMI')).toEqual(['+CME ERROR: 11']);
    desk.command('AT+CMEE=2');
    expect(desk.command('AT+CIMI')).toEqual(['+CME ERROR: SIM PIN required']);
  });
});

describe('an AT+CPIN= that goes wrong', () => {
  const locked = (fault: string): Desk => {
    const desk = new Desk({ pin: '1234', bootMs: 100 });
    desk.modem.pinFaults.push(parsePinFault(fault));
    return desk;
  };
  const tries = (desk: Desk): object[] =>
    desk.entriesOf('pin').map(({ attempt, pin, tries_before, outcome, tries_left }) => ({
      attempt,
      pin,
      tries: [tries_before, tries_left],
      outcome,
    }));

  it('is recorded with what the card made of it, and its answer when that is said', () => {
    const desk = locked('late:500');
    expect(desk.command('AT+CPIN="0000"')).toEqual([]);
    expect(tries(desk)).toEqual([{ attempt: 1, pin: '0000', tries: [3, 2], outcome: 'refused' }]);
    expect(desk.entriesOf('pin_reply')).toEqual([]);
    expect(lines(desk.wait(500))).toEqual(['ERROR']);
    expect(desk.entriesOf('pin_reply').map(({ attempt }) => attempt)).toEqual([1]);
    expect(desk.entriesOf('fault').map(({ fault }) => fault)).toEqual(['pin-late:500']);
    expect(desk.command('AT+CPIN="1234"'), 'the fault is played once').toEqual(['OK']);
  });

  it.each([
    ['silence:500', 'accepted', 'READY'],
    ['silence-lost:500', 'lost', 'SIM PIN'],
    ['glitch:500', 'accepted', 'READY'],
  ])('%s is never answered, and the modem is free again later', (fault, outcome, state) => {
    const desk = locked(fault);
    expect(desk.command('AT+CPIN="1234"')).toEqual([]);
    expect(lines(desk.wait(500))).toEqual([]);
    expect(desk.command('AT+CPIN?')).toEqual([`+CPIN: ${state}`, 'OK']);
    expect(tries(desk)).toMatchObject([{ outcome, tries: [3, 3] }]);
    expect(desk.entriesOf('pin_reply')).toEqual([]);
    expect(desk.hangUps).toEqual(
      fault.startsWith('glitch') ? [{ power: 'kept', downMs: 500 }] : [],
    );
  });

  it.each([
    ['hangup:500', 'refused', 2],
    ['hangup-lost:500', 'lost', 3],
    ['reboot', 'refused', 2],
    ['reboot-lost', 'lost', 3],
  ])('%s takes the power, and the card keeps its count', (fault, outcome, left) => {
    const desk = locked(fault);
    expect(desk.command('AT+CPIN="0000"')).toEqual([]);
    desk.wait(100);
    expect(tries(desk)).toMatchObject([{ outcome, tries: [3, left] }]);
    expect(desk.entriesOf('pin_reply')).toEqual([]);
    expect(desk.hangUps).toEqual(
      fault.startsWith('hangup') ? [{ power: 'lost', downMs: 500 }] : [],
    );
  });

  it.each([
    ['busy', '+CME ERROR: 14'],
    ['error', 'ERROR'],
  ])('%s counts no try', (fault, said) => {
    const desk = locked(fault);
    desk.command('AT+CMEE=1');
    expect(desk.command('AT+CPIN="0000"')).toEqual([said]);
    expect(tries(desk)).toMatchObject([{ outcome: 'uncounted', tries: [3, 3] }]);
  });

  it('refuses a fault that it does not know', () => {
    expect(() => parsePinFault('nonsense')).toThrow('unknown PIN fault "nonsense"');
    expect(() => parsePinFault('reboot:5')).toThrow('"reboot:5": expected reboot');
    expect(() => parsePinFault('late:soon')).toThrow('"late:soon": expected late[:MS]');
  });
});

describe('a SIM in a phone', () => {
  it('has all its tries again, and still asks for its PIN', () => {
    const desk = new Desk({ pin: '1234', pinTries: 1 });
    expect(desk.modem.takeSimToPhone('enter_puk'), 'it wants no PUK').toBe(false);
    expect(desk.modem.takeSimToPhone('enter_pin')).toBe(true);
    expect(desk.command('AT+CPINR="SIM PIN"')).toContain('+CPINR: SIM PIN,3,3');
    expect(desk.command('AT+CPIN?')).toContain('+CPIN: SIM PIN');
  });

  it('wants its PUK when it is blocked, and registers once its lock is off', () => {
    const desk = new Desk({ pin: '1234', pinTries: 0 });
    expect(desk.modem.takeSimToPhone('enter_pin'), 'too late for the PIN').toBe(false);
    expect(desk.modem.takeSimToPhone('enter_puk')).toBe(true);
    expect(desk.modem.takeSimToPhone('remove_lock')).toBe(true);
    expect(desk.command('AT+CREG?')).toContain('+CREG: 0,1');
    expect(desk.entriesOf('phone').map(({ did }) => did)).toEqual(['enter_puk', 'remove_lock']);
  });
});

describe('a restart', () => {
  it('is deaf, forgets its settings, prints its boot lines and registers again', () => {
    const desk = new Desk({ echo: true, bootMs: 1000, registrationDelayMs: 500 });
    desk.wait(500);
    for (const line of ['ATE0', 'AT+CMEE=1', 'AT+CMGF=1', 'AT+CNMI=2,1']) desk.command(line);
    expect(desk.command('AT+CFUN=1,1')).toEqual(['OK']);
    expect(desk.command('AT')).toEqual([]);
    expect(lines(desk.wait(1000))).toEqual([
      'RDY',
      '+CFUN: 1',
      '+CPIN: READY',
      'Call Ready',
      'SMS Ready',
    ]);
    expect(desk.type('AT+CMGF?;+CNMI?;+CREG?\r')).toBe(
      'AT+CMGF?;+CNMI?;+CREG?\r\r\n+CMGF: 0\r\n\r\n+CNMI: 0,0,0,0,0\r\n\r\n+CREG: 0,2\r\n\r\nOK\r\n',
    );
    desk.wait(500);
    expect(desk.command('AT+CREG?')).toContain('+CREG: 0,1');
  });

  it('in silence comes once for each quiet stretch, where that is a trouble of each power-on', () => {
    const desk = new Desk({ trouble: ['silent-restart'] });
    desk.wait(5000);
    expect(desk.entriesOf('boot').map(({ at_ns }) => Number(at_ns) / 1e6)).toEqual([
      1200, 2400, 3600, 4800,
    ]);
  });

  it('loses a submit that was on its way', () => {
    const desk = new Desk({ submitLatencyMs: 100, bootMs: 10 });
    desk.sendHello();
    desk.modem.reboot();
    expect(lines(desk.wait(10_000))).not.toContain('OK');
    expect(desk.entriesOf('accepted')).toEqual([]);
  });

  it('takes the tty with it where a USB modem would', () => {
    const desk = new Desk({ resetTty: 'hangup', bootMs: 2000 });
    desk.command('AT+CFUN=1,1');
    expect(desk.hangUps).toEqual([{ power: 'lost', downMs: 500 }]);
  });

  it('finds the network again once the last of several losses is over, whatever was granted meanwhile', () => {
    const desk = new Desk();
    desk.network.lose(1500);
    desk.wait(750);
    desk.network.lose(1500);
    desk.wait(1000);
    expect(desk.network.granted).toBe('searching');
    desk.network.grant('roaming');
    desk.wait(500);
    expect(desk.network.granted).toBe('roaming');
  });

  it('tells of registration when asked to', () => {
    const desk = new Desk();
    desk.command('AT+CREG=1;+CEREG=2');
    desk.network.grant('denied');
    expect(lines(desk.heard())).toEqual(['+CREG: 3', '+CEREG: 3,"00C3","0001A2B3",2']);
    desk.command('AT+CFUN=4');
    expect(desk.command('AT+CREG?')).toContain('+CREG: 1,0');
  });
});
