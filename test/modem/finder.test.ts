import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AtSession } from '../../src/at/session.js';
import { parseSelector } from '../../src/config/selector.js';
import { backoffMs, type OpenedModem, openModem } from '../../src/modem/finder.js';
import {
  type ClaimedTty,
  createLocator,
  type Locator,
  StickLocks,
} from '../../src/modem/locator.js';
import { LinkLost, type OpenLink } from '../../src/serial/link.js';
import { FakeLink } from '../at/support.js';
import { Tree } from '../usb/support/tree.js';
import { fakeTimeouts, soon } from './faked-time.js';
import { VirtualDevice } from './virtual-link.js';

const tuning = { guardMs: 0, submitTimeoutMs: undefined, roaming: true, statusReport: false };
const openSession = (openLink: OpenLink) =>
  AtSession.open(openLink, { guardMs: 0 }, { onUrc: () => undefined, onLost: () => undefined });

let tree: Tree;
let locks: StickLocks;
/** What hangs on each tty. */
const wires = new Map<string, OpenLink>();
const opened: OpenedModem[] = [];

beforeEach(() => {
  fakeTimeouts();
  tree = new Tree();
  locks = new StickLocks();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.session.close();
  wires.clear();
  tree.remove();
  vi.useRealTimers();
});

/** Puts a virtual modem behind a node of the tree. */
function modemAt(name: string, vendor: 'ec25' | 'generic' = 'ec25'): void {
  wires.set(node(name), new VirtualDevice({ vendor }).openLink);
}

/** A tty that takes everything and says nothing. */
function silenceAt(name: string): void {
  wires.set(node(name), new FakeLink().open);
}

/** A thing that is no modem: it answers each line that it is written. */
function thingAt(name: string, answer: (line: string) => string): string[] {
  const link = new FakeLink();
  link.answer = (bytes) => {
    const lines = bytes.replaceAll('\x1b', '').split('\r').filter(Boolean);
    return lines.length === 0 ? undefined : lines.map(answer).join('');
  };
  wires.set(node(name), link.open);
  return link.written;
}

const node = (name: string) => join(tree.roots.devRoot, name);

function locatorOf(device: string, owner = 'main'): Locator {
  const parsed = parseSelector(device);
  if (!parsed.ok) throw new Error(parsed.message);
  const { selector } = parsed;
  const locator = createLocator({
    owner,
    device,
    selector,
    baudRate: 115_200,
    locks,
    roots: tree.roots,
    others: () => [],
  });
  const candidates = async () => (await locator.candidates()).map((claim) => () => wired(claim()));
  return Object.create(locator, { candidates: { value: candidates } }) as Locator;
}

/** The same claim, with a wire instead of its tty. */
function wired(claimed: ClaimedTty | undefined): ClaimedTty | undefined {
  if (claimed === undefined) return undefined;
  const nothing: OpenLink = () => Promise.reject(new LinkLost(`${claimed.tty} is not a tty`));
  return { ...claimed, openLink: wires.get(claimed.tty) ?? nothing };
}

async function open(device: string, owner = 'main'): Promise<OpenedModem> {
  const one = await soon(openModem(locatorOf(device, owner), tuning, openSession));
  opened.push(one);
  return one;
}

