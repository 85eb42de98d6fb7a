import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Stick } from '../../src/usb/stick.js';
import { listSticks } from '../../src/usb/sticks.js';
import { Tree } from './support/tree.js';

let tree: Tree;
beforeEach(() => {
  tree = new Tree();
});
afterEach(() => tree.remove());

const list = () => listSticks(tree.roots);
const short = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const atPorts = (stick: Stick) => stick.atPorts.map(({ tty }) => short(tty));

async function only(name: string): Promise<Stick> {
  tree.plug(name, { at: '1-1.2' });
  const sticks = await list();
  expect(sticks).toHaveLength(1);
  return sticks[0]!;
}

// Expected ttys by hand: the kernel numbers the ttys of a device in order of its interfaces.
test.each([
  [
    'e1750',
    'modem',
    ['ttyUSB2', 'ttyUSB0'],
    'interface 4 of 12d1:1436 is its AT port (Huawei E1750)',
  ],
  [
    'e3131',
    'modem',
    ['ttyUSB2', 'ttyUSB0'],
    'interface 2 of 12d1:1506 is its control AT port (Huawei, class ff/01/02)',
  ],
  [
    'e3372s',
    'modem',
    ['ttyUSB1', 'ttyUSB0'],
    'interface 1 of 12d1:1506 is its control AT port (Huawei, class ff/02/12)',
  ],
  ['zte-mf190', 'modem', ['ttyUSB2', 'ttyUSB1'], 'interface 2 of 19d2:0117 is its AT port (ZTE)'],
  [
    'sim7600',
    'modem',
    ['ttyUSB2', 'ttyUSB3'],
    'interface 2 of 1e0e:9001 is its AT port (SIMCom SIM7000, SIM7100, SIM7600)',
  ],
  [
    'ec25',
    'modem',
    ['ttyUSB2', 'ttyUSB3'],
    'interface 2 of 2c7c:0125 is its AT port (Quectel EC25, EG25-G)',
  ],
  [
    'mc7455',
    'modem',
    ['ttyUSB2'],
    'interface 3 of 1199:9071 is its AT port (Sierra Wireless MC7455, MC7430)',
  ],
  [
    'sara-u270',
    'modem',
    ['ttyACM0', 'ttyACM1', 'ttyACM2'],
    'interface 0 of 1546:1102 is its AT port (u-blox SARA-U2, LISA-U2)',
  ],
  [
    'le910c1',
    'modem',
    ['ttyUSB2', 'ttyUSB3'],
    'interface 4 of 1bc7:1201 is its AT port (Telit LE910C1, LE910C4)',
  ],
  [
    'quectel-unlisted',
    'modem',
    ['ttyUSB2', 'ttyUSB3', 'ttyUSB4'],
    'interface 2 of 2c7c:0900 is most likely its AT port (Quectel)',
  ],
  [
    'unknown-modem',
    'unlisted',
    // The tree numbers both kinds in one go; ttyUSB0 is a diagnostic port by its class.
    ['ttyACM2', 'ttyUSB1'],
    "interface 2 of abcd:1234, which simgate's table does not know: tried in turn",
  ],
  ['ftdi', 'cable', ['ttyUSB0'], '0403:6001 is a serial cable (FTDI): a modem may hang on it'],
])('the AT ports of %s (%s) are %j, and it says why', async (name, kind, ttys, why) => {
  const stick = await only(name);
  expect(stick.kind).toBe(kind);
  expect(atPorts(stick)).toEqual(ttys);
  expect(stick.atPorts[0]?.why).toBe(why);
  expect(stick.problem).toBeUndefined();
});

test('a stick carries its ids, its strings, where it is plugged in and its stable names', async () => {
  const key = tree.plug('zte-mf190', { at: '1-1.2', firstTty: 4 });
  const [stick] = await list();
  expect(stick).toMatchObject({
    key,
    model: 'ZTE',
    usb: {
      vendorId: '19d2',
      productId: '0117',
      serial: 'P671A2TMED010000',
      manufacturer: 'ZTE,Incorporated',
      product: 'ZTE WCDMA Technologies MSM',
      busPath: '1-1.2',
    },
  });
  expect(stick?.ports[2]).toEqual({
    tty: tree.path('dev/ttyUSB6'),
    deviceNumber: '188:6',
    interfaceNumber: 2,
    interfaceClass: 0xff,
    interfaceSubclass: 0xff,
    interfaceProtocol: 0xff,
    driver: 'option',
    byId: tree.path(
      'dev/serial/by-id/usb-ZTE_Incorporated_ZTE_WCDMA_Technologies_MSM_P671A2TMED010000-if02-port0',
    ),
  });
});

