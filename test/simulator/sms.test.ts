import { describe, expect, it } from 'vitest';
import { Desk, helloOctets, helloPdu, helloRecipient, helloTpdu, lines } from './support/desk.js';

describe('sending', () => {
  it('prompts, takes a PDU, and says its reference once the record holds it', () => {
    const desk = new Desk({ submitLatencyMs: 50 });
    expect(desk.type(`AT+CMGS=${helloOctets}\r`)).toBe('\r\n> ');
    expect(desk.type(`${helloPdu}\x1a`)).toBe('');
    expect(desk.entriesOf('accepted')).toEqual([]);
    const reply = lines(desk.wait(50));
    const [accepted] = desk.entriesOf('accepted');
    expect(reply).toEqual([`+CMGS: ${accepted?.mr}`, 'OK']);
    expect(accepted).toMatchObject({
      seq: 1,
      submit: 1,
      tpdu: helloTpdu,
      recipient: helloRecipient,
      text: 'hellohello',
      dcs: 0,
      validity_period: '00',
      status_report_requested: false,
      at_ns: '50000000',
    });
    expect(desk.kinds()).toEqual(['booted', 'command', 'prompt', 'ctrl_z', 'accepted', 'reply']);
  });

  it('counts references up by one and wraps at 255', () => {
    const desk = new Desk();
    for (let count = 0; count < 300; count++) desk.sendHello();
    const references = desk.entriesOf('accepted').map(({ mr }) => mr);
    expect(
      references.every((mr, index) => index === 0 || mr === (references[index - 1]! + 1) % 256),
    ).toBe(true);
  });

  it('leaves the prompt on ESC without submitting', () => {
    const desk = new Desk();
    desk.type(`AT+CMGS=${helloOctets}\r`);
    expect(lines(desk.type(`${helloPdu.slice(0, 9)}\x1b`))).toEqual(['OK']);
    expect(desk.command('AT')).toEqual(['OK']);
    expect(desk.kinds()).toContain('escape');
    expect(desk.kinds()).not.toContain('ctrl_z');
  });

  it.each([
    ['an odd number of hex digits', helloOctets, helloPdu.slice(0, -1)],
    ['something else than hex', helloOctets, `${helloPdu.slice(0, -2)}XY`],
    ['another length than announced', helloOctets - 1, helloPdu],
    ['a malformed TPDU', 8, '00010000000000FF41'],
  ])('refuses %s with CMS 304', (_, octets, pdu) => {
    const desk = new Desk();
    desk.type(`AT+CMGS=${octets}\r`);
    expect(lines(desk.type(`${pdu}\x1a`))).toEqual(['+CMS ERROR: 304']);
    expect(desk.entriesOf('accepted')).toEqual([]);
    expect(desk.entriesOf('refused')).toHaveLength(1);
  });

  it('refuses with CMS 331 while not registered', () => {
    const desk = new Desk({ registration: 'searching' });
    expect(lines(desk.sendHello())).toContain('+CMS ERROR: 331');
    desk.network.grant('roaming');
    expect(desk.command('AT+CREG?')).toEqual(['+CREG: 0,5', 'OK']);
    expect(lines(desk.sendHello())).toContain('OK');
  });

  it('sends in text mode, prompting again behind each CR', () => {
    const desk = new Desk();
    desk.command('AT+CMGF=1');
    expect(desk.type(`AT+CMGS="${helloRecipient}"\r`)).toBe('\r\n> ');
    expect(desk.type('one\r')).toBe('\r\n> ');
    desk.type('two\x1a');
    expect(desk.entriesOf('accepted')[0]).toMatchObject({
      recipient: helloRecipient,
      text: 'one\r\ntwo',
    });
  });

  it('sends UCS-2 in text mode under CSCS and CSMP', () => {
    const desk = new Desk();
    for (const line of ['AT+CMGF=1', 'AT+CSCS="UCS2"', 'AT+CSMP=17,167,0,8']) desk.command(line);
    desk.type('AT+CMGS="002B0034003900310035"\r');
    desk.type('041A043E0434\x1a');
    expect(desk.entriesOf('accepted')[0]).toMatchObject({
      recipient: '+4915',
      text: 'Код',
      dcs: 8,
    });
  });

  it('stores with CMGW and sends from storage with CMSS', () => {
    const desk = new Desk();
    desk.type(`AT+CMGW=${helloOctets}\r`);
    expect(lines(desk.type(`${helloPdu}\x1a`))).toEqual(['+CMGW: 1', 'OK']);
    expect(desk.command('AT+CMSS=1')).toEqual([expect.stringMatching(/^\+CMSS: \d+$/), 'OK']);
    expect(desk.command('AT+CMSS=2')).toEqual(['+CMS ERROR: 321']);
    expect(desk.entriesOf('accepted')).toHaveLength(1);
  });

  it('pays the link set-up for every submit, but once while CMMS holds the link', () => {
    const desk = new Desk({ linkSetupMs: 1000, submitLatencyMs: 100 });
    const send = (ms: number): string[] => {
      desk.sendHello();
      return lines(desk.wait(ms));
    };
    expect(send(1099)).toEqual([]);
    expect(lines(desk.wait(1))).toContain('OK');
    desk.command('AT+CMMS=2');
    expect(send(1100)).toContain('OK');
    expect(send(100)).toContain('OK');
    expect(send(100)).toContain('OK');
    desk.wait(5000);
    expect(send(100)).toEqual([]);
    desk.wait(1000);
    expect(desk.entriesOf('link_setup').map(({ submit }) => submit)).toEqual([1, 2, 5]);
  });
});

