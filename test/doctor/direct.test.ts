import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModemReport } from '../../src/doctor/finding.js';
import { serialLink } from '../../src/serial/port.js';
import { ExaminedMachine, wrong } from './support/examined-machine.js';
import { ScriptedModem, wholeNumbers } from './support/scripted-modem.js';

let machine: ExaminedMachine;
let modem: ScriptedModem | undefined;

beforeEach(() => {
  machine = new ExaminedMachine();
});
afterEach(async () => {
  const unknown = modem?.unknown ?? [];
  await modem?.stop();
  modem = undefined;
  machine.remove();
  expect(unknown).toEqual([]);
});

/** Puts a tty where the tree has the node. */
function place(tty: string, name: string): void {
  const node = machine.tree.path('dev', name);
  rmSync(node);
  symlinkSync(tty, node);
}

const levelOf = (report: ModemReport | undefined, check: string) =>
  report?.findings.find((finding) => finding.check === check)?.level;

describe('without a configuration', () => {
  it('finds the AT port of what is plugged in and asks the modem behind it', async () => {
    modem = await ScriptedModem.start();
    machine.tree.plug('ec25', { at: '1-1.2' });
    place(modem.tty, 'ttyUSB2');
    const { findings, modems, daemon } = await machine.examine();
    expect(daemon).toBeUndefined();
    expect(wrong(findings)).toEqual(['warning daemon']);
    expect(modems).toHaveLength(1);
    const [report] = modems;
    expect(wrong(report?.findings)).toEqual([]);
    expect(report).toMatchObject({
      name: 'Quectel EC25, EG25-G at USB port 1-1.2',
      tty: machine.tree.path('dev/ttyUSB2'),
      facts: {
        manufacturer: 'Quectel',
        model: 'EC25',
        firmware: 'EC25EFAR06A06M4G',
        sim: 'ready',
        pin_tries_left: 3,
        iccid: '…90',
        imei: '…69',
        registration: { creg: 1, cgreg: 1, cereg: 1, c5greg: undefined },
        operator: 'Operator',
        signal_dbm: -71,
        smsc: '+49…00',
        storages: [
          { storage: 'SM', used: 0, total: 25 },
          { storage: 'ME', used: 3, total: 255 },
        ],
        cnmi: '2,1,0,0,0',
      },
    });
  });

  it('tries the next AT port when the first is silent', async () => {
    const mute = await ScriptedModem.start(
      Object.fromEntries(['AT', 'ATE0'].map((line) => [line, []])),
    );
    modem = await ScriptedModem.start();
    machine.tree.plug('ec25', { at: '1-1.2' });
    place(mute.tty, 'ttyUSB2');
    place(modem.tty, 'ttyUSB3');
    const { modems } = await machine.examine();
    await mute.stop();
    expect(modems).toHaveLength(1);
    expect(modems[0]?.tty).toBe(machine.tree.path('dev/ttyUSB3'));
    expect(wrong(modems[0]?.findings)).toEqual([]);
  });

  it('says of a modem that answers nowhere that it is silent, and of a bare cable that it is bare', async () => {
    const mute = await ScriptedModem.start({ AT: [] });
    machine.tree.plug('mc7455', { at: '1-1.2' });
    machine.tree.plug('ftdi', { at: '1-1.3', firstTty: 3 });
    place(mute.tty, 'ttyUSB2');
    const other = await ScriptedModem.start({ AT: [] });
    place(other.tty, 'ttyUSB3');
    const { modems } = await machine.examine();
    await Promise.all([mute.stop(), other.stop()]);
    expect(modems.map((report) => levelOf(report, 'modem'))).toEqual(['error', 'ok']);
    expect(modems[1]?.findings.at(-1)?.what).toContain('no modem hangs on it');
  });

  it('says of a HiLink stick that it has no AT port, and what to do', async () => {
    machine.tree.plug('e3372h-hilink', { at: '1-1.2' });
    const { modems } = await machine.examine();
    expect(modems[0]).toMatchObject({ findings: [{ check: 'stick', level: 'error' }] });
    expect(modems[0]?.findings[0]?.what).toMatch(/HiLink/);
    expect(modems[0]?.findings[0]?.remedy).toMatch(/^set HuaweiAltModeGlobal/);
  });

  it('says that nothing is plugged in', async () => {
    const { findings, modems } = await machine.examine();
    expect(modems).toEqual([]);
    expect(wrong(findings)).toEqual(['warning daemon', 'error modem']);
    expect(findings[0]?.what).toMatch(/no code goes out: nothing is set up/);
  });

  it('opens no modem that another program talks to, not even by another of its ttys', async () => {
    modem = await ScriptedModem.start();
    machine.tree.plug('ec25', { at: '1-1.2' });
    place(modem.tty, 'ttyUSB3');
    machine.tree.process(731, 'minicom', [machine.tree.path('dev/ttyUSB2')]);
    const { modems } = await machine.examine();
    expect(levelOf(modems[0], 'holder')).toBe('error');
    expect(modem.heard).toEqual([]);
  });
});