test.each([
  [
    'e3372h-hilink',
    /12d1:14dc .*at USB port 1-1\.2 is a network card.*no AT port: set HuaweiAltModeGlobal=1/,
  ],
  ['hilink-disk', /12d1:1f01 .*still shows its driver disk.*HiLink.*HuaweiAltModeGlobal=1/],
  ['huawei-disk', /12d1:1446 .*still shows its driver disk: install the package usb-modeswitch/],
  ['ec21-no-driver', /2c7c:0121 .*has no tty.*modprobe option/],
  [
    'em7455-mbim',
    /1199:9079 .*shows MBIM only, which simgate does not speak.*qmicli .*usb-composition=8/,
  ],
  ['dell-dw5809e-mbim', /413c:81b1 .*shows MBIM only.*qmicli .*usb-composition=8/],
  [
    'fm350-mbim',
    /2cb7:0007 .*shows MBIM only.*AT\+GTUSBMODE.*2 USB configurations.*devices\/1-1\.2\/bConfigurationValue/,
  ],
  [
    'unlisted-mbim',
    /0489:e0db \(unknown maker\).*shows MBIM only.*its AT manual names the command/,
  ],
  ['ec25-qmi', /2c7c:0125 .*shows QMI only.*AT\+QCFG="usbcfg"/],
  ['ublox-gnss', /1546:01a7 at USB port 1-1\.2 is a u-blox GNSS receiver/],
])('%s is listed without AT port, with the way out', async (name, problem) => {
  const stick = await only(name);
  expect(stick.atPorts).toEqual([]);
  expect(stick.problem).toMatch(problem);
});

test('a modem that speaks MBIM and shows AT ports too is used by these', async () => {
  const stick = await only('mbim-and-at');
  expect(atPorts(stick)).toEqual(['ttyUSB2']);
  expect(stick.problem).toBeUndefined();
});

test('a USB device that is neither a modem nor a tty is not listed', async () => {
  tree.plug('keyboard', { at: '1-1.4' });
  expect(await list()).toEqual([]);
});

test('two identical sticks without serial number are told apart by where they are plugged in', async () => {
  const keys = [
    tree.plug('e3372s', { at: '1-1.2', firstTty: 0 }),
    tree.plug('e3372s', { at: '1-1.10', firstTty: 2 }),
  ];
  const sticks = await list();
  expect(sticks.map(({ key }) => key)).toEqual(keys);
  expect(sticks.map(atPorts)).toEqual([
    ['ttyUSB1', 'ttyUSB0'],
    ['ttyUSB3', 'ttyUSB2'],
  ]);
  // udev gave the one name there is to the stick that came last.
  expect(sticks.map(({ ports }) => ports.some(({ byId }) => byId !== undefined))).toEqual([
    false,
    true,
  ]);
});

test('a stick that comes back as other ttys is the same stick with other ttys', async () => {
  const key = tree.plug('e3372s', { at: '1-1.2', firstTty: 0 });
  tree.unplug('1-1.2');
  expect(await list()).toEqual([]);
  tree.plug('e3372s', { at: '1-1.2', firstTty: 3 });
  const [stick] = await list();
  expect(stick?.key).toBe(key);
  expect(atPorts(stick!)).toEqual(['ttyUSB4', 'ttyUSB3']);
});

test('each socket of a cable is a stick of its own, for a modem may hang on each', async () => {
  tree.plug('ftdi-quad', { at: '1-1.3' });
  const sticks = await list();
  expect(sticks.map(atPorts)).toEqual([['ttyUSB0'], ['ttyUSB1'], ['ttyUSB2'], ['ttyUSB3']]);
  expect(new Set(sticks.map(({ key }) => key)).size).toBe(4);
});

test("the board's UARTs are listed, the ports that a driver only reserves and virtual ttys are not", async () => {
  const key = tree.uart('ttyAMA0', 32);
  tree.uart('ttyS1', 0);
  expect(await list()).toEqual([
    {
      key,
      kind: 'uart',
      ports: [{ tty: tree.path('dev/ttyAMA0'), deviceNumber: '204:64' }],
      atPorts: [
        {
          tty: tree.path('dev/ttyAMA0'),
          why: `${tree.path('dev/ttyAMA0')} is a UART of the board: a modem may hang on it`,
        },
      ],
      isSettling: false,
    },
  ]);
});

