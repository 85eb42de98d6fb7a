import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DoctorReport, Finding } from '../../src/doctor/finding.js';
import type { ListedStick } from '../../src/doctor/modem-list.js';
import { testText } from '../../src/doctor/test-message.js';
import { Rig, secret } from '../e2e/rig.js';
import { Child } from '../faults/child.js';

let rig: Rig | undefined;
/** Everything that the commands of a test have said, for what must not be in it. */
let said: string;

afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

async function start(flags: readonly string[] = [], more = '', options = {}): Promise<Rig> {
  said = '';
  rig = await Rig.start(flags, `${more}\n[control]\nsocket = "control.sock"`, options);
  return rig;
}

/**
 * Runs the CLI as an operator does; its own process knows nothing of the daemon but the
 * configuration.
 */
async function run(
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' };
  const child = new Child([...args, '--config', rig!.configFile], (line, from) => {
    output[from] += `${line}\n`;
  });
  const { code } = await child.ended;
  said += output.stdout + output.stderr;
  return { code, ...output };
}

async function doctor(...args: string[]): Promise<DoctorReport & { code: number | null }> {
  const { code, stdout } = await run('doctor', '--json', ...args);
  return { code, ...(JSON.parse(stdout) as DoctorReport) };
}

const wrong = (findings: readonly Finding[] = []) =>
  findings.filter(({ level }) => level !== 'ok').map(({ check, level }) => `${level} ${check}`);

/** Numbers of the virtual SIM and modem, and what else no output may hold. */
const wholes = [
  '262010000000001',
  '89490000000000000017',
  '350000000000006',
  '491710760000',
  '15112345678',
  secret,
];

function expectNoSecrets(...more: string[]): void {
  for (const whole of [...wholes, ...more]) {
    expect(said).not.toContain(whole);
    expect(rig?.raw).not.toContain(whole);
  }
}