it('leaves the other ttys of a modem alone when one is locked', async () => {
  const locked = await ScriptedModem.start();
  modem = await ScriptedModem.start();
  const holder = await serialLink(
    locked.tty,
    115_200,
  )({ onData: () => undefined, onClose: () => undefined });
  machine.tree.plug('ec25', { at: '1-1.2' });
  place(locked.tty, 'ttyUSB2');
  place(modem.tty, 'ttyUSB3');
  const { modems } = await machine.examine();
  await holder.close();
  await locked.stop();
  expect(wrong(modems[0]?.findings)).toEqual(['error tty']);
  expect([...locked.heard, ...modem.heard]).toEqual([]);
});

describe('with a configuration', () => {
  it('looks at its modems, and says that no daemon runs', async () => {
    modem = await ScriptedModem.start();
    const { findings, modems } = await machine.examine({ config: machine.configure(modem.tty) });
    expect(wrong(findings)).toEqual(['error daemon']);
    expect(modems).toMatchObject([{ name: 'main', device: modem.tty, tty: modem.tty }]);
    expect(wrong(modems[0]?.findings)).toEqual([]);
  });

  it('tells of modems that it does not name', async () => {
    modem = await ScriptedModem.start();
    machine.tree.plug('sim7600', { at: '1-1.2' });
    const { modems } = await machine.examine({ config: machine.configure(modem.tty) });
    expect(modems.map(({ name }) => name)).toEqual([
      'main',
      'SIMCom SIM7000, SIM7100, SIM7600 at USB port 1-1.2',
    ]);
    expect(wrong(modems[1]?.findings)).toEqual([]);
  });

  it('that is wrong is told problem by problem, and what is plugged in is looked at all the same', async () => {
    modem = await ScriptedModem.start();
    machine.tree.plug('ec25', { at: '1-1.2' });
    place(modem.tty, 'ttyUSB2');
    const { findings, modems } = await machine.examine({
      config: machine.configure(modem.tty, 'bauds = 9600\nroaming = 3'),
    });
    expect(wrong(findings)).toEqual(['error configuration', 'error configuration', 'error daemon']);
    expect(findings.some(({ what }) => what.includes('modem[0].bauds'))).toBe(true);
    expect(modems).toHaveLength(1);
  });

  it('that was named and is not there is an error', async () => {
    const { findings } = await machine.examine({ config: join(machine.folder, 'missing.toml') });
    expect(wrong(findings)).toContain('error configuration');
  });

  it('finds the modem with the IMEI, and shows it nowhere whole', async () => {
    modem = await ScriptedModem.start();
    const other = await ScriptedModem.start({ 'AT+CGSN': ['861000000000040', 'OK'] });
    machine.tree.plug('ec25', { at: '1-1.2' });
    machine.tree.plug('mc7455', { at: '1-1.3', firstTty: 4 });
    place(other.tty, 'ttyUSB2');
    place(modem.tty, 'ttyUSB6');
    const report = await machine.examine({ config: machine.configure('imei:867000000000069') });
    await other.stop();
    expect(report.modems[0]).toMatchObject({
      name: 'main',
      device: 'imei:…69',
      tty: machine.tree.path('dev/ttyUSB6'),
    });
    expect(JSON.stringify(report)).not.toContain('867000000000069');
  });

  it('names a device that is not there', async () => {
    const { modems } = await machine.examine({
      config: machine.configure('/dev/serial/by-id/usb-gone'),
    });
    expect(modems[0]).toMatchObject({ name: 'main', findings: [{ check: 'tty', level: 'error' }] });
    expect(modems[0]?.findings[0]?.what).toContain('/dev/serial/by-id/usb-gone does not exist');
  });

  it('explains a port that another program has locked, and sends nothing to it', async () => {
    modem = await ScriptedModem.start();
    const holder = await serialLink(
      modem.tty,
      115_200,
    )({ onData: () => undefined, onClose: () => undefined });
    const { modems } = await machine.examine({ config: machine.configure(modem.tty) });
    await holder.close();
    expect(modems[0]?.findings.at(-1)).toMatchObject({ check: 'tty', level: 'error' });
    expect(modems[0]?.findings.at(-1)?.what).toContain(`${modem.tty} is busy`);
    expect(modem.heard).toEqual([]);
  });
});

