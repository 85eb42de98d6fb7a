import { type ToldObstacle, told } from '../words/way-out.js';
import type { AtPort, StickPort, UsbIdentity } from './stick.js';
import {
  cableDrivers,
  cableVendors,
  compositionRemedy,
  controlDrivers,
  hiLinkBeforeSwitch,
  huaweiRules,
  huaweiVendorId,
  type InterfaceRule,
  layouts,
  modemVendors,
  networkOnly,
  noModems,
  type PortLayout,
  vendorLayouts,
} from './usb-ports.js';

/** USB class codes (usb.org, "Defined Class Codes"). */
const classCommunications = 0x02;
const classMassStorage = 0x08;
const classWireless = 0xe0;
const classVendorSpecific = 0xff;
/** CDC subclass of MBIM (USB CDC MBIM 1.0, 2.3). */
const subclassMbim = 0x0e;
/** CDC subclasses that are network cards (USB CDC 1.2, table 4): Ethernet and NCM. */
const networkSubclasses = new Set([0x06, 0x0d]);
/**
 * Class ff, subclass ff: the protocol under which Qualcomm basebands show their diagnostic port.
 */
const qualcommDiagnosticProtocol = 0x30;

/** What a USB device is to us, and which of its ttys to talk to. */
export interface Judgement {
  kind: 'modem' | 'unlisted' | 'cable' | 'no_modem';
  /** Maker and model where the table knows it. */
  model?: string | undefined;
  atPorts: AtPort[];
  /**
   * The kernel still makes its interfaces or ttys, so a better port may come within a second or
   * two.
   */
  isSettling: boolean;
  /** Why there is no port to talk to, and the way out; `remedy` is that alone. */
  problem?: string;
  remedy?: string | undefined;
}

/** A USB interface, with or without a tty of its own. */
export interface UsbInterface {
  interfaceNumber: number;
  interfaceClass: number;
  interfaceSubclass: number;
  interfaceProtocol: number;
  /** The kernel driver that has it, as `cdc_mbim`. */
  driver?: string | undefined;
}

/** `vendor:product`, as in the tables and in `lsusb`. */
export const idOf = (usb: UsbIdentity) => `${usb.vendorId}:${usb.productId}`;

/**
 * Judges a USB device by its ids, its interfaces and the ttys among them. `complete` is false while
 * the kernel still sets it up; then nothing is guessed.
 */
export function judge(
  usb: UsbIdentity,
  interfaces: readonly UsbInterface[],
  ports: readonly StickPort[],
  complete: boolean,
): Judgement {
  const id = idOf(usb);
  const known = layouts.get(id);
  const maker = known?.name ?? networkOnly.get(id) ?? modemVendors.get(usb.vendorId);
  const where = `${id} (${maker ?? 'unknown maker'}) at USB port ${usb.busPath}`;
  if (noModems.has(id)) return judgeNoModem(usb);
  const cable = cableOf(usb, ports);
  if (cable !== undefined) return judgeCable(id, cable, ports);
  const listed =
    known !== undefined ||
    modemVendors.has(usb.vendorId) ||
    networkOnly.has(id) ||
    controlProtocol(interfaces) !== undefined;
  const awaited = bestInterface(usb, interfaces);
  const isSettling =
    !complete || (awaited !== undefined && ports.every((port) => port.interfaceNumber !== awaited));
  const kind = listed ? 'modem' : 'unlisted';
  const judgement: Judgement = { kind, model: maker, atPorts: [], isSettling };
  if (!complete)
    return {
      ...judgement,
      ...asProblem(told(`${where} is still being set up by the kernel`, 'wait a moment')),
    };
  if (ports.length === 0) return { ...judgement, ...asProblem(withoutTty(usb, where, interfaces)) };
  judgement.atPorts = orderedPorts(usb, interfaces, ports);
  if (judgement.atPorts.length > 0) return judgement;
  const obstacle =
    awaited === undefined
      ? noAtPort(where, usb.vendorId)
      : told(
          `${where}: interface ${awaited}, its AT port, has no tty yet`,
          'wait a moment; if it stays so, another driver took it',
        );
  return { ...judgement, ...asProblem(obstacle) };
}

const asProblem = ({ sentence: problem, remedy }: ToldObstacle) => ({ problem, remedy });

/**
 * The interface that will be its best AT port once it has a tty; undefined when the tables do not
 * know.
 */
function bestInterface(usb: UsbIdentity, interfaces: readonly UsbInterface[]): number | undefined {
  const coded = interfaces.filter(
    (one) => usb.vendorId === huaweiVendorId && roleOf(one) === 'control',
  );
  if (coded[0] !== undefined) return coded[0].interfaceNumber;
  const known = layouts.get(idOf(usb));
  return known?.at.find((number) => interfaces.some((one) => one.interfaceNumber === number));
}