describe('doctor', () => {
  it('asks the running daemon, which sends the test message between the others', async () => {
    const { daemon } = await start();
    const report = await doctor('--send', '+49 151 12345678');
    expect(report).toMatchObject({ code: 0, daemon: { pid: daemon.pid } });
    expect([...wrong(report.findings), ...wrong(report.modems[0]?.findings)]).toEqual([]);
    expect(report.modems).toHaveLength(1);
    expect(report.modems[0]).toMatchObject({
      name: 'main',
      device: rig!.modem.link,
      tty: expect.stringMatching(/^\/dev\/pts\/\d+$/),
      facts: {
        sim: 'ready',
        iccid: '…17',
        imei: '…06',
        smsc: '+49…00',
        cnmi: '2,1,0,0,0',
        signal_dbm: -71,
      },
    });
    expect(report.findings.find(({ check }) => check === 'send')).toMatchObject({ level: 'ok' });
    expect(rig!.texts()).toEqual([testText]);
    expectNoSecrets(testText);
  });

  it('is readable: a line a finding, the modem by its name', async () => {
    await start();
    const { stdout, code } = await run('doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^simgate \S+ doctor, through the running daemon \(pid \d+\)\n/);
    expect(stdout).toMatch(/^Modem main \(.*\)$/m);
    expect(stdout).toMatch(
      /^ {2}ok {7}registration {2,}operator "Virtual Network": CREG home network;/m,
    );
    expect(stdout).toMatch(/All is well\.\n$/);
    expect(stdout).not.toContain('\u001b');
    expectNoSecrets();
  });

  it('tells what the daemon has noticed, and by which way SMS goes', async () => {
    await start(
      ['--smsc', '', '--domain', 'CREG=0', '--domain', 'C5GREG=network'],
      `init = ["AT+CGSMS=1;+CREG=0", 'AT+CGAUTH=1,1,"me","hunter2"']`,
    );
    const { modems, code } = await doctor();
    expect(code).toBe(1);
    expect(modems[0]?.facts).toMatchObject({
      registration: { creg: 0, cgreg: 1, cereg: 1, c5greg: 1 },
      cgsms: 1,
      ims: false,
      smsc: '',
    });
    const found = modems[0]?.findings.filter(({ level }) => level !== 'ok') ?? [];
    expect(found).toMatchObject([
      { check: 'registration', remedy: expect.stringContaining('on 5G alone') },
      {
        check: 'sms_path',
        what: '+CGSMS: 1 (circuit-switched only), not registered with IMS, but it is not registered there: every send may fail',
        remedy: expect.stringContaining('init = ["AT+CGSMS=0"]'),
      },
      { check: 'smsc', level: 'error', remedy: expect.stringContaining('set smsc = ') },
      { check: 'init', what: expect.stringContaining('line 2 (+CGAUTH) of init') },
    ]);
    expectNoSecrets('hunter2');
  });

  it('disturbs no message: it asks before and after, never while one is in the air', async () => {
    await start(['--submit-latency', '300', '--busy', 'drop']);
    const [report, ...answers] = await Promise.all([
      doctor(),
      ...Array.from({ length: 3 }, (_, n) =>
        rig!.post({ body: `Your code is ${n}`, recipient: `+4915112345${n}00` }),
      ),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(wrong(report.modems[0]?.findings)).toEqual([]);
    expect(report.modems[0]?.facts).toMatchObject({ cnmi: '2,1,0,0,0' });
  });

  it('says what the network refuses, and exits with 1', async () => {
    await start(['--fault', 'cms:38@*']);
    const report = await doctor('--send', '+4915112345678');
    expect(report.code).toBe(1);
    expect(report.findings.at(-1)).toMatchObject({ check: 'send', level: 'error' });
    expect(report.findings.at(-1)?.what).toMatch(/to \+49…78 .*: network_refused: .*CMS 38/);
    expect(rig!.texts()).toEqual([]);
    expectNoSecrets();
  });

  it('asks a modem nothing that waits for the result of a message', async () => {
    await start(['--fault', 'silence:60000'], 'submit_timeout_s = 4');
    const posted = rig!.post({});
    await rig!.until((line) => line.event === 'modem' && line.phase === 'stalled');
    const { code, findings, modems } = await doctor();
    // Nothing else would go out meanwhile.
    expect(code).toBe(1);
    expect(findings[0]).toMatchObject({ check: 'modem', what: expect.stringContaining('stalled') });
    expect(wrong(modems[0]?.findings)).toEqual(['warning state']);
    expect(modems[0]?.facts).toBeUndefined();
    expect((await posted).status).toBe(504);
  });

  it('says why a modem is not there', async () => {
    await start();
    await rig!.modem.control({ hangup: true, reattach_ms: 60_000 });
    await rig!.until((line) => line.event === 'modem' && line.phase === 'absent');
    const { code, modems } = await doctor();
    expect(code).toBe(1);
    expect(wrong(modems[0]?.findings)).toEqual(['error state']);
    expect(modems[0]?.findings[0]?.what).toMatch(
      /^(absent|opening|lost) for \d+ s: .*(\/dev\/pts|modem\.tty)/,
    );
  });

  it('says why a modem is not registered', async () => {
    await start();
    await rig!.modem.control({ registration: 'denied' });
    const { code, modems } = await doctor();
    expect(code).toBe(1);
    expect(wrong(modems[0]?.findings)).toContain('error registration');
  });
});

describe('ussd', () => {
  it('asks the carrier through the daemon, and logs nothing of it', async () => {
    await start();
    expect(await run('ussd', '*100#')).toMatchObject({ code: 0, stdout: 'Balance: 10.00 EUR\n' });
    expect(rig!.raw).not.toContain('Balance');
    expect(rig!.raw).not.toContain('*100#');
    const { stdout } = await run('ussd', '*100#', '--json', '--modem', 'main');
    expect(JSON.parse(stdout)).toEqual({
      status: 0,
      meaning: 'the network answered',
      text: 'Balance: 10.00 EUR',
    });
  });

  it.each([
    [['ussd', '**04*1234*4321*4321#'], 'PIN'],
    [['ussd', '**21*4915112345678#'], 'changes call forwarding: it is sent only when ussd_allow'],
    [['ussd', '##002#'], '"call_forwarding"'],
    [['ussd', 'ATD112;'], 'a USSD code has'],
    [['ussd', '*100#', '--modem', 'other'], 'there is no modem "other"; there is "main"'],
  ])('%j is refused with a sentence', async (args, sentence) => {
    await start();
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^simgate: .*\n$/);
    expect(stderr).toContain(sentence);
  });

  it('is refused while the modem is not ready', async () => {
    await start();
    await rig!.modem.control({ hangup: true, reattach_ms: 60_000 });
    await rig!.until((line) => line.event === 'modem' && line.phase === 'absent');
    const { code, stderr } = await run('ussd', '*100#');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^simgate: modem "main" is (absent|opening|lost): /);
  });
});

describe('modems', () => {
  it('lists what is plugged in, as the daemon sees it', async () => {
    await start();
    const { code, stdout } = await run('modems', '--json');
    expect(code).toBe(0);
    // A tty of the tests is none of sysfs; what this machine has is its own.
    const listed = JSON.parse(stdout) as ListedStick[];
    for (const stick of listed) {
      expect(stick).toMatchObject({
        name: expect.any(String),
        kind: expect.any(String),
        ports: expect.any(Array),
      });
    }
    expect(listed.filter(({ used_by }) => used_by !== undefined)).toMatchObject([
      { kind: 'configured', used_by: 'main', state: expect.stringMatching(/^ready \(/) },
    ]);
  });
});

describe('the control socket', () => {
  it('tells a second daemon who has it; that one ends', async () => {
    await start();
    const { configFile, folder } = rig!;
    const other = join(folder, 'other.toml');
    writeFileSync(other, readFileSync(configFile, 'utf8').replace('"state"', '"other-state"'));
    let stderr = '';
    const second = new Child(['serve', '--config', other], (line) => {
      stderr += `${line}\n`;
    });
    expect(await second.ended).toMatchObject({ code: 1 });
    expect(stderr).toContain(`is in use by another simgate (pid ${rig!.daemon.pid})`);
  });

  it('left by a daemon that was killed is taken over by the next', async () => {
    await start();
    await rig!.daemon.end('SIGKILL');
    const from = rig!.log.length;
    await rig!.startDaemon();
    await rig!.until((line) => line.event === 'modem' && line.phase === 'ready', from);
    expect((await doctor()).daemon).toEqual({ pid: rig!.daemon.pid });
  });

  it('that cannot be made does not keep the daemon from sending', async () => {
    said = '';
    rig = await Rig.start([], '[control]\nsocket = "missing/control.sock"');
    expect(rig.log).toContainEqual(expect.objectContaining({ level: 'warn', event: 'control' }));
    expect((await rig.post({})).status).toBe(200);
  });
});