describe('what comes in', () => {
  it('is stored and told with +CMTI, read and deleted', () => {
    const desk = new Desk();
    desk.command('AT+CNMI=2,1,0,0,0');
    desk.network.sendInbound({ from: '+491729999999', text: 'Antwort' });
    expect(lines(desk.heard())).toEqual(['+CMTI: "SM",1']);
    desk.command('AT+CMGF=1');
    expect(desk.command('AT+CMGR=1')).toEqual([
      expect.stringMatching(/^\+CMGR: "REC UNREAD","\+491729999999",,"\d\d\/\d\d\/\d\d,/),
      'Antwort',
      'OK',
    ]);
    expect(desk.command('AT+CMGL="REC READ"')[0]).toMatch(/^\+CMGL: 1,"REC READ"/);
    expect(desk.command('AT+CPMS?')[0]).toContain('"SM",1,23');
    desk.command('AT+CMGD=1');
    expect(desk.command('AT+CMGR=1')).toEqual(['+CMS ERROR: 321']);
  });

  it('is routed whole with +CMT, in two lines', () => {
    const desk = new Desk();
    desk.command('AT+CNMI=2,2,0,0,0');
    desk.network.sendInbound({ from: '+491729999999', text: 'Antwort' });
    const [header, pdu] = lines(desk.heard());
    const octets = Number(/^\+CMT: ,(\d+)$/.exec(header!)?.[1]);
    expect(pdu).toMatch(/^0791947101670000/);
    expect(pdu!.length / 2 - 8).toBe(octets);
  });

  it('waits at the network while the storage is full', () => {
    const desk = new Desk({ storageSlots: 2 });
    desk.command('AT+CNMI=2,1,0,0,0');
    for (const text of ['a', 'b', 'c']) desk.network.sendInbound({ from: '+4917', text });
    expect(lines(desk.heard())).toEqual(['+CMTI: "SM",1', '+CMTI: "SM",2']);
    expect(desk.network.undelivered).toBe(1);
    expect(desk.command('AT+CMGD=1')).toEqual(['+CMTI: "SM",1', 'OK']);
  });

  it('waits while data is entered behind a prompt', () => {
    const desk = new Desk();
    desk.command('AT+CNMI=2,1,0,0,0');
    desk.type(`AT+CMGS=${helloOctets}\r`);
    desk.network.sendInbound({ from: '+4917', text: 'a' });
    expect(desk.heard()).toBe('');
    expect(lines(desk.type(`${helloPdu}\x1a`))[0]).toBe('+CMTI: "SM",1');
  });

  it('is held back in mode 0 and flushed when the mode changes', () => {
    const desk = new Desk();
    desk.command('AT+CNMI=0,1');
    desk.network.sendInbound({ from: '+4917', text: 'a' });
    expect(desk.heard()).toBe('');
    expect(desk.command('AT+CNMI=2,1,0,0,0')).toEqual(['+CMTI: "SM",1', 'OK']);
  });
});

describe('status reports', () => {
  const withReport = helloPdu.replace(/^0011/, '0031');
  const send = (desk: Desk): void => {
    desk.type(`AT+CMGS=${helloOctets}\r`);
    desk.type(`${withReport}\x1a`);
  };

  it('come as +CDS with ds 1, with the reference and status of the submit', () => {
    const desk = new Desk({ statusReports: true, statusReportDelayMs: 300 });
    desk.command('AT+CNMI=2,1,0,1,0');
    send(desk);
    const [header, pdu] = lines(desk.wait(300));
    const mr = desk.entriesOf('accepted')[0]!.mr;
    expect(header).toMatch(/^\+CDS: \d+$/);
    expect(pdu?.slice(16)).toMatch(
      new RegExp(`^06${mr.toString(16).padStart(2, '0').toUpperCase()}0D91945111325476F8.*00$`),
    );
  });

  it('are stored and told with +CDSI with ds 2, and are lost with ds 0', () => {
    const desk = new Desk({ statusReports: true, statusReportDelayMs: 300 });
    desk.command('AT+CNMI=2,1,0,2,0');
    send(desk);
    expect(lines(desk.wait(300))).toEqual(['+CDSI: "SR",1']);
    desk.command('AT+CNMI=2,1,0,0,0');
    send(desk);
    expect(desk.wait(300)).toBe('');
  });

  it('do not come unless asked for', () => {
    const desk = new Desk({ statusReports: true });
    desk.command('AT+CNMI=2,1,0,1,0');
    desk.sendHello();
    expect(desk.wait(10_000)).toBe('');
  });

  it('are acknowledged with +CNMA in phase 2+ only', () => {
    const desk = new Desk({ statusReports: true });
    expect(desk.command('AT+CNMA')).toEqual(['+CMS ERROR: 340']);
    desk.command('AT+CSMS=1');
    desk.command('AT+CNMI=2,1,0,1,0');
    send(desk);
    desk.wait(1000);
    expect(desk.command('AT+CNMA')).toEqual(['OK']);
    expect(desk.command('AT+CNMA')).toEqual(['+CMS ERROR: 340']);
  });
});
