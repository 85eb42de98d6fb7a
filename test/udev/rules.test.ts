import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { judge } from '../../src/usb/at-ports.js';
import type { StickPort } from '../../src/usb/stick.js';
import {
  huaweiRules,
  layouts,
  modemVendors,
  networkOnly,
  noModems,
} from '../../src/usb/usb-ports.js';
import { generateRules } from './generate.js';
import { applyRules, parseRules, type UdevDevice, type UdevResult } from './rules-machine.js';

const text = readFileSync(join(import.meta.dirname, '../../udev/60-simgate.rules'), 'utf8');
const rules = parseRules(text);
const byPath = 'platform-xhci-hcd.0-usb-0:1.2';

const usbDevice = (id: string, properties = {}): UdevDevice => ({
  subsystem: 'usb',
  devtype: 'usb_device',
  attributes: { idVendor: id.slice(0, 4), idProduct: id.slice(5) },
  properties,
});

/** The tty on an interface of a USB device, by the tags that the device was given. */
function tty(
  id: string,
  number: number,
  tags: readonly string[],
  classes = ['ff', '00', '00'],
): UdevResult {
  const [bInterfaceClass = '', bInterfaceSubClass = '', bInterfaceProtocol = ''] = classes;
  const interfaceNumber = number.toString(16).padStart(2, '0');
  const stick = { ...usbDevice(id), tags, parent: { subsystem: 'usb', devtype: 'usb_device' } };
  const attributes = { bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol };
  const port = { subsystem: 'usb', devtype: 'usb_interface', attributes, parent: stick };
  return applyRules(rules, {
    subsystem: 'tty',
    parent: { subsystem: 'usb-serial', parent: port },
    properties: {
      ID_VENDOR_ID: id.slice(0, 4),
      ID_MODEL_ID: id.slice(5),
      ID_USB_INTERFACE_NUM: interfaceNumber,
      ID_PATH: `${byPath}:1.${number}`,
      ID_SERIAL_SHORT: 'A1',
    },
  });
}

const tagsOf = (id: string, properties = {}) => applyRules(rules, usbDevice(id, properties)).tags;

/** What discovery would talk to first, of ttys on all of the first eleven interfaces. */
function chosen(id: string): number {
  const interfaces = Array.from({ length: 11 }, (_, interfaceNumber) => ({
    interfaceNumber,
    interfaceClass: 0xff,
    interfaceSubclass: 0,
    interfaceProtocol: 0,
  }));
  const ports = interfaces.map(
    (one): StickPort => ({ ...one, tty: `/dev/ttyUSB${one.interfaceNumber}` }) as StickPort,
  );
  const usb = { vendorId: id.slice(0, 4), productId: id.slice(5), busPath: '1-1.2' } as Parameters<
    typeof judge
  >[0];
  return Number(judge(usb, interfaces, ports, true).atPorts[0]!.tty.slice('/dev/ttyUSB'.length));
}

test('the rules are those that the table of modems makes: run test/udev/write.ts after a change of it', () => {
  expect(text).toBe(generateRules());
});

test('ModemManager is told to leave each listed modem, and the port which discovery takes has the stable names', () => {
  for (const id of [...layouts.keys(), '2c7c:ffff']) {
    const device = applyRules(rules, usbDevice(id));
    expect(device.properties.ID_MM_DEVICE_IGNORE, id).toBe('1');
    expect(device.assigned, id).toEqual({ 'power/control': 'on' });
    const linked = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((number) => {
      const port = tty(id, number, device.tags);
      expect(port.properties.ID_MM_PORT_IGNORE, id).toBe('1');
      expect(port.assigned, id).toMatchObject({ GROUP: 'dialout', MODE: '0660' });
      expect(port.tags, id).toEqual(['systemd']);
      if (port.symlinks.length === 0) return false;
      expect(port.symlinks).toEqual([
        `simgate/by-path/${byPath}:1.${number}`,
        `simgate/by-serial/${id}:A1`,
      ]);
      return true;
    });
    expect(linked, id).toEqual([chosen(id)]);
  }
});

test('a Huawei stick that is not listed is named by the protocol of its control port only', () => {
  const tags = tagsOf('12d1:1506');
  for (const { subclasses, protocol, role } of huaweiRules)
    for (const subclass of subclasses) {
      const classes = [
        'ff',
        ...[subclass, protocol].map((octet) => octet.toString(16).padStart(2, '0')),
      ];
      const { symlinks } = tty('12d1:ffff', 7, tags, classes);
      expect(symlinks.length > 0, `${classes.join('/')} is ${role}`).toBe(role === 'control');
    }
});

test('all that the vendors of modems make is simgate’s, but for network cards with a web page', () => {
  for (const vendor of modemVendors.keys())
    expect(tagsOf(`${vendor}:ffff`), vendor).toEqual(['simgate']);
  for (const id of networkOnly.keys()) {
    const { properties, tags, assigned } = applyRules(rules, usbDevice(id));
    expect([properties.ID_MM_DEVICE_IGNORE, tags, assigned], id).toEqual([undefined, [], {}]);
  }
});

test('other devices are left alone: receivers of the same makers, serial cables, a UART, and all that is unplugged', () => {
  for (const id of [...noModems.keys(), '0403:6001', '10c4:ea60', '1a86:7523', '067b:2303']) {
    expect(tagsOf(id), id).toEqual([]);
    expect(tty(id, 0, []).assigned, id).toEqual({});
  }
  const uart = applyRules(rules, { subsystem: 'tty', parent: { subsystem: 'amba' } });
  expect(uart).toEqual({ properties: {}, tags: [], symlinks: [], assigned: {} });
  expect(applyRules(rules, usbDevice('12d1:1001'), 'remove').tags).toEqual([]);
});

test('a file of the operator’s takes a listed modem away, and adds one that is not listed', () => {
  expect(tagsOf('12d1:1001', { SIMGATE_MODEM: '0' })).toEqual([]);
  expect(tagsOf('1234:5678', { SIMGATE_MODEM: '1' })).toEqual(['simgate']);
  expect(tagsOf('12d1:14dc', { SIMGATE_MODEM: '1' })).toEqual(['simgate']);
});

test('a tag of a device above is asked for by "==" only: by "!=" the tty itself always differs', () => {
  const stick: UdevDevice = { subsystem: 'usb', tags: ['simgate'] };
  const below: UdevDevice = {
    subsystem: 'tty',
    parent: { subsystem: 'usb-serial', parent: stick },
  };
  const told = applyRules(
    parseRules('TAGS=="simgate", ENV{HAS}="1"\nTAGS!="simgate", ENV{LACKS}="1"\n'),
    below,
  );
  expect(told.properties).toEqual({ HAS: '1', LACKS: '1' });
});