describe('opening a modem', () => {
  test('by auto finds the AT port among a stick’s ttys, also after it came back under other names', async () => {
    tree.plug('ec25', { at: '1-1.2' });
    modemAt('ttyUSB2');
    const first = await open('auto');
    expect(first.claimed.why).toContain('2c7c:0125');
    await first.session.close();
    first.claimed.release();
    opened.pop();
    tree.unplug('1-1.2');
    tree.plug('ec25', { at: '1-1.2', firstTty: 3 });
    modemAt('ttyUSB5');
    expect((await open('auto')).claimed.tty).toBe(node('ttyUSB5'));
  });

  test('passes over a port that does not answer, for the next', async () => {
    tree.plug('ec25', { at: '1-1.2' });
    silenceAt('ttyUSB2');
    modemAt('ttyUSB3');
    expect((await open('auto')).claimed.tty).toBe(node('ttyUSB3'));
  });

  test('never gives one stick to two entries', async () => {
    tree.plug('ec25', { at: '1-1.2' });
    modemAt('ttyUSB2');
    modemAt('ttyUSB3');
    await open('usb:2c7c:0125', 'first');
    await expect(open('auto', 'second')).rejects.toThrow('another modem entry uses this stick');
  });

  test('by IMEI takes the one that is meant', async () => {
    tree.plug('ec25', { at: '1-1.2' });
    tree.plug('sim7600', { at: '1-1.3', firstTty: 4 });
    modemAt('ttyUSB2');
    modemAt('ttyUSB6', 'generic');
    const imei = await soon((await open('usb:1e0e:9001', 'other')).modem.imei());
    await opened[0]?.session.close();
    opened.pop()?.claimed.release();
    expect((await open(`imei:${imei}`)).claimed.tty).toBe(node('ttyUSB6'));
  });

  const things: [string, (line: string) => string][] = [
    ['a plug that connects its own pins', (line) => `${line}\r`],
    ['a module that says OK to everything', () => '\r\nOK\r\n'],
    ['a WiFi module', (line) => (line === 'AT' ? '\r\nOK\r\n' : '\r\nERROR\r\n')],
    ['a login', () => '\r\nraspberrypi login: '],
    [
      'a satellite terminal without SMS',
      (line) =>
        line === 'AT+CGSN'
          ? '\r\n300000000000000\r\n\r\nOK\r\n'
          : line === 'AT'
            ? '\r\nOK\r\n'
            : '\r\nERROR\r\n',
    ],
  ];
  test.each(things)(
    'by auto does not take %s on a cable or a UART for a modem',
    async (_name, answer) => {
      tree.plug('ftdi', { at: '1-1.2' });
      tree.uart('ttyAMA0', 3);
      const heard = thingAt('ttyUSB0', answer);
      const onUart = thingAt('ttyAMA0', answer);
      const refused = open('auto');
      await expect(refused).rejects.toThrow(/If a modem hangs on it, name it: device = /);
      // What is no modem is not missing either: nobody is asked to switch its power.
      await expect(refused).rejects.toMatchObject({ isOthers: true });
      expect([...heard, ...onUart].join(' ')).not.toMatch(/CFUN|CMGS|CPIN=/);
    },
  );

  test('by auto names a stick that speaks MBIM only, whatever cable is there too', async () => {
    tree.plug('em7455-mbim', { at: '1-1.2' });
    tree.plug('ftdi', { at: '1-1.3' });
    thingAt('ttyUSB0', () => '\r\nOK\r\n');
    await expect(open('auto')).rejects.toThrow(
      /1199:9079 .*shows MBIM only.*qmicli.*; and .*ttyUSB0 answers AT/,
    );
  });

  test.each(['ftdi', 'unknown-modem'])(
    'by auto takes what proves to be a modem on %s',
    async (stick) => {
      tree.plug(stick, { at: '1-1.2' });
      const tty = stick === 'ftdi' ? 'ttyUSB0' : 'ttyACM2';
      modemAt(tty);
      expect((await open('auto')).claimed.tty).toBe(node(tty));
    },
  );

  test('by its path takes a cable at its word, for whatever hangs on it was named', async () => {
    tree.plug('ftdi', { at: '1-1.2' });
    silenceAt('ttyUSB0');
    expect((await open(node('ttyUSB0'))).claimed.needsProof).toBe(false);
  });

  test('opens a stick whose ports are all silent, so that something is done about it', async () => {
    tree.plug('ec25', { at: '1-1.2' });
    silenceAt('ttyUSB2');
    silenceAt('ttyUSB3');
    expect((await open('auto')).claimed.tty).toBe(node('ttyUSB2'));
  });

  test('opens a cable again on which a modem has fallen silent, and never one on which none has answered', async () => {
    tree.plug('ftdi', { at: '1-1.2' });
    silenceAt('ttyUSB0');
    const locator = locatorOf('auto');
    await expect(soon(openModem(locator, tuning, openSession))).rejects.toThrow(
      /does not answer AT/,
    );
    modemAt('ttyUSB0');
    const first = await soon(openModem(locator, tuning, openSession));
    await first.session.close();
    first.claimed.release();
    silenceAt('ttyUSB0');
    opened.push(await soon(openModem(locator, tuning, openSession)));
  });

  test('gives each stick back, also when nobody can say what is in the way', async () => {
    tree.plug('ec25', { at: '1-1.2' });
    const explain = () => Promise.reject(new Error('EMFILE: too many open files'));
    const mute = Object.create(locatorOf('auto', 'first'), { explain: { value: explain } });
    await expect(openModem(mute as Locator, tuning, openSession)).rejects.toThrow(/EMFILE/);
    modemAt('ttyUSB2');
    expect((await open('auto', 'second')).claimed.tty).toBe(node('ttyUSB2'));
  });

  test('says what is in the way when there is nothing to open', async () => {
    await expect(open('auto')).rejects.toThrow(/no modem|plug/i);
    tree.plug('e3372h-hilink', { at: '1-1.2' });
    await expect(open('auto')).rejects.toThrow(/HiLink/);
  });
});

test('the pause before the next try grows to eight seconds, and never in step', () => {
  expect([0, 1, 2, 3, 4, 50].map((failures) => backoffMs(failures, () => 1))).toEqual([
    500, 1000, 2000, 4000, 8000, 8000,
  ]);
  expect(backoffMs(4, () => 0)).toBe(6000);
});
