import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { Roots } from '../../../src/usb/sysfs.js';

interface RecordedInterface {
  number: number;
  class: string;
  subclass: string;
  protocol: string;
  driver: string | undefined;
}

interface RecordedDevice {
  vendorId: string;
  productId: string;
  configurations: string;
  strings: Map<string, string>;
  interfaces: RecordedInterface[];
}

const recorded = parse(readFileSync(join(import.meta.dirname, 'devices.txt'), 'utf8'));

/** What makes a ttyUSB (usb-serial), one for each interface it drives. */
const usbSerialDrivers = new Set(['option', 'qcserial', 'ftdi_sio', 'cp210x', 'ch341', 'pl2303']);

function parse(text: string): Map<string, RecordedDevice> {
  const devices = new Map<string, RecordedDevice>();
  let device: RecordedDevice | undefined;
  for (const line of text.split('\n')) {
    const field = (name: string) => new RegExp(`${name}=\\s*(\\S+)`).exec(line)?.[1];
    const heading = /^\[(.+)\]$/.exec(line)?.[1];
    if (heading !== undefined) {
      device = {
        vendorId: '',
        productId: '',
        configurations: '1',
        strings: new Map(),
        interfaces: [],
      };
      devices.set(heading, device);
    } else if (line.startsWith('P:')) {
      const ids = { vendorId: field('Vendor')!, productId: field('ProdID')! };
      Object.assign(device!, { ...ids, configurations: field('Cfgs') ?? '1' });
    } else if (line.startsWith('S:')) {
      const [, name, value] = /^S: (\w+)=(.*)$/.exec(line)!;
      device!.strings.set(name!, value!);
    } else if (line.startsWith('I:')) {
      device!.interfaces.push({
        number: Number(field('If#')),
        class: field('Cls')!,
        subclass: field('Sub')!,
        protocol: field('Prot')!,
        driver: field('Driver'),
      });
    } else if (line !== '' && !line.startsWith('#')) {
      throw new Error(`devices.txt: what is "${line}"?`);
    }
  }
  return devices;
}

export interface PlugOptions {
  /** Bus path, as `1-1.2`. */
  at: string;
  /** Number of the first ttyUSB or ttyACM it gets. Default 0. */
  firstTty?: number;
}

/**
 * A machine's /sys, /dev, /proc and /etc under a temporary directory, laid out as the kernel and
 * udev do.
 */
export class Tree {
  readonly top = mkdtempSync(join(tmpdir(), 'simgate-tree-'));
  readonly roots: Roots = {
    sysRoot: join(this.top, 'sys'),
    devRoot: join(this.top, 'dev'),
    procRoot: join(this.top, 'proc'),
    runRoot: join(this.top, 'run'),
    etcRoot: join(this.top, 'etc'),
  };
  readonly #controller = join(this.top, 'sys/devices/platform/soc/3f980000.usb/usb1');

