import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isSameImei, parseSelector, type Selector } from '../../src/config/selector.js';
import { type Candidate, candidatesFor } from '../../src/usb/select.js';
import { listSticks } from '../../src/usb/sticks.js';
import { Tree } from './support/tree.js';

let tree: Tree;
beforeEach(() => {
  tree = new Tree();
});
afterEach(() => tree.remove());

const selectorOf = (device: string): Selector => {
  const parsed = parseSelector(device);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.selector;
};
const select = async (device: string, others: readonly string[] = []) =>
  candidatesFor(
    selectorOf(device),
    await listSticks(tree.roots),
    tree.roots,
    others.map(selectorOf),
  );
const ttys = (candidates: readonly Candidate[]) =>
  candidates.map(({ tty }) => tty.slice(tree.path('dev').length + 1));

test.each([
  ['auto', { kind: 'auto' }],
  ['/dev/ttyUSB2', { kind: 'path', path: '/dev/ttyUSB2' }],
  ['usb:12D1:1506', { kind: 'usb', vendorId: '12d1', productId: '1506' }],
  ['usb:19d2:0117:P671A2', { kind: 'usb', vendorId: '19d2', productId: '0117', serial: 'P671A2' }],
  ['usb:19d2:0117:a:b c', { kind: 'usb', vendorId: '19d2', productId: '0117', serial: 'a:b c' }],
  ['imei:490154203237518', { kind: 'imei', imei: '490154203237518' }],
  ['imei:49-015420-323751-8', { kind: 'imei', imei: '490154203237518' }],
  ['tcp://10.0.0.7:2001', { kind: 'network', protocol: 'tcp', host: '10.0.0.7', port: 2001 }],
  [
    'rfc2217://[fd00::7]:2001/',
    { kind: 'network', protocol: 'rfc2217', host: 'fd00::7', port: 2001 },
  ],
])('the setting %s is understood', (device, selector) => {
  expect(parseSelector(device)).toEqual({ ok: true, selector });
});

test.each([
  ['ttyUSB2', /absolute path/],
  ['', /absolute path/],
  ['AUTO', /"auto"/],
  ['usb:12d1', /four-digit ids that lsusb shows/],
  ['usb:12d1:15060', /four-digit ids/],
  ['usb:12d1:1506:', /four-digit ids/],
  ['imei:4901542032375', /15 digits/],
  ['imei:4901542032375180', /IMEISV/],
  ['imei:', /15 digits/],
  ['http://10.0.0.7:2001', /"tcp:\/\/host:port"/],
  ['tcp://10.0.0.7', /a port of 1 to 65535/],
  ['tcp://10.0.0.7:65536', /a port of 1 to 65535/],
])('the setting "%s" is refused with the form it should have', (device, message) => {
  expect(parseSelector(device)).toEqual({ ok: false, message: expect.stringMatching(message) });
});

test('IMEIs are compared without the check digit, which some modems answer as 0', () => {
  expect(isSameImei('490154203237518', '490154203237510')).toBe(true);
  expect(isSameImei('490154203237518', '490154203237528')).toBe(false);
  expect(isSameImei('', '')).toBe(false);
});

test('an address is its own candidate, and one modem by either protocol', async () => {
  const { candidates } = await select('tcp://[fd00::7]:2001');
  expect(candidates).toMatchObject([{ tty: 'tcp://[fd00::7]:2001', stickKey: 'fd00::7:2001' }]);
  expect((await select('rfc2217://[fd00::7]:2001')).candidates[0]?.stickKey).toBe('fd00::7:2001');
});

test('a by-id path leads to its tty and locks the whole stick', async () => {
  const key = tree.plug('ec25', { at: '1-1.2' });
  const { candidates } = await select(tree.path('dev/serial/by-id/usb-Android_Android-if02-port0'));
  expect(ttys(candidates)).toEqual(['ttyUSB2']);
  expect(candidates[0]).toMatchObject({
    stickKey: key,
    why: expect.stringMatching(
      /is named in the configuration; interface 2 of 2c7c:0125 is its AT port/,
    ),
  });
});