describe('a modem', () => {
  const report = async (answers: Record<string, readonly string[]>) => {
    modem = await ScriptedModem.start(answers);
    return (await machine.examine({ config: machine.configure(modem.tty) })).modems[0];
  };

  it.each<[string, Record<string, readonly string[]>, string]>([
    ['without SIM', { 'AT+CPIN?': ['+CME ERROR: 10'] }, 'error sim'],
    ['with a blocked SIM', { 'AT+CPIN?': ['+CPIN: SIM PUK', 'OK'] }, 'error sim'],
    ['without SMSC', { 'AT+CSCA?': ['+CSCA: "",129', 'OK'] }, 'error smsc'],
    [
      'with a full storage',
      { 'AT+CPMS?': ['+CPMS: "SM",25,25,"SM",25,25', 'OK'] },
      'warning storage',
    ],
    ['with the radio off', { 'AT+CFUN?': ['+CFUN: 4', 'OK'] }, 'error radio'],
    ['that hears badly', { 'AT+CSQ': ['+CSQ: 2,99', 'OK'] }, 'warning signal'],
    ['that hears nothing', { 'AT+CSQ': ['+CSQ: 99,99', 'OK'] }, 'warning signal'],
    ['still starting', { 'AT+CMGF=0': ['+CMS ERROR: 515'] }, 'error indications'],
  ])('%s is found out', async (_title, answers, expected) => {
    expect(wrong((await report(answers))?.findings)).toEqual([expected]);
  });

  it('in UCS-2 tells its SMSC all the same, masked', async () => {
    const digits = '+491710760000'
      .split('')
      .map((digit) => `00${digit.charCodeAt(0).toString(16)}`)
      .join('');
    const { facts } = (await report({
      'AT+CSCA?': [`+CSCA: "${digits.toUpperCase()}",145`, 'OK'],
    }))!;
    expect(facts).toMatchObject({ smsc: '+49…00' });
  });

  it('that does not answer one question is asked the others', async () => {
    const found = await report({ 'AT+CGMR': [] });
    expect(wrong(found?.findings)).toEqual([]);
    expect(found?.facts?.firmware).toBeUndefined();
    expect(found?.facts).toMatchObject({ model: 'EC25', cnmi: '2,1,0,0,0' });
  });

  it('cannot put whole numbers or control characters into what is shown', async () => {
    const found = await report({
      'AT+CGMM': ['EC25\u001b[2J 867000000000069', 'OK'],
      'AT+CGMR': ['fw 262010000000001', 'OK'],
      'AT+COPS?': ['+COPS: 0,0,"\u001b]0;x\u0007 +4915112345678",7', 'OK'],
    });
    const said = found!.findings.map(({ what }) => what).join('\n');
    expect(said).toContain('EC25\\u001b[2J …69');
    expect(said).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    for (const number of ['867000000000069', '262010000000001', '4915112345678', ...wholeNumbers])
      expect(JSON.stringify(found)).not.toContain(number);
  });
});