  constructor() {
    for (const folder of [
      'sys/class/tty',
      'sys/bus/usb/devices',
      'dev/serial/by-id',
      'dev/pts',
      'proc',
      'etc',
    ])
      mkdirSync(join(this.top, folder), { recursive: true });
    // The hub on a Raspberry Pi's board; its ids must never be taken for a stick's.
    this.#attributes(join(this.#controller, '1-1'), {
      idVendor: '0424',
      idProduct: '9514',
      bDeviceClass: '09',
      bNumInterfaces: ' 1',
    });
    this.#link(join(this.top, 'sys/bus/usb/devices/1-1'), join(this.#controller, '1-1'));
    this.virtualTty('tty0');
    this.virtualTty('ptmx');
    this.process(1, 'systemd', []);
  }

  remove(): void {
    rmSync(this.top, { recursive: true, force: true });
  }

  /** Plugs a device of devices.txt in. Returns its directory in sysfs, which is its stick's key. */
  plug(name: string, { at, firstTty = 0 }: PlugOptions): string {
    const device = recorded.get(name);
    if (device === undefined) throw new Error(`devices.txt has no ${name}`);
    const path = this.#devicePath(at);
    this.#attributes(path, {
      idVendor: device.vendorId,
      idProduct: device.productId,
      bDeviceClass: '00',
      bNumInterfaces: ` ${device.interfaces.length}`,
      bNumConfigurations: device.configurations,
    });
    for (const [string, value] of device.strings) {
      const attribute = string === 'SerialNumber' ? 'serial' : string.toLowerCase();
      this.#attributes(path, { [attribute]: value });
    }
    this.#link(join(this.top, 'sys/bus/usb/devices', at), path);
    this.#link(join(path, 'subsystem'), join(this.top, 'sys/bus/usb'));
    let number = firstTty;
    for (const one of device.interfaces) {
      const interfacePath = this.#interface(path, at, one);
      if (one.driver !== undefined && usbSerialDrivers.has(one.driver))
        this.#usbSerial(device, interfacePath, one, `ttyUSB${number++}`);
      if (one.driver === 'cdc_acm') this.#acm(device, interfacePath, one, `ttyACM${number++}`);
    }
    return path;
  }

  /**
   * Unplugs whatever is at a bus path, as the kernel and udev do: links, nodes and directories go.
   */
  unplug(at: string): void {
    const path = this.#devicePath(at);
    const below = (link: string) => link.includes(`/${at}:`) || link.endsWith(`/${at}`);
    for (const [link, target] of this.#links) {
      if (!target.startsWith(`${path}/`) && target !== path && !below(link)) continue;
      rmSync(link, { force: true });
      this.#links.delete(link);
      if (link.includes('/class/tty/')) this.#unplugNode(link.slice(link.lastIndexOf('/') + 1));
    }
    rmSync(path, { recursive: true });
  }

  /** Takes away one tty of a stick, as if its driver had not got to it yet. */
  removeTty(stickPath: string, interfaceNumber: number, name: string): void {
    const at = stickPath.slice(stickPath.lastIndexOf('/') + 1);
    rmSync(join(this.top, 'sys/class/tty', name));
    rmSync(join(stickPath, `${at}:1.${interfaceNumber}`, name), { recursive: true });
    this.#unplugNode(name);
  }

  #unplugNode(name: string): void {
    const node = join(this.top, 'dev', name);
    rmSync(node, { force: true });
    for (const [link, target] of this.#links) if (target === node) rmSync(link, { force: true });
  }

  /** A UART of the board, with the type that the serial core gives it (0 is `PORT_UNKNOWN`). */
  uart(name: string, type: number): string {
    const base = join(this.top, 'sys/devices/platform/soc/fe201000.serial/fe201000.serial:0');
    const path = join(base, 'fe201000.serial:0.0/tty', name);
    this.#attributes(path, { dev: '204:64', type: String(type) });
    this.#link(join(this.top, 'sys/class/tty', name), path);
    this.node(name);
    return path;
  }

  virtualTty(name: string): void {
    const path = join(this.top, 'sys/devices/virtual/tty', name);
    this.#attributes(path, { dev: '4:0' });
    this.#link(join(this.top, 'sys/class/tty', name), path);
  }

  /** An ordinary file in place of a device node. */
  node(name: string): string {
    const path = join(this.top, 'dev', name);
    writeFileSync(path, '');
    return path;
  }

  /** A running process; `open` are the targets of its file descriptors. */
  process(
    pid: number,
    comm: string,
    open: readonly string[] = [],
    commandLine: readonly string[] = [],
  ): void {
    const path = join(this.top, 'proc', String(pid));
    this.#attributes(path, { comm });
    writeFileSync(join(path, 'cmdline'), commandLine.map((word) => `${word}\0`).join(''));
    mkdirSync(join(path, 'fd'));
    open.forEach((target, fd) => {
      symlinkSync(target, join(path, 'fd', String(fd)));
    });
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.top, path)), { recursive: true });
    writeFileSync(join(this.top, path), text);
  }

  /** A path in the tree, for what a test removes or expects. */
  path(...names: string[]): string {
    return join(this.top, ...names);
  }

  readonly #links = new Map<string, string>();

  #devicePath(at: string): string {
    const [bus, ports] = at.split('-') as [string, string];
    const hubs = ports
      .split('.')
      .map((_, index, all) => `${bus}-${all.slice(0, index + 1).join('.')}`);
    return join(this.#controller, ...hubs);
  }

  #interface(path: string, at: string, one: RecordedInterface): string {
    const name = `${at}:1.${one.number}`;
    const interfacePath = join(path, name);
    this.#attributes(interfacePath, {
      bInterfaceNumber: one.number.toString(16).padStart(2, '0'),
      bInterfaceClass: one.class,
      bInterfaceSubClass: one.subclass,
      bInterfaceProtocol: one.protocol,
    });
    this.#link(join(this.top, 'sys/bus/usb/devices', name), interfacePath);
    this.#link(join(interfacePath, 'subsystem'), join(this.top, 'sys/bus/usb'));
    if (one.driver !== undefined) {
      const driver = join(this.top, 'sys/bus/usb/drivers', one.driver);
      mkdirSync(driver, { recursive: true });
      this.#link(join(interfacePath, 'driver'), driver);
    }
    return interfacePath;
  }

  #usbSerial(
    device: RecordedDevice,
    interfacePath: string,
    one: RecordedInterface,
    name: string,
  ): void {
    const port = join(interfacePath, name);
    this.#attributes(port, { port_number: '0' });
    this.#link(join(port, 'subsystem'), join(this.top, 'sys/bus/usb-serial'));
    this.#tty(join(port, 'tty', name), port, `188:${name.slice('ttyUSB'.length)}`);
    this.#byId(device, one, `${name}`, '-port0');
  }

  #acm(device: RecordedDevice, interfacePath: string, one: RecordedInterface, name: string): void {
    this.#tty(
      join(interfacePath, 'tty', name),
      interfacePath,
      `166:${name.slice('ttyACM'.length)}`,
    );
    this.#byId(device, one, name, '');
  }

  #tty(path: string, device: string, deviceNumber: string): void {
    this.#attributes(path, { dev: deviceNumber });
    this.#link(join(path, 'device'), device);
    this.#link(join(path, 'subsystem'), join(this.top, 'sys/class/tty'));
    const name = path.slice(path.lastIndexOf('/') + 1);
    this.#link(join(this.top, 'sys/class/tty', name), path);
    this.node(name);
  }

  /** As udev's 60-serial.rules name it; the second of two identical sticks takes the name over. */
  #byId(device: RecordedDevice, one: RecordedInterface, tty: string, port: string): void {
    const strings = ['Manufacturer', 'Product', 'SerialNumber'].flatMap(
      (name) => device.strings.get(name) ?? [],
    );
    const number = one.number.toString(16).padStart(2, '0');
    const id = strings.join('_').replace(/[^0-9A-Za-z#+\-.:=@_/]/g, '_');
    const link = join(this.top, 'dev/serial/by-id', `usb-${id}-if${number}${port}`);
    rmSync(link, { force: true });
    this.#link(link, join(this.top, 'dev', tty));
  }

  #attributes(path: string, values: Record<string, string>): void {
    mkdirSync(path, { recursive: true });
    for (const [name, value] of Object.entries(values))
      writeFileSync(join(path, name), `${value}\n`);
  }

  #link(link: string, target: string): void {
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), target), link);
    this.#links.set(link, target);
  }
}