test('a path to the wrong port of a stick is obeyed, and the right port is named', async () => {
  const key = tree.plug('ec25', { at: '1-1.2' });
  const { candidates } = await select(tree.path('dev/ttyUSB0'));
  expect(ttys(candidates)).toEqual(['ttyUSB0']);
  expect(candidates[0]?.stickKey).toBe(key);
  expect(candidates[0]?.why).toMatch(
    /, but interface 0 of 2c7c:0125 is its diagnostic port: that is .*ttyUSB2$/,
  );
});

test('a PTY behind a symbolic link is its own stick', async () => {
  const pty = tree.node('pts/3');
  symlinkSync(pty, tree.path('modem'));
  const { candidates } = await select(tree.path('modem'));
  expect(candidates).toEqual([
    { tty: pty, stickKey: pty, why: `${tree.path('modem')} is named in the configuration` },
  ]);
});

test('a node of another name, as a container makes it, is known by its device number', async () => {
  const key = tree.plug('ec25', { at: '1-1.2' });
  // /dev/null stands for the node: it is 1:3 on every Linux (Linux allocated devices list).
  tree.write(`${key.slice(tree.top.length)}/1-1.2:1.2/ttyUSB2/tty/ttyUSB2/dev`, '1:3\n');
  const { candidates } = await select('/dev/null');
  expect(candidates).toEqual([expect.objectContaining({ tty: '/dev/null', stickKey: key })]);
});

test.each([
  [
    'a path that is not there',
    (): string => tree.path('dev/ttyUSB9'),
    /ttyUSB9 does not exist: is the modem plugged in\?/,
  ],
  [
    'a link to a tty that is gone',
    () => {
      symlinkSync('../../ttyUSB7', tree.path('dev/serial/by-id/usb-gone'));
      return tree.path('dev/serial/by-id/usb-gone');
    },
    /usb-gone points to \.\.\/\.\.\/ttyUSB7, which is gone/,
  ],
])('%s gives the reason', async (_, path, reason) => {
  expect(await select(path())).toMatchObject({
    candidates: [],
    reason: expect.stringMatching(reason),
  });
});

test('a USB id finds its stick under whatever tty it came back', async () => {
  tree.plug('sim7600', { at: '1-1.3', firstTty: 0 });
  tree.plug('e3372s', { at: '1-1.2', firstTty: 5 });
  expect(ttys((await select('usb:12d1:1506')).candidates)).toEqual(['ttyUSB6', 'ttyUSB5']);
  tree.unplug('1-1.2');
  tree.plug('e3372s', { at: '1-1.2', firstTty: 8 });
  expect(ttys((await select('usb:12D1:1506')).candidates)).toEqual(['ttyUSB9', 'ttyUSB8']);
});

test('a USB id with a serial number finds that stick only, and says so when it has another one', async () => {
  tree.plug('zte-mf190', { at: '1-1.2' });
  expect(ttys((await select('usb:19d2:0117:P671A2TMED010000')).candidates)).toEqual([
    'ttyUSB2',
    'ttyUSB1',
  ]);
  expect((await select('usb:19d2:0117:OTHER')).reason).toBe(
    '19d2:0117 is plugged in, but with serial P671A2TMED010000, not OTHER',
  );
});

test('a USB id that is not there is answered with what is', async () => {
  tree.plug('ec25', { at: '1-1.2' });
  expect((await select('usb:12d1:1506')).reason).toBe(
    'no 12d1:1506 is plugged in; there is 2c7c:0125 at 1-1.2',
  );
  tree.unplug('1-1.2');
  expect((await select('usb:12d1:1506')).reason).toBe(
    'no 12d1:1506 is plugged in; there is no other modem either',
  );
});

test('a stick without AT port is answered with its own problem', async () => {
  tree.plug('e3372h-hilink', { at: '1-1.2' });
  for (const device of ['auto', 'usb:12d1:14dc', 'imei:490154203237518'])
    expect((await select(device)).reason).toMatch(/network card with a web page \(HiLink\)/);
});