function cableOf(usb: UsbIdentity, ports: readonly StickPort[]): string | undefined {
  for (const port of ports) {
    const maker = cableDrivers.get(port.driver ?? '');
    if (maker !== undefined) return maker;
  }
  return ports.length > 0 ? cableVendors.get(usb.vendorId) : undefined;
}

function judgeNoModem(usb: UsbIdentity): Judgement {
  const problem = `${idOf(usb)} at USB port ${usb.busPath} is a ${noModems.get(idOf(usb))}`;
  return { kind: 'no_modem', atPorts: [], isSettling: false, problem };
}

function judgeCable(id: string, maker: string, ports: readonly StickPort[]): Judgement {
  const why = `${id} is a serial cable (${maker}): a modem may hang on it`;
  return {
    kind: 'cable',
    model: `${maker} serial cable`,
    atPorts: ports.map(({ tty }) => ({ tty, why })),
    isSettling: false,
  };
}

/** Why a device of a modem's vendor shows no tty at all. */
function withoutTty(
  usb: UsbIdentity,
  where: string,
  interfaces: readonly UsbInterface[],
): ToldObstacle {
  const isHuawei = usb.vendorId === huaweiVendorId;
  const isDisk = interfaces.every((one) => one.interfaceClass === classMassStorage);
  if (isDisk && hiLinkBeforeSwitch.has(idOf(usb)))
    return told(
      `${where} still shows its driver disk and would become a network card without AT port (HiLink)`,
      altMode,
    );
  if (isDisk)
    return told(
      `${where} still shows its driver disk`,
      'install the package usb-modeswitch and plug the stick in again',
    );
  const hasNoSerial = interfaces.every((one) => one.interfaceClass !== classVendorSpecific);
  const isNetworkCard =
    interfaces.some(isNetwork) && (hasNoSerial || (isHuawei && !layouts.has(idOf(usb))));
  const protocol = controlProtocol(interfaces);
  // An interface of the vendor's own that no driver has taken may be the AT port.
  const isUnserved = interfaces.some(
    (one) => one.interfaceClass === classVendorSpecific && one.driver === undefined,
  );
  if (protocol !== undefined && !isUnserved) return withControlOnly(usb, where, protocol);
  if (networkOnly.has(idOf(usb)) || isNetworkCard)
    return told(
      `${where} is a network card with a web page${isHuawei ? ' (HiLink)' : ''} and has no AT port`,
      isHuawei ? altMode : 'use another stick, or its "stick" firmware if there is one',
    );
  if (hasNoSerial) return noAtPort(where, usb.vendorId);
  return told(
    `${where} has no tty`,
    'wait a moment; if it stays so, the kernel module is missing: sudo modprobe option',
  );
}

/** What it is steered by instead of AT, where it is; undefined when nothing says so. */
export function controlProtocol(interfaces: readonly UsbInterface[]): 'MBIM' | 'QMI' | undefined {
  const isMbim = ({ interfaceClass, interfaceSubclass }: UsbInterface) =>
    interfaceClass === classCommunications && interfaceSubclass === subclassMbim;
  if (interfaces.some(isMbim)) return 'MBIM';
  return interfaces.flatMap(({ driver }) => controlDrivers.get(driver ?? '') ?? [])[0];
}

function withControlOnly(usb: UsbIdentity, where: string, protocol: 'MBIM' | 'QMI'): ToldObstacle {
  const { configurations = 1 } = usb;
  const other =
    configurations > 1
      ? `. It has ${configurations} USB configurations, and another one may have AT ports: ` +
        `echo N | sudo tee /sys/bus/usb/devices/${usb.busPath}/bConfigurationValue`
      : '';
  return told(
    `${where} shows ${protocol} only, which simgate does not speak: it needs a serial port with AT commands`,
    `Switch its USB composition: ${compositionRemedy(usb.vendorId)}${other}`,
    '. ',
  );
}

/** How to get serial ports out of a HiLink stick (usb_modeswitch 2.3 and later). */
const altMode =
  'set HuaweiAltModeGlobal=1 in /etc/usb_modeswitch.conf (package usb-modeswitch) and plug it in again; ' +
  'if that changes nothing, it needs "stick" firmware, or use another stick';

const noAtPort = (where: string, vendorId: string) =>
  told(
    `${where} has no AT port in this USB composition`,
    `switch the modem to another one: ${compositionRemedy(vendorId)}`,
  );

const isNetwork = (one: UsbInterface) =>
  one.interfaceClass === classWireless ||
  (one.interfaceClass === classCommunications && networkSubclasses.has(one.interfaceSubclass));

