import { dirname, join } from 'node:path';
import { controlProtocol, idOf, judge, type UsbInterface } from './at-ports.js';
import type { Stick, StickPort, UsbIdentity } from './stick.js';
import {
  attribute,
  byCount,
  entries,
  hexAttribute,
  linkTarget,
  printable,
  type Roots,
  resolved,
} from './sysfs.js';
import { hiLinkBeforeSwitch, layouts, modemVendors, networkOnly } from './usb-ports.js';

/**
 * `PORT_UNKNOWN` of the kernel's serial core: a port that the driver reserves but the board does
 * not have.
 */
const uartUnknown = '0';
/** `bDeviceClass` of a hub (USB 2.0, 11.23.1). */
const classHub = 0x09;

/** A tty of a USB device, on the way to being grouped. */
interface UsbTty {
  devicePath: string;
  /** Where on a cable with several sockets: interface and, within it, the port. */
  socketPath: string;
  port: StickPort;
}

/**
 * Finds what is plugged in by reading sysfs: USB devices with ttys, the board's UARTs, and modems
 * that show no tty (each with the reason). Never rejects for a device that comes or goes meanwhile:
 * what cannot be read yet is left out or has a `problem`. Modems come first, then what is unlisted,
 * cables and UARTs; within a kind, in order of where they are plugged in.
 */
export async function listSticks(roots: Roots): Promise<Stick[]> {
  const sys = (await resolved(roots.sysRoot)) ?? roots.sysRoot;
  const byIds = await byIdNames(roots);
  const names = await entries(join(sys, 'class/tty'));
  const paths = await Promise.all(names.map((name) => resolved(join(sys, 'class/tty', name))));
  const ttys = paths.filter(
    (path) => path !== undefined && !path.includes('/devices/virtual/'),
  ) as string[];
  const usbTtys: UsbTty[] = [];
  const uarts: Stick[] = [];
  for (const found of await Promise.all(ttys.map((path) => readTty(sys, path, roots, byIds)))) {
    if (found === undefined) continue;
    if ('devicePath' in found) usbTtys.push(found);
    else uarts.push(found);
  }
  const devicePaths = new Set([
    ...usbTtys.map((one) => one.devicePath),
    ...(await modemsOnTheBus(sys)),
  ]);
  const usbSticks = await Promise.all(
    [...devicePaths].map((path) =>
      readStick(
        path,
        usbTtys.filter((one) => one.devicePath === path),
      ),
    ),
  );
  return [...usbSticks.flat(), ...uarts].sort(byRank);
}

const rank: Record<Stick['kind'], number> = {
  modem: 0,
  unlisted: 1,
  cable: 2,
  uart: 3,
  no_modem: 4,
};

const byRank = (a: Stick, b: Stick) => rank[a.kind] - rank[b.kind] || byCount(a.key, b.key);

/** The names in `/dev/serial/by-id`, by the node they point to. */
async function byIdNames(roots: Roots): Promise<Map<string, string>> {
  const directory = join(roots.devRoot, 'serial/by-id');
  const names = await entries(directory);
  const nodes = await Promise.all(names.map((name) => resolved(join(directory, name))));
  return new Map(
    names.flatMap((name, index) => {
      const node = nodes[index];
      return node === undefined ? [] : [[node, join(directory, name)] as const];
    }),
  );
}

/**
 * A tty with its USB device, or a UART; undefined for anything else (PTYs, Bluetooth, reserved
 * ports).
 */
async function readTty(
  sys: string,
  path: string,
  roots: Roots,
  byIds: Map<string, string>,
): Promise<UsbTty | Stick | undefined> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const node = join(roots.devRoot, name);
  const port: StickPort = {
    tty: node,
    deviceNumber: await attribute(path, 'dev'),
    byId: byIds.get((await resolved(node)) ?? node),
  };
  const interfacePath = await interfaceAbove(sys, path);
  if (interfacePath === undefined) return readUart(path, port);
  port.driver = await driverOf(interfacePath);
  Object.assign(port, await readInterface(interfacePath));
  // A usb-serial tty hangs on a port of the interface and says which; an ACM one on the interface
  // itself.
  const socket = (await attribute(path, 'device/port_number'))?.trim() ?? '0';
  // An interface is a direct child of its device; a search upward could end at the hub while the
  // device comes or goes.
  return { devicePath: dirname(interfacePath), socketPath: `${interfacePath}:${socket}`, port };
}

async function readUart(path: string, port: StickPort): Promise<Stick | undefined> {
  const type = (await attribute(path, 'type'))?.trim();
  if (type === undefined || type === uartUnknown) return undefined;
  const why = `${port.tty} is a UART of the board: a modem may hang on it`;
  return {
    key: path,
    kind: 'uart',
    ports: [port],
    atPorts: [{ tty: port.tty, why }],
    isSettling: false,
  };
}