test('auto tries modems before cables, cables before UARTs, and no GNSS receiver', async () => {
  tree.plug('ublox-gnss', { at: '1-1.1', firstTty: 9 });
  tree.uart('ttyAMA0', 32);
  tree.plug('ftdi', { at: '1-1.2', firstTty: 0 });
  tree.plug('mc7455', { at: '1-1.3', firstTty: 1 });
  expect(ttys((await select('auto')).candidates)).toEqual(['ttyUSB3', 'ttyUSB0', 'ttyAMA0']);
});

test.each([
  [
    'the kernel command line',
    () => tree.write('proc/cmdline', 'root=/dev/sda1 console=ttyAMA0,115200 quiet\n'),
  ],
  ['the kernel', () => tree.write('sys/class/tty/console/active', 'tty1 ttyAMA0\n')],
])('auto leaves the serial console alone that %s names', async (_, setUp) => {
  tree.uart('ttyAMA0', 32);
  expect(ttys((await select('auto')).candidates)).toEqual(['ttyAMA0']);
  setUp();
  expect(await select('auto')).toEqual({
    candidates: [],
    isSettling: false,
    reason: 'every stick that fits is named by another [[modem]] or is the serial console',
  });
});

test('a selection says when a better port may still come', async () => {
  const path = tree.plug('ec25', { at: '1-1.2' });
  expect(await select('auto')).toMatchObject({ isSettling: false });
  tree.removeTty(path, 2, 'ttyUSB2');
  const selection = await select('auto');
  expect(selection.isSettling).toBe(true);
  expect(ttys(selection.candidates)).toEqual(['ttyUSB3']);
});

test('with nothing plugged in auto says so', async () => {
  expect((await select('auto')).reason).toMatch(/^no modem is plugged in/);
});

test('auto leaves to other entries what they name more exactly', async () => {
  const [first, second] = [
    tree.plug('e3372s', { at: '1-1.2', firstTty: 0 }),
    tree.plug('e3372s', { at: '1-1.3', firstTty: 2 }),
  ];
  const keys = async (device: string, others: readonly string[]) =>
    new Set((await select(device, others)).candidates.map(({ stickKey }) => stickKey));
  // One entry by id takes the first one that fits, so the other is free for auto.
  expect(await keys('auto', ['usb:12d1:1506'])).toEqual(new Set([second]));
  expect(await keys('auto', [tree.path('dev/ttyUSB3')])).toEqual(new Set([first]));
  expect(await keys('auto', ['usb:12d1:1506', 'usb:12d1:1506'])).toEqual(new Set());
  expect(await keys('auto', ['usb:12d1:1506', tree.path('dev/ttyUSB0')])).toEqual(new Set());
  expect(await keys('usb:12d1:1506', [tree.path('dev/ttyUSB0')])).toEqual(new Set([second]));
  // Not the other way round, and a like entry reserves nothing: the locks decide between them.
  expect(await keys('usb:12d1:1506', ['auto', 'usb:12d1:1506'])).toEqual(new Set([first, second]));
  expect(await keys(tree.path('dev/ttyUSB0'), ['usb:12d1:1506'])).toEqual(new Set([first]));
});

test('two ttys of one stick have one key, sockets of a cable and PTYs have each their own', async () => {
  tree.plug('ec25', { at: '1-1.2', firstTty: 0 });
  tree.plug('ftdi-quad', { at: '1-1.3', firstTty: 4 });
  tree.node('pts/1');
  tree.node('pts/2');
  const keyOf = async (name: string) =>
    (await select(tree.path('dev', name))).candidates[0]!.stickKey;
  expect(await keyOf('ttyUSB3')).toBe(await keyOf('ttyUSB2'));
  const apart = await Promise.all(['ttyUSB2', 'ttyUSB4', 'ttyUSB5', 'pts/1', 'pts/2'].map(keyOf));
  expect(new Set(apart).size).toBe(5);
});

test('a path works where there is no sysfs at all', async () => {
  rmSync(tree.path('sys'), { recursive: true });
  mkdirSync(tree.path('sys'));
  const node = tree.node('ttyUSB0');
  expect((await select(node)).candidates).toEqual([
    expect.objectContaining({ tty: node, stickKey: node }),
  ]);
});
