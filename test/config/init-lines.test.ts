import { describe, expect, test } from 'vitest';
import { initCommands, whyNotInitLine } from '../../src/config/init-lines.js';

describe('an init line that may be sent', () => {
  test.each([
    'AT+CGSMS=1',
    'at+cgsms=1',
    ' AT + CGSMS = 1 ',
    'AT+QCFG="ims",2',
    'AT+QCFG="nwscanmode",3,1',
    'AT+CNMP=38;+CMNB=1',
    'AT^SYSCFGEX="0302",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,',
    'AT+COPS=1,2,"26201",7',
    'AT+CREG=2;+CGREG=2',
    'AT#FWSWITCH=1',
    'AT+CGDCONT=1,"IPV4V6","ims"',
    'AT+CSMP=17,167,0,0',
    'AT!SELRAT=06',
    'AT*MNETSCAN=1',
  ])('%s', (line) => {
    expect(whyNotInitLine(line)).toBeUndefined();
  });
});

describe('an init line that is refused', () => {
  const named = [
    'AT+CMGS=12',
    'AT+CMSS=1',
    'AT+CMGC=12',
    'AT+CMGW=12',
    'AT+CMGSEX="1"',
    'AT+UCMGS="1"',
    'AT+CIPSEND=4',
    'AT+CUSD=1,"*100#",15',
    'AT+CMGD=1,4',
    'AT+CMGDA=6',
    'AT+QMGDA="DEL ALL"',
    'AT+QFDEL="*"',
    'AT+QESIM="del","8949"',
    'ATD+4915112345678;',
    'ATDT112',
    'ATA',
    'ATO',
    'AT+CMUX=0',
    'AT+CGDATA="PPP",1',
    'AT+CFUN=1,1',
    'AT+CFUN=0',
    'AT+CRESET',
    'AT+CPOF',
    'AT+QPOWD=1',
    'AT^RESET',
    'AT!RESET',
    'AT#REBOOT',
    'AT#ENHRST=1,0',
    'AT^SMSO',
    'AT+NRB',
    'AT+GTUSBMODE=7',
    'AT+CUSBPIDSWITCH=9011,1,1',
    'AT+QCFG="usbnet",2',
    'AT!USBCOMP=1,1,10D',
    'AT+CPIN="4711"',
    'AT+CPIN2="4711"',
    'AT^CPIN="4711"',
    'AT+CPWD="SC","0000","4711"',
    'AT+CLCK="SC",1,"4711"',
    'AT^CARDLOCK="1"',
    'AT+CSIM=10,"0020000100"',
    'AT+CRSM=176,12258,0,0,10',
    'AT+CMGF=1',
    'AT+CSCS="UCS2"',
    'AT+CMEE=0',
    'AT+IPR=9600',
    'AT+IPREX=9600',
    'AT+IFC=2,2',
    'AT&W',
    'AT&W0',
    'AT&F',
    'AT&F1',
    'ATZ',
    'ATZ0',
    'ATE1',
    'ATQ1',
    'ATV0',
    'AT&K3',
    'AT\\Q3',
    'ATS3=0',
  ];
  const spelt = (line: string) => [
    line,
    line.toLowerCase(),
    ` ${line.split('').join(' ')}`,
    line.replace(/^AT/, 'aT\t'),
    `AT+CGSMS=1;${line.slice(2)}`,
    `at+cgsms=1 ; ;${line.slice(2).toLowerCase()} ;+COPS=0`,
    `ATL0${line.slice(2)}`,
    `AT+QCFG="x;${line.slice(2).replaceAll('"', '')}"`,
  ];

  test.each(named)('%s, in any spelling and place', (line) => {
    for (const spelling of spelt(line))
      expect(whyNotInitLine(spelling), spelling).toMatch(/^must not hold /);
  });

  test('never tells an argument: it may be a PIN or a password', () => {
    for (const line of named) expect(whyNotInitLine(line), line).not.toMatch(/4711|0000|\+49|8949/);
  });

  test.each([
    ['', /line of AT commands/],
    ['+CGSMS=1', /line of AT commands/],
    ['A/', /line of AT commands/],
    ['AT+CGSMS="1', /line of AT commands/],
    ['AT"+CMGS=1"', /line of AT commands/],
    ['AT+CGSMS=1\rAT+CMGS=1', /one line/],
    ['AT+CGSMS=1\x1a', /printable/],
    ['AT+ＣMGS=1', /printable/],
    [`AT+CGSMS=${'1'.repeat(200)}`, /characters at most/],
  ])('%j', (line, reason) => {
    expect(whyNotInitLine(line)).toMatch(reason);
  });
});

test('is shown by the names of its commands', () => {
  expect(initCommands('at+cgauth=1,1,"user","password" ; +cops=0')).toEqual(['+CGAUTH', '+COPS']);
});