/**
 * The ttys to talk to, best first: by Huawei's protocol codes, else by the table, else by their
 * number.
 */
function orderedPorts(
  usb: UsbIdentity,
  interfaces: readonly UsbInterface[],
  ports: readonly StickPort[],
): AtPort[] {
  const coded = usb.vendorId === huaweiVendorId ? byProtocol(usb, ports) : undefined;
  if (coded !== undefined) return coded;
  const known = layouts.get(idOf(usb));
  const listed = known === undefined ? [] : byLayout(usb, known, ports, false);
  // The AT interface is there but has no tty yet: that is worth a wait, another port is not worth a
  // guess.
  if (
    listed.length > 0 ||
    known?.at.some((n) => interfaces.some((one) => one.interfaceNumber === n))
  )
    return listed;
  const likely = known ?? vendorLayouts.get(usb.vendorId);
  const first = likely === undefined ? [] : byLayout(usb, likely, ports, true);
  const rest = guessed(usb, ports, likely).filter(
    ({ tty }) => !first.some((port) => port.tty === tty),
  );
  return [...first, ...rest];
}

/** Undefined when no interface has one of Huawei's codes for an AT port. */
function byProtocol(usb: UsbIdentity, ports: readonly StickPort[]): AtPort[] | undefined {
  const roles: readonly InterfaceRule['role'][] = ['control', 'dial'];
  const found = roles.flatMap((role) =>
    ports
      .filter((port) => roleOf(port) === role)
      .map((port) => ({
        tty: port.tty,
        why: `interface ${port.interfaceNumber} of ${idOf(usb)} is its ${role} AT port (Huawei, class ${triple(port)})`,
      })),
  );
  return found.length > 0 ? found : undefined;
}

function roleOf(port: Partial<UsbInterface>): InterfaceRule['role'] | undefined {
  if (port.interfaceClass !== classVendorSpecific) return undefined;
  return huaweiRules.find(
    (rule) =>
      rule.protocol === port.interfaceProtocol &&
      rule.subclasses.includes(port.interfaceSubclass ?? -1),
  )?.role;
}

const hex = (octet: number | undefined) => (octet ?? 0).toString(16).padStart(2, '0');
const triple = (port: StickPort) =>
  `${hex(port.interfaceClass)}/${hex(port.interfaceSubclass)}/${hex(port.interfaceProtocol)}`;

function byLayout(
  usb: UsbIdentity,
  known: PortLayout,
  ports: readonly StickPort[],
  isGuess: boolean,
): AtPort[] {
  return known.at.flatMap((number, index) => {
    const port = ports.find((one) => one.interfaceNumber === number);
    if (port === undefined) return [];
    const which = index === 0 ? 'its AT port' : 'another AT port of it';
    const why = `interface ${number} of ${idOf(usb)} is ${isGuess ? 'most likely ' : ''}${which} (${known.name})`;
    return [{ tty: port.tty, why }];
  });
}

/**
 * A modem nobody listed: CDC ACM first (that class is for modems), then by interface number, but
 * for known wrong ones.
 */
function guessed(
  usb: UsbIdentity,
  ports: readonly StickPort[],
  known: PortLayout | undefined,
): AtPort[] {
  const isWrong = (port: StickPort) => {
    const role = usb.vendorId === huaweiVendorId ? roleOf(port) : undefined;
    return (
      known?.notAt?.[port.interfaceNumber ?? -1] !== undefined ||
      role === 'diagnostic' ||
      role === 'GPS' ||
      (port.interfaceClass === classVendorSpecific &&
        port.interfaceSubclass === 0xff &&
        port.interfaceProtocol === qualcommDiagnosticProtocol)
    );
  };
  const rank = (port: StickPort) => (port.interfaceClass === classCommunications ? 0 : 1);
  return ports
    .filter((port) => !isWrong(port))
    .toSorted((a, b) => rank(a) - rank(b) || (a.interfaceNumber ?? 0) - (b.interfaceNumber ?? 0))
    .map((port) => ({
      tty: port.tty,
      why: `interface ${port.interfaceNumber} of ${idOf(usb)}, which simgate's table does not know: tried in turn`,
    }));
}

/**
 * What the table says of a port that is not one of the stick's AT ports; undefined when it says
 * nothing.
 */
export function wrongRole(usb: UsbIdentity, port: StickPort): string | undefined {
  const byNumber = layouts.get(idOf(usb))?.notAt?.[port.interfaceNumber ?? -1];
  const byCode = usb.vendorId === huaweiVendorId ? roleOf(port) : undefined;
  if (byCode === 'control' || byCode === 'dial') return undefined;
  return byCode ?? byNumber;
}
