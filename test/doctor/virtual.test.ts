import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testText } from '../../src/doctor/test-message.js';
import { VirtualModem } from '../faults/virtual-modem.js';
import { ExaminedMachine, wrong } from './support/examined-machine.js';

let machine: ExaminedMachine;
let virtual: VirtualModem | undefined;

beforeEach(() => {
  machine = new ExaminedMachine();
});
afterEach(async () => {
  await virtual?.stop();
  virtual = undefined;
  machine.remove();
});

const recipient = '+4915112345678';

describe('the virtual modem', () => {
  const report = async (flags: string[], more = '') => {
    virtual = await VirtualModem.start(machine.folder, 'modem', flags);
    return (await machine.examine({ config: machine.configure(virtual.link, more) })).modems[0];
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
    virtual = await VirtualModem.start(machine.folder, 'modem', flags);
    const report = await machine.examine({
      config: machine.configure(virtual.link),
      sendTo: recipient,
    });
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
