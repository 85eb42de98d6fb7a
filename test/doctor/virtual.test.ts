import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DoctorOptions, examineAll } from '../../src/doctor/doctor.js';
import type { Finding } from '../../src/doctor/finding.js';
import { testText } from '../../src/doctor/test-message.js';
import { createLog } from '../../src/log.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { FakeMachine } from './support/fake-machine.js';

let folder: string;
let machine: FakeMachine;
let virtual: VirtualModem | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simgate-doctor-'));
  machine = new FakeMachine();
});
afterEach(async () => {
  await virtual?.stop();
  virtual = undefined;
  machine.remove();
  rmSync(folder, { recursive: true });
});

const recipient = '+4915112345678';

const log = createLog({
  level: 'debug',
  format: 'json',
  stream: new Writable({ write: (_chunk, _encoding, done) => done() }),
});

/** No daemon: the socket is in a folder of its own. */
const examine = (own: Partial<DoctorOptions> = {}) =>
  examineAll({
    config: undefined,
    sendTo: undefined,
    env: { RUNTIME_DIRECTORY: folder },
    machine: machine.toLookAt(),
    log,
    ...own,
  });

function configure(device: string, more = ''): string {
  const file = join(folder, 'simgate.toml');
  writeFileSync(
    file,
    `[auth0]\nsubject = "s"\naudience = "a"\n[policy]\ncountries = ["*"]\n[[modem]]\nname = "main"\ndevice = "${device}"\n${more}\n`,
  );
  return file;
}

const wrong = (findings: readonly Finding[] = []) =>
  findings.filter(({ level }) => level !== 'ok').map(({ check, level }) => `${level} ${check}`);

describe('the virtual modem', () => {
  const report = async (flags: string[], more = '') => {
    virtual = await VirtualModem.start(folder, 'modem', flags);
    return (await examine({ config: configure(virtual.link, more) })).modems[0];
  };

  it.each<[string, string[], string, string[]]>([
    ['in good order', [], '', []],
    ['with a PIN', ['--pin', '4711'], '', ['error sim']],
    ['with a PIN that is known', ['--pin', '4711'], 'pin_file = "pin"', ['warning sim']],
    ['searching', ['--registration', 'searching'], '', ['error registration', 'warning signal']],
    ['denied', ['--registration', 'denied'], '', ['error registration', 'warning signal']],
    ['roaming', ['--registration', 'roaming'], '', []],
    [
      'roaming where it may not',
      ['--registration', 'roaming'],
      'roaming = false',
      ['error registration'],
    ],
    ['of Huawei, noisy', ['--vendor', 'huawei', '--urc-noise', '50'], '', []],
  ])('%s', async (_title, flags, more, expected) => {
    expect(wrong((await report(flags, more))?.findings)).toEqual(expected);
  });

  it('keeps its PIN tries', async () => {
    const found = await report(['--pin', '4711', '--pin-tries', '2'], 'pin_file = "pin"');
    expect(found?.facts).toMatchObject({ sim: 'pin', pin_tries_left: 2 });
    await virtual?.stop();
    expect(virtual?.record().filter(({ kind }) => kind === 'pin')).toEqual([]);
    virtual = undefined;
  });
});

describe('the test message', () => {
  const send = async (flags: string[]) => {
    virtual = await VirtualModem.start(folder, 'modem', flags);
    const report = await examine({ config: configure(virtual.link), sendTo: recipient });
    const finding = report.findings.find(({ check }) => check === 'send');
    await virtual.stop();
    const texts = virtual
      .record()
      .flatMap((entry) => (entry.kind === 'accepted' ? [entry.text] : []));
    virtual = undefined;
    return { finding, texts, report };
  };

  it('goes out, and the answer of the network is told', async () => {
    const { finding, texts, report } = await send([]);
    expect(texts).toEqual([testText]);
    expect(finding).toMatchObject({ level: 'ok' });
    expect(finding?.what).toMatch(
      /accepted the test message to \+49…78 through main .*\(reference \d+\)/,
    );
    expect(JSON.stringify(report)).not.toContain('15112345678');
  });

  it('that the network refuses is told with its code', async () => {
    const { finding, texts } = await send(['--fault', 'cms:21']);
    expect(texts).toEqual([]);
    expect(finding).toMatchObject({ level: 'error' });
    expect(finding?.what).toMatch(/not sent: network_refused: .*CMS 21/);
  });

  it('that got lost on the way may or may not arrive, and the daemon must wait', async () => {
    const { finding } = await send(['--fault', 'hangup-after-ctrlz:100']);
    expect(finding).toMatchObject({ level: 'error', remedy: expect.stringContaining('3 minutes') });
    expect(finding?.what).toContain('may or may not arrive');
  });

  it('is not tried with a modem that cannot send', async () => {
    const { finding, texts } = await send(['--registration', 'denied']);
    expect(texts).toEqual([]);
    expect(finding?.what).toContain('no modem can send now');
  });
});
