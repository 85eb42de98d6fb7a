import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { applyRules, parseRules, type UdevResult } from '../udev/rules-machine.js';
import {
  anyDeviceWithParent,
  onMadeUpMachine,
  onThisMachine,
  type SysfsDevice,
} from './udevadm.js';

const shipped = readFileSync(join(import.meta.dirname, '../../udev/60-simgate.rules'), 'utf8');
const groupOfTtys = execFileSync('getent', ['group', 'dialout'], { encoding: 'utf8' }).split(
  ':',
)[2]!;

interface Port {
  id: string;
  interfaceNumber: number;
  classes?: readonly [string, string, string];
}

/** A stick in the second socket of a hub, and all above it. */
function stick(id: string): SysfsDevice {
  const controller = { kernel: 'xhci-hcd.0', subsystem: 'platform' };
  const usb = { subsystem: 'usb', devtype: 'usb_device' };
  const root = {
    ...usb,
    kernel: 'usb1',
    attributes: { idVendor: '1d6b', idProduct: '0002' },
    parent: controller,
  };
  const hub = {
    ...usb,
    kernel: '1-1',
    attributes: { idVendor: '0424', idProduct: '9514' },
    parent: root,
  };
  const [idVendor = '', idProduct = ''] = id.split(':');
  const attributes = { idVendor, idProduct, serial: 'A1', 'power/control': 'auto' };
  return { ...usb, kernel: '1-1.2', attributes, parent: hub };
}

/** The tty of one of its interfaces, as the driver `option` makes it. */
function tty({ id, interfaceNumber, classes = ['ff', '00', '00'] }: Port): SysfsDevice {
  const [bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol] = classes;
  const bInterfaceNumber = interfaceNumber.toString(16).padStart(2, '0');
  const kernel = `1-1.2:1.${interfaceNumber}`;
  const attributes = { bInterfaceNumber, bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol };
  const port = {
    kernel,
    subsystem: 'usb',
    devtype: 'usb_interface',
    attributes,
    parent: stick(id),
  };
  const driven = { kernel: 'ttyUSB0', subsystem: 'usb-serial', parent: port };
  return { kernel: 'ttyUSB0', subsystem: 'tty', dev: '188:0', parent: driven };
}

/**
 * By the machine of `npm test`: the tags that each device above gets from the rules are what those
 * below see.
 */
function byRulesMachine(rules: string, device: SysfsDevice): UdevResult {
  const withTags = (each: SysfsDevice | undefined): SysfsDevice | undefined => {
    if (each === undefined) return undefined;
    const parent = withTags(each.parent);
    // udev's database has no place for a device of no subsystem.
    const { tags } = applyRules(parseRules(rules), { ...each, parent });
    return { ...each, parent, tags: each.subsystem === '' ? [] : tags };
  };
  return applyRules(parseRules(rules), withTags(device)!);
}

/** Those of the rules that the test speaks of. */
const marks = (properties: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(properties).filter(([name]) => /^(MARK|SIMGATE|ID_MM)_/.test(name)),
  );

test('the real udev gives the AT port of a stick its names, group and marks, and switches its sleep off', () => {
  const { properties, symlinks, tags, node } = onMadeUpMachine(
    shipped,
    tty({ id: '2c7c:0125', interfaceNumber: 2 }),
  );
  expect(properties).toMatchObject({ ID_MM_PORT_IGNORE: '1', SIMGATE_AT_PORT: '1' });
  expect(symlinks.toSorted()).toEqual([
    'simgate/by-path/platform-xhci-hcd.0-usb-0:1.2:1.2',
    'simgate/by-serial/2c7c:0125:A1',
  ]);
  expect(tags).toEqual(['systemd']);
  expect(node).toBe(`${groupOfTtys} 660`);
  const device = onMadeUpMachine(shipped, stick('2c7c:0125'));
  expect(device.properties.ID_MM_DEVICE_IGNORE).toBe('1');
  expect(device.attributes['power/control']).toMatch(/^on/);
});

test('other devices keep what they had', () => {
  for (const id of ['0403:6001', '12d1:14dc']) {
    const { properties, symlinks, tags, node } = onMadeUpMachine(
      shipped,
      tty({ id, interfaceNumber: 0 }),
    );
    expect([marks(properties), symlinks, tags, node], id).toEqual([{}, [], [], '0 600']);
  }
});

const ports: readonly Port[] = [
  { id: '2c7c:0125', interfaceNumber: 2 },
  { id: '2c7c:0125', interfaceNumber: 3 },
  { id: '2c7c:ffff', interfaceNumber: 2 },
  { id: '12d1:1506', interfaceNumber: 2, classes: ['ff', '01', '02'] },
  { id: '12d1:1506', interfaceNumber: 0, classes: ['ff', '01', '01'] },
  { id: '12d1:1436', interfaceNumber: 4, classes: ['ff', 'ff', 'ff'] },
  { id: '12d1:14dc', interfaceNumber: 0 },
  { id: '1e0e:9001', interfaceNumber: 2 },
  { id: '1546:1010', interfaceNumber: 6, classes: ['02', '02', '01'] },
  { id: '0403:6001', interfaceNumber: 0 },
];