test('modems come before unlisted sticks, cables, UARTs and what is no modem', async () => {
  tree.plug('ublox-gnss', { at: '1-1.1', firstTty: 5 });
  tree.uart('ttyAMA0', 32);
  tree.plug('ftdi', { at: '1-1.2', firstTty: 0 });
  tree.plug('unknown-modem', { at: '1-1.3', firstTty: 1 });
  tree.plug('ec25', { at: '1-1.5', firstTty: 7 });
  tree.plug('e3372h-hilink', { at: '1-1.4' });
  const kinds = (await list()).map(({ kind }) => kind);
  expect(kinds).toEqual(['modem', 'modem', 'unlisted', 'cable', 'uart', 'no_modem']);
});

test('what a stick calls itself is shown without its control characters and cut', async () => {
  const path = tree.plug('ec25', { at: '1-1.2' });
  tree.write(join(path.slice(tree.top.length), 'product'), `\x1b[2JEvil\r\n${'x'.repeat(200)}\n`);
  const [stick] = await list();
  expect(stick?.usb?.product).toMatch(/^\[2JEvil x{10,}$/);
  expect(stick?.usb?.product).toHaveLength(64);
});

test('a stick whose interfaces are not all there yet is waited for, not guessed at', async () => {
  const path = tree.plug('sim7600', { at: '1-1.2' });
  for (const number of [2, 3, 4, 5]) rmSync(join(path, `1-1.2:1.${number}`), { recursive: true });
  const [stick] = await list();
  expect(stick?.atPorts).toEqual([]);
  expect(stick?.problem).toMatch(/still being set up/);
});

test('while the AT interfaces have no tty yet, no other port is taken for one', async () => {
  const path = tree.plug('zte-mf190', { at: '1-1.2' });
  tree.removeTty(path, 1, 'ttyUSB1');
  tree.removeTty(path, 2, 'ttyUSB2');
  const [stick] = await list();
  expect(stick).toMatchObject({ atPorts: [], isSettling: true });
  expect(stick?.problem).toMatch(/interface 2, its AT port, has no tty yet/);
});

test.each([
  ['e1750', 4, 'ttyUSB2'],
  ['e3131', 2, 'ttyUSB2'],
])('%s with only its dial port so far is still settling', async (name, interfaceNumber, tty) => {
  const path = tree.plug(name, { at: '1-1.2' });
  expect((await list())[0]?.isSettling).toBe(false);
  tree.removeTty(path, interfaceNumber, tty);
  const [stick] = await list();
  expect(stick?.isSettling).toBe(true);
  expect(atPorts(stick!)).toEqual(['ttyUSB0']);
});

test('a machine without sysfs has no sticks', async () => {
  rmSync(tree.path('sys'), { recursive: true });
  expect(await list()).toEqual([]);
});

/** Every path below, deepest first, links not followed. */
function pathsBelow(directory: string): string[] {
  return readdirSync(directory)
    .map((name) => join(directory, name))
    .flatMap((path) => [...(lstatSync(path).isDirectory() ? pathsBelow(path) : []), path]);
}

/** A fixed shuffle for each seed (mulberry32). */
function shuffled<T>(values: readonly T[], seed: number): T[] {
  let state = seed;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const keyed = values.map((value) => ({ value, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
}

const orders: readonly { name: string; order: (paths: string[]) => string[] }[] = [
  { name: 'deepest first', order: (paths) => paths },
  { name: 'from the end', order: (paths) => paths.toReversed() },
  ...[1, 2, 3].map((seed) => ({
    name: `seed ${seed}`,
    order: (paths: string[]) => shuffled(paths, seed),
  })),
];

test.each(orders)(
  'at every step of a tree being torn down ($name) only the true AT ports are named',
  async ({ order }) => {
    const path = tree.plug('sim7600', { at: '1-1.2' });
    const seen = new Set<string>(atPorts((await list())[0]!));
    const steps = order(pathsBelow(path));
    for (const step of steps) {
      rmSync(step, { recursive: true, force: true });
      for (const stick of await list()) {
        expect(stick.usb?.busPath).toBe('1-1.2');
        expect(stick.atPorts.length > 0 || stick.problem !== undefined).toBe(true);
        for (const tty of atPorts(stick)) seen.add(tty);
      }
    }
    expect([...seen].sort()).toEqual(['ttyUSB2', 'ttyUSB3']);
    expect(steps.length).toBeGreaterThan(60);
  },
);

test('a tree that vanishes during the walk makes it no more than incomplete', async () => {
  for (let round = 0; round < 40; round += 1) {
    tree.plug('sim7600', { at: '1-1.2' });
    const walk = list();
    // One more turn of the event loop each round, so that the walk is cut at another place each
    // time.
    for (let turn = 0; turn < round; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    tree.unplug('1-1.2');
    for (const stick of await walk)
      for (const tty of atPorts(stick)) expect(['ttyUSB2', 'ttyUSB3']).toContain(tty);
  }
});