/** The directory of the USB interface that a tty hangs on; undefined when it is none of USB's. */
async function interfaceAbove(sys: string, path: string): Promise<string | undefined> {
  for (let at = dirname(path); at.startsWith(`${sys}/`); at = dirname(at)) {
    if ((await attribute(at, 'bInterfaceNumber')) !== undefined) return at;
  }
  return undefined;
}

async function driverOf(interfacePath: string): Promise<string | undefined> {
  const driver = await linkTarget(join(interfacePath, 'driver'));
  return driver?.slice(driver.lastIndexOf('/') + 1);
}

async function readInterface(path: string): Promise<UsbInterface | undefined> {
  const [interfaceNumber, interfaceClass, interfaceSubclass, interfaceProtocol] = await Promise.all(
    ['bInterfaceNumber', 'bInterfaceClass', 'bInterfaceSubClass', 'bInterfaceProtocol'].map(
      (name) => hexAttribute(path, name),
    ),
  );
  if (interfaceNumber === undefined || interfaceClass === undefined) return undefined;
  if (interfaceSubclass === undefined || interfaceProtocol === undefined) return undefined;
  const driver = await driverOf(path);
  return { interfaceNumber, interfaceClass, interfaceSubclass, interfaceProtocol, driver };
}

/** USB devices that are modems by their ids or by what they speak, with or without tty. */
async function modemsOnTheBus(sys: string): Promise<string[]> {
  const directory = join(sys, 'bus/usb/devices');
  // `1-1.2` is a device, `1-1.2:1.0` an interface, `usb1` a root hub.
  const names = (await entries(directory)).filter((name) => /^\d+-[\d.]+$/.test(name));
  const paths = await Promise.all(
    names.map(async (name) => {
      const path = await resolved(join(directory, name));
      const usb = path === undefined ? undefined : await readIdentity(path);
      if (path === undefined || usb === undefined) return [];
      if ((await hexAttribute(path, 'bDeviceClass')) === classHub) return [];
      const id = idOf(usb);
      const isModem =
        modemVendors.has(usb.vendorId) ||
        layouts.has(id) ||
        networkOnly.has(id) ||
        hiLinkBeforeSwitch.has(id) ||
        controlProtocol(await readInterfaces(path, usb)) !== undefined;
      return isModem ? [path] : [];
    }),
  );
  return paths.flat();
}

async function readInterfaces(path: string, { busPath }: UsbIdentity): Promise<UsbInterface[]> {
  const names = (await entries(path)).filter((name) => name.startsWith(`${busPath}:`));
  const read = await Promise.all(names.map((name) => readInterface(join(path, name))));
  return read.filter((one) => one !== undefined);
}

async function readIdentity(path: string): Promise<UsbIdentity | undefined> {
  const [vendorId, productId, serial, manufacturer, product] = await Promise.all(
    ['idVendor', 'idProduct', 'serial', 'manufacturer', 'product'].map((name) =>
      attribute(path, name),
    ),
  );
  if (!isUsbId(vendorId) || !isUsbId(productId)) return undefined;
  const configurations = Number.parseInt((await attribute(path, 'bNumConfigurations')) ?? '', 10);
  return {
    vendorId: vendorId.toLowerCase(),
    productId: productId.toLowerCase(),
    serial: printable(serial),
    manufacturer: printable(manufacturer),
    product: printable(product),
    configurations: configurations > 0 ? configurations : undefined,
    busPath: path.slice(path.lastIndexOf('/') + 1),
  };
}

const isUsbId = (text: string | undefined): text is string => /^[0-9a-f]{4}$/i.test(text ?? '');

/**
 * One USB device as a stick, or, for a cable, one for each of its sockets: a modem hangs on each,
 * not on the cable.
 */
async function readStick(path: string, ttys: readonly UsbTty[]): Promise<Stick[]> {
  const usb = await readIdentity(path);
  if (usb === undefined) return [];
  const interfaces = await readInterfaces(path, usb);
  const declared = Number.parseInt((await attribute(path, 'bNumInterfaces')) ?? '', 10);
  const isComplete =
    interfaces.length >= declared && ttys.every(({ port }) => port.interfaceNumber !== undefined);
  const ports = ttys
    .map(({ port }) => port)
    .sort((a, b) => (a.interfaceNumber ?? 0) - (b.interfaceNumber ?? 0) || byCount(a.tty, b.tty));
  const judged = judge(usb, interfaces, ports, isComplete);
  if (judged.kind !== 'cable') return [{ ...judged, usb, key: path, ports }];
  return ttys.map(({ socketPath, port }) => ({
    ...judged,
    usb,
    key: socketPath,
    ports: [port],
    atPorts: judged.atPorts.filter(({ tty }) => tty === port.tty),
  }));
}