test.each(ports)(
  'the machine of the tests of the rules comes to what udev does: $id, $interfaceNumber',
  (port) => {
    const device = tty(port);
    const real = onMadeUpMachine(shipped, device);
    // What the machine is told that usb_id and path_id find, as far as udev has found it.
    const found = Object.fromEntries(
      Object.entries(real.properties).filter(([name]) => /^ID_(?!MM)/.test(name)),
    );
    const expected = byRulesMachine(shipped, { ...device, properties: found });
    expect(marks(real.properties)).toEqual(marks(expected.properties));
    expect(real.tags).toEqual(expected.tags);
    expect(real.symlinks.toSorted()).toEqual(expected.symlinks.toSorted());
    expect(real.node).toBe(expected.assigned.MODE === '0660' ? `${groupOfTtys} 660` : '0 600');
  },
);

/**
 * Each way to ask, as the machine must understand it; SUBSYSTEM_ABOVE stands for that of the device
 * that is given the tag.
 */
const forms = `SUBSYSTEM=="SUBSYSTEM_ABOVE", TAG+="simgate"
TAGS=="simgate", ENV{MARK_HAS}="1"
TAGS!="simgate", ENV{MARK_LACKS}="1"
TAGS=="other", ENV{MARK_HAS_OTHER}="1"
TAG=="simgate", ENV{MARK_OWN}="1"
TAG!="simgate", ENV{MARK_NOT_OWN}="1"
SUBSYSTEMS=="SUBSYSTEM_ABOVE", TAGS=="simgate", ENV{MARK_SAME}="1"
SUBSYSTEMS=="SUBSYSTEM_ABOVE", TAGS!="simgate", ENV{MARK_SAME_LACKS}="1"
SUBSYSTEMS=="nothing", TAGS=="simgate", ENV{MARK_NEVER}="1"
SUBSYSTEMS!="SUBSYSTEM_ABOVE", TAGS=="simgate", ENV{MARK_APART}="1"
ATTRS{nothing}!="x", ENV{MARK_MISSING_ABOVE}="1"
ATTR{nothing}!="x", ENV{MARK_MISSING}="1"
ATTR{nothing}=="", ENV{MARK_MISSING_EMPTY}="1"
ENV{NOTHING}=="", ENV{MARK_UNSET}="1"
ENV{NOTHING}!="x", ENV{MARK_UNSET_OTHER}="1"
TAG+="own"
TAG=="own", ENV{MARK_OWN_LATER}="1"
TAGS!="own", ENV{MARK_ABOVE_LACKS_OWN}="1"
TAGS=="simgate", GOTO="ours"
GOTO="end"
LABEL="ours"
ENV{MARK_OURS}="1"
LABEL="end"
`;

test('the machine understands each way to ask as udev does, on a device that is really there', () => {
  const device = anyDeviceWithParent();
  const rules = forms.replaceAll('SUBSYSTEM_ABOVE', device.parent!.subsystem);
  const real = onThisMachine(rules, device);
  expect(real.properties.MARK_OURS, 'the tag of the device above is seen').toBe('1');
  expect(marks(real.properties)).toEqual(marks(byRulesMachine(rules, device).properties));
  expect(real.tags.toSorted()).toEqual(byRulesMachine(rules, device).tags.toSorted());
});

test('and on a stick, where attributes of different devices are never one device’s', () => {
  const rules = `${forms.replaceAll('SUBSYSTEM_ABOVE', 'usb')}
ATTRS{bInterfaceClass}=="ff", ATTRS{idVendor}=="2c7c", ENV{MARK_TWO_DEVICES}="1"
ATTRS{idVendor}=="2c7c", ATTRS{idProduct}=="0125", ENV{MARK_ONE_DEVICE}="1"
ATTRS{idVendor}!="2c7c", ENV{MARK_ANOTHER_VENDOR}="1"
ATTRS{idVendor}=="2c7c", TAGS!="simgate", ENV{MARK_VENDOR_LACKS}="1"
KERNELS=="1-1.2", ENV{MARK_BY_NAME}="1"
`;
  const device = tty({ id: '2c7c:0125', interfaceNumber: 2 });
  const real = onMadeUpMachine(rules, device);
  expect(marks(real.properties)).toEqual(marks(byRulesMachine(rules, device).properties));
  expect(marks(real.properties)).toMatchObject({ MARK_ONE_DEVICE: '1', MARK_LACKS: '1' });
});
