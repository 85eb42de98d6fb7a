import { describe, expect, it } from 'vitest';
import { vendorNames, vendors } from '../../src/simulator/vendors.js';
import { Desk, helloOctets, helloPdu, lines } from './support/desk.js';

const cmgs = expect.stringMatching(/^\+CMGS: \d+$/);

describe('every vendor', () => {
  it.each(vendorNames.filter((vendor) => !vendors[vendor].okBehindPrompt))('%s sends', (vendor) => {
    const desk = new Desk({ vendor });
    desk.command('AT+CMGF=0');
    expect(desk.type(`AT+CMGS=${helloOctets}\r`)).toBe(vendors[vendor].prompt);
    expect(lines(desk.type(`${helloPdu}\x1a`)).slice(-2)).toEqual([cmgs, 'OK']);
  });

  it.each(vendorNames)('%s takes the indications it advertises, and no others', (vendor) => {
    const desk = new Desk({ vendor });
    const { mode, mt, bm, ds, bfr } = vendors[vendor].indications;
    const last = [mode, mt, bm, ds, bfr].map((values) => values[values.length - 1]);
    expect(desk.command(`AT+CNMI=${last.join(',')}`)).toEqual(['OK']);
    expect(desk.command(`AT+CNMI=${mode.length + 5},1`)[0]).toMatch(/^\+CMS ERROR: /);
  });

  it.each(vendorNames)('%s has an IMEI with a right check digit (3GPP TS 23.003 B)', (vendor) => {
    const digits = Array.from(vendors[vendor].imei, Number);
    const sum = digits.reverse().reduce((total, digit, index) => {
      const doubled = digit * 2;
      return total + (index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled);
    }, 0);
    expect(digits).toHaveLength(15);
    expect(sum % 10).toBe(0);
  });
});

describe('what is odd about', () => {
  it('huawei: COMMAND NOT SUPPORT, slots from 0, CLAC without AT, its own PIN counter', () => {
    const desk = new Desk({ vendor: 'huawei' });
    expect(desk.command('AT+NONSENSE')).toEqual(['COMMAND NOT SUPPORT']);
    desk.command('AT+CNMI=1,1');
    desk.network.sendInbound({ from: '+4917', text: 'a' });
    expect(lines(desk.heard())).toEqual(['+CMTI: "SM",0']);
    expect(desk.command('AT+CLAC')).toContain('+CMGS');
    expect(desk.command('AT^CPIN?')[0]).toBe('^CPIN: READY,10,10,3,10,3');
  });

  it('zte: noise between Ctrl-Z and +CMGS, a stray comma in +CDS', () => {
    const desk = new Desk({ vendor: 'zte', statusReports: true });
    desk.command('AT+CNMI=1,1,0,1,0');
    desk.type(`AT+CMGS=${helloOctets}\r`);
    const reply = lines(desk.type(`${helloPdu.replace(/^0011/, '0031')}\x1a`));
    expect(reply).toEqual([
      expect.stringMatching(/^\+ZPASR/),
      expect.stringMatching(/^\+ZDONR/),
      cmgs,
      'OK',
    ]);
    expect(lines(desk.wait(1000))[0]).toMatch(/^\+CDS: ,\d+$/);
  });

  it('sim800: ds 2 is an error', () => {
    const desk = new Desk({ vendor: 'sim800' });
    expect(desk.command('AT+CNMI=2,1,0,2,0')).toEqual(['+CMS ERROR: 303']);
    expect(desk.command('AT+CNMI=2,1,0,1,0')).toEqual(['OK']);
    expect(desk.command('AT+CEREG?')).toEqual(['ERROR']);
  });

  it('sim7600: CMS errors in words whatever CMEE says', () => {
    const desk = new Desk({ vendor: 'sim7600', fault: ['cms:350'] });
    expect(lines(desk.sendHello())).toContain('+CMS ERROR: Unknown error');
  });

  it('ec25: +CDSI names SM though the report is in SR', () => {
    const desk = new Desk({ vendor: 'ec25', statusReports: true });
    desk.command('AT+CNMI=2,1,0,2,0');
    desk.type(`AT+CMGS=${helloOctets}\r`);
    desk.type(`${helloPdu.replace(/^0011/, '0031')}\x1a`);
    expect(lines(desk.wait(1000))).toEqual(['+CDSI: "SM",1']);
    expect(desk.command('AT+CMGR=1')).toEqual(['+CMS ERROR: 321']);
    desk.command('AT+CPMS="SR"');
    expect(desk.command('AT+CMGR=1')).toContain('OK');
  });

  it('sierra: OK behind the prompt, the message is sent, +CMGS never comes', () => {
    const desk = new Desk({ vendor: 'sierra' });
    expect(desk.type(`AT+CMGS=${helloOctets}\r`)).toBe('\r\n> \r\nOK\r\n');
    expect(desk.type(`${helloPdu}\x1a`)).toBe('');
    expect(desk.entriesOf('accepted')).toHaveLength(1);
    expect(desk.command('AT')).toEqual(['OK']);
  });

  it('telit: an unacknowledged report turns indications off after 17 s', () => {
    const desk = new Desk({ vendor: 'telit', statusReports: true });
    desk.command('AT+CSMS=1');
    desk.command('AT+CNMI=2,1,0,1,0');
    desk.type(`AT+CMGS=${helloOctets}\r`);
    desk.type(`${helloPdu.replace(/^0011/, '0031')}\x1a`);
    desk.wait(17_999);
    expect(desk.command('AT+CNMI?')).toContain('+CNMI: 2,1,0,1,0');
    desk.wait(1);
    expect(desk.command('AT+CNMI?')).toContain('+CNMI: 2,0,0,0,0');
  });

  it('wavecom: +CPIN? without OK', () => {
    const desk = new Desk({ vendor: 'wavecom' });
    expect(desk.command('AT+CPIN?')).toEqual(['+CPIN: READY']);
    expect(desk.command('AT')).toEqual(['OK']);
  });

  it('makes noise at the rate asked for', () => {
    const desk = new Desk({ vendor: 'huawei', urcNoisePerSecond: 2 });
    const noise = lines(desk.wait(60_000));
    expect(noise.length).toBeGreaterThan(80);
    expect(noise.length).toBeLessThan(160);
    expect(noise.every((line) => line.startsWith('^'))).toBe(true);
  });
});
