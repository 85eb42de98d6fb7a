import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/config.js';
import { OperatorError } from '../../../src/errors.js';
import { ScriptedModem } from '../../doctor/support/scripted-modem.js';
import { endingByEnter, type Line, Person, restByEnter } from './support/person.js';

let person: Person;
beforeEach(() => {
  person = new Person();
});
afterEach(async () => {
  process.exitCode = undefined;
  await person.leave();
});

const locked = { 'AT+CPIN?': ['+CPIN: SIM PIN', 'OK'] };

describe('the PIN', () => {
  const pin = '471147';
  const asked: Line = [/^PIN \(not shown.*\(hidden\)$/, pin];

  it('is asked for twice when the SIM asks, written to a file of its own, shown nowhere and tried by nobody', async () => {
    await person.plugEc25(locked);
    const said = await person.runs([
      [/^Which one/, ''],
      [/^PIN/, '12'],
      asked,
      [/^The same again: \(hidden\)$/, '471148'],
      asked,
      [/^The same again: \(hidden\)$/, pin],
      [/^The countries/, 'DE'],
      ...restByEnter.slice(1),
      ...endingByEnter.slice(0, 1),
    ]);
    expect(said).toContain(
      'No test message can be sent yet: the SIM waits for its PIN, which only the daemon enters',
    );
    expect(person.read('pin-main')).toBe(`${pin}\n`);
    expect(person.mode('pin-main')).toBe(0o600);
    expect(loadConfig(person.file, {}).modems[0]?.pinFile).toBe(join(person.folder, 'pin-main'));
    expect(said + person.read('simgate.toml')).not.toContain(pin);
    expect(person.modems[0]!.heard.filter((line) => line.startsWith('AT+CPIN='))).toEqual([]);
  });

  it.each([
    ['2 are left', ['+CPINR: SIM PIN,2,3', 'OK'], 'only 2 of 3 tries are left'],
    ['their number is not told', ['OK'], 'does not tell how many tries are left'],
  ])('is not asked for when of its tries %s', async (_title, answer, message) => {
    await person.plugEc25({
      ...locked,
      'AT+CPINR="SIM PIN"': answer,
      'AT^CPIN?': ['ERROR'],
      'AT+QPINC="SC"': ['ERROR'],
      'AT+CSIM=10,"0020000100"': ['ERROR'],
    });
    const said = await person.runsAsScript('--yes', '--countries', 'DE');
    expect(said).toContain(message);
    expect(person.files()).toEqual(['auth0-secret', 'simgate.toml']);
  });

  it('must be given otherwise where nobody can be asked', async () => {
    await person.plugEc25(locked);
    await expect(person.runsAsScript('--yes', '--countries', 'DE')).rejects.toThrow(
      /PIN is missing.*pin-main.*--pin-file.*SIMGATE_PIN/,
    );
    expect(person.files()).toEqual([]);
    person.env.SIMGATE_PIN = pin;
    await person.runsAsScript(
      '--yes',
      '--countries',
      'DE',
      '--pin-file',
      join(person.folder, 'my-pin'),
    );
    expect(person.read('my-pin')).toBe(`${pin}\n`);
    delete person.env.SIMGATE_PIN;
    const said = await person.runsAsScript('--yes');
    expect(said).toContain('There is one in');
    expect(person.read('my-pin')).toBe(`${pin}\n`);
  });
});

describe('modems', () => {
  it('that are several are listed with maker and model, and one is picked', async () => {
    await person.plugEc25();
    const device = await person.plugE3372({
      'AT+CGMI': ['huawei', 'OK'],
      'AT+CGMM': ['E3372', 'OK'],
      'AT^CURC=0': ['OK'],
      'AT+CNMI=1,1,0,0,0': ['OK'],
    });
    const said = await person.runs([
      [/^Which one, by number, or another device: $/, '2'],
      ...restByEnter,
      ...endingByEnter,
    ]);
    expect(said).toMatch(
      / {2}1 {2}Quectel EC25 \(2c7c:0125 at USB port 1-1\.2\)\n {5}device = ".*by-id/,
    );
    expect(said).toMatch(/ {2}2 {2}huawei E3372 /);
    expect(loadConfig(person.file, {}).modems[0]?.device).toBe(device);
  });

  it('that are several must be told apart by an option where nobody can be asked', async () => {
    const devices = [await person.plugEc25(), await person.plugE3372()];
    await expect(person.runsAsScript('--yes')).rejects.toThrow(`--device (${devices.join(', ')})`);
    expect(person.files()).toEqual([]);
  });

  it('that are none are looked for again once one is plugged in', async () => {
    const said = await person.runs([
      [/^Plug it in and press Enter/, 'ttyUSB0'],
      [/^Plug it in and press Enter/, '/dev/serial/by-id/mistyped'],
      [/^It does not answer here now\. Take it all the same\? \[y\/N\] $/, ''],
      [/^Plug it in and press Enter/, '/dev/serial/by-id/later'],
      [/^It does not answer here now/, 'y'],
      ...restByEnter.map(
        ([question]): Line => [
          question.source.includes('countries') ? /^The countries/ : question,
          question.source.includes('countries') ? 'DE' : '',
        ],
      ),
      ...endingByEnter.slice(0, 1),
    ]);
    expect(said).toContain('No test message can be sent yet: no modem answers here');
    expect(said).toContain('No modem was found that answers.');
    expect(said).toContain('does not exist');
    expect(loadConfig(person.file, {}).modems[0]?.device).toBe('/dev/serial/by-id/later');
  });

  it('that are none are an error that names the option where nobody can be asked', async () => {
    await expect(person.runsAsScript('--yes')).rejects.toThrow(/the modem is missing: .*--device/);
    await expect(person.runsAsScript('--yes')).rejects.toThrow(OperatorError);
  });

  it('with something wrong are taken, and what is wrong is said with the way out', async () => {
    await person.plugEc25({
      'AT+CREG?': ['+CREG: 0,3', 'OK'],
      'AT+CGREG?': ['+CGREG: 0,3', 'OK'],
      'AT+CEREG?': ['+CEREG: 0,3', 'OK'],
    });
    const said = await person.runsAsScript('--yes', '--send', '+4915112345678');
    expect(said).toMatch(/error: .*denied.*\n +→ the network rejects the SIM/);
    expect(said).toMatch(/error: the test message was not sent: /);
    expect(said).not.toContain('15112345678');
    expect(process.exitCode).toBe(1);
  });
});

describe('what another SMS program was told', () => {
  const conf = (device: string) => `devices = GSM1, GSM2
[GSM1]
device = ${device}
pin = 4711
smsc = 491710760099
[GSM2]
device = /dev/ttyUSB9
`;

  it('is proposed: its modem among several, its PIN where the SIM asks, its SMSC where it is another', async () => {
    await person.plugE3372({
      'AT+CGMI': ['huawei', 'OK'],
      'AT+CGMM': ['E3372', 'OK'],
      'AT^CURC=0': ['OK'],
      'AT+CNMI=1,1,0,0,0': ['OK'],
    });
    const device = await person.plugEc25({
      ...locked,
      'AT+CSCA?': ['+CSCA: "+491710760000",145', 'OK'],
    });
    const file = join(person.folder, 'smsd.conf');
    writeFileSync(file, conf(person.machine.tree.path('dev/ttyUSB2')));
    person.otherFiles = [join(person.folder, 'none'), file];
    const said = await person.runs([
      [/^Which one, by number, or another device \[\d\]: $/, ''],
      [/^Take that of the file\? \[Y\/n\] $/, ''],
      [/^Take that\? \[Y\/n\] $/, ''],
      [/^The countries/, 'DE'],
      ...restByEnter.slice(1),
      ...endingByEnter.slice(0, 1),
    ]);
    expect(said).toContain(`that of ${file} [GSM1]`);
    expect(said).toContain(`${file} [GSM2] names /dev/ttyUSB9, which does not answer here`);
    expect(said).toContain('two cannot share a modem');
    expect(said).toContain('has a PIN for this modem');
    const [modem] = loadConfig(person.file, {}).modems;
    expect(modem).toMatchObject({ device, smsc: '+491710760099' });
    expect(person.read('pin-main')).toBe('4711\n');
    expect(said).not.toMatch(/4711|1710760099/);
  });

  it('is taken with --yes, but for an SMSC where the SIM has its own', async () => {
    await person.plugEc25(locked);
    const file = join(person.folder, 'smsd.conf');
    writeFileSync(file, conf(person.machine.tree.path('dev/ttyUSB2')));
    person.otherFiles = [file];
    await person.runsAsScript('--yes', '--countries', 'DE');
    expect(person.read('pin-main')).toBe('4711\n');
    expect(loadConfig(person.file, {}).modems[0]?.smsc).toBeUndefined();
  });
});

it('a modem that answers at the speed in another program’s file alone is taken at that speed', async () => {
  const node = person.machine.tree.uart('ttyS0', 4) && person.machine.tree.path('dev/ttyS0');
  const modem = await ScriptedModem.start();
  modem.speed = 9600;
  person.modems.push(modem);
  rmSync(node);
  symlinkSync(modem.tty, node);
  const file = join(person.folder, 'gammu-smsdrc');
  writeFileSync(file, `[gammu]\nport = ${node}\nconnection = at9600\n[smsd]\nservice = files\n`);
  person.otherFiles = [file];
  const said = await person.runsAsScript('--yes', '--countries', 'DE');
  expect(said).toContain(`that of ${file} [gammu]`);
  expect(said).toContain('it answers at 9600 bits per second, as that file has it');
  expect(loadConfig(person.file, {}).modems[0]).toMatchObject({ device: node, baud: 9600 });
});

it('a device that another entry has is asked for again', async () => {
  await person.plugEc25();
  await person.runsAsScript('--yes', '--countries', 'DE');
  const said = await person.runs(
    [
      [/^(?:Which one|Plug it in)/, loadConfig(person.file, {}).modems[0]!.device],
      [/^(?:Which one|Plug it in)/, 'auto'],
      [/^The countries/, ''],
      ...restByEnter.slice(1),
      ...endingByEnter,
    ],
    '--modem',
    'second',
  );
  expect(said).toContain('is that of another [[modem]]: every one has its own');
});

it('the public URL is remembered in the configuration, and proposed again', async () => {
  await person.plugEc25();
  await person.runsAsScript('--yes', '--countries', 'DE', '--url', 'sms.example.com');
  expect(loadConfig(person.file, {}).http.publicUrl).toBe('https://sms.example.com/sms');
  const said = await person.runs([
    [/^Keep it\? \[Y\/n\] $/, ''],
    [/^The countries/, ''],
    ...restByEnter.slice(1, -1),
    [/^Its public URL .*\[https:\/\/sms\.example\.com\/sms\]: $/, ''],
    [/^A number to send a test message to/, ''],
  ]);
  expect(said).toContain('Nothing is to be changed.');
  expect(said).toContain('--gateway-url https://sms.example.com/sms');
});

it('a set-up begins with no secret that will not do; what is configured already may stay', async () => {
  await person.plugEc25();
  const secretFile = join(person.folder, 'auth0-secret');
  writeFileSync(secretFile, 'too-short', { mode: 0o600 });
  const words = ['--yes', '--countries', 'DE'];
  await expect(person.runsAsScript(...words)).rejects.toThrow(
    `${secretFile}: the key has 9 octets; HS256 asks for 32 (RFC 7518 3.2), and no set-up begins with such a secret`,
  );
  expect(person.files()).toEqual(['auth0-secret']);
  await person.runs([
    [/^Which one/, ''],
    [/^The countries/, 'DE'],
    ...restByEnter.slice(1, -1),
    [/^Make a new one in its place\? \[Y\/n\] $/, ''],
    [/^Its public URL/, ''],
    ...endingByEnter,
  ]);
  expect(person.read('auth0-secret')).toMatch(/^[\w-]{43}\n$/);
  writeFileSync(secretFile, 'too-short');
  expect(await person.runsAsScript('--yes')).toContain('warning: auth0.secret_file: the key has 9');
  expect(person.read('auth0-secret')).toBe('too-short');
});

it('where the configuration cannot be put in place, the old secret stays in force', async () => {
  await person.plugEc25();
  const secretFile = join(person.folder, 'auth0-secret');
  writeFileSync(secretFile, 'too-short', { mode: 0o600 });
  const edited = '# somebody edits it meanwhile\n';
  await expect(
    person.runs([
      [/^Which one/, ''],
      [/^The countries/, 'DE'],
      ...restByEnter.slice(1, -1),
      [/^Make a new one in its place\? \[Y\/n\] $/, ''],
      [/^Its public URL/, ''],
      [
        /^Write this\?/,
        () => {
          writeFileSync(person.file, edited);
          return 'y';
        },
      ],
    ]),
  ).rejects.toThrow(`${person.file} has changed meanwhile: it was left alone`);
  expect(person.read('auth0-secret')).toBe('too-short');
  expect(person.read('simgate.toml')).toBe(edited);
  expect(person.files().toSorted()).toEqual(['auth0-secret', 'simgate.toml']);
});

describe('without a terminal', () => {
  it.each([
    [['--device', 'auto'], '--countries is missing'],
    [
      ['--device', 'auto', '--countries', 'DE'],
      '--caller is missing: who sends. --yes would take auth0',
    ],
    [['--device', 'modem'], '--device: must be'],
    [
      ['--device', 'auto', '--yes', '--countries', 'UK'],
      '--countries: cannot be taken: "UK" is no code',
    ],
    [['--device', 'auto', '--modem', 'a b'], '--modem: must be'],
    [['--device', 'auto', '--yes', '--countries', 'DE', '--send', '123'], '--send: must be'],
  ])('%j lacks or has wrong %s', async (words, message) => {
    await expect(person.runsAsScript(...words)).rejects.toThrow(message);
    expect(person.files()).toEqual([]);
  });
});
