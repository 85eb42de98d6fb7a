import type { ModemConfig } from '../config/config.js';
import { networkDevice, type Selector } from '../config/selector.js';
import { idOf } from '../usb/at-ports.js';
import type { Stick } from '../usb/stick.js';
import { shownDevice, stickName } from './targets.js';

/** Something plugged in, or reached over the network, as `simgate modems` tells it (JSON). */
export interface ListedStick {
  name: string;
  kind: string;
  /** `vendor:product`; undefined for an UART. */
  usb_id?: string | undefined;
  /**
   * What to write into the configuration as `device`; undefined when there is nothing to talk to.
   */
  device?: string | undefined;
  /** Why no tty of it can be used. */
  problem?: string | undefined;
  ports: {
    tty: string;
    by_id?: string | undefined;
    interface?: number | undefined;
    /** Why it is taken for an AT port; undefined when it is none. */
    why?: string | undefined;
  }[];
  /** The `[[modem]]` whose it is. */
  used_by?: string | undefined;
  /** How that one is, in words. */
  state?: string | undefined;
}

/** A `[[modem]]` of the configuration, and how the running daemon has it. */
export interface ListedEntry {
  name: string;
  /** As it may be shown. */
  device: string;
  selector: Selector;
  /** Undefined without a daemon. */
  state?: { phase: string; reason: string | undefined; tty: string };
}

/** The entry of a configuration, without a daemon. */
export const entryFor = ({
  name,
  device,
  selector,
}: Pick<ModemConfig, 'name' | 'device' | 'selector'>): ListedEntry => ({
  name,
  device: shownDevice(device),
  selector,
});

/**
 * The sticks, each with the entry that uses it; and the entries whose modem is none of them: not
 * there, over the network, or on a tty that is no stick's.
 */
export function listModems(
  sticks: readonly Stick[],
  entries: readonly ListedEntry[] = [],
): ListedStick[] {
  const all = sticks.map((stick) => ({ stick, entry: entryOf(stick, entries) }));
  const used = new Set(all.map(({ entry }) => entry));
  const others = entries.filter((entry) => !used.has(entry));
  return [...all.map(({ stick, entry }) => listed(stick, sticks, entry)), ...others.map(alone)];
}

/** By the tty that the daemon has open, else by the one that the entry names. */
function entryOf(stick: Stick, entries: readonly ListedEntry[]): ListedEntry | undefined {
  const names = new Set(stick.ports.flatMap(({ tty, byId }) => [tty, byId]));
  return entries.find(({ device, state }) => names.has(state?.tty ?? device));
}

function alone(entry: ListedEntry): ListedStick {
  const { selector, device } = entry;
  const isRemote = selector.kind === 'network';
  return {
    name: isRemote ? 'Over the network' : 'On no stick that is plugged in',
    kind: isRemote ? 'network' : 'configured',
    device: isRemote ? networkDevice(selector) : device,
    ports: [],
    used_by: entry.name,
    state: stateOf(entry),
  };
}

const stateOf = ({ state }: ListedEntry): string => {
  if (state === undefined) return 'not open, for no daemon runs';
  const { phase, reason, tty } = state;
  return `${phase}${reason === undefined ? '' : `: ${reason}`} (${tty})`;
};

function listed(
  stick: Stick,
  sticks: readonly Stick[],
  entry: ListedEntry | undefined,
): ListedStick {
  return {
    name: stickName(stick),
    kind: stick.kind,
    usb_id: stick.usb && idOf(stick.usb),
    device: deviceFor(stick, sticks),
    problem: stick.problem,
    ports: stick.ports.map(({ tty, byId, interfaceNumber }) => ({
      tty,
      by_id: byId,
      interface: interfaceNumber,
      why: stick.atPorts.find((port) => port.tty === tty)?.why,
    })),
    used_by: entry?.name,
    state: entry && stateOf(entry),
  };
}

/**
 * The name of the AT port that stays the same over re-plugs, else the ids, if they tell the stick
 * from the others, else its node.
 */
function deviceFor(stick: Stick, sticks: readonly Stick[]): string | undefined {
  const [best] = stick.atPorts;
  if (best === undefined) return undefined;
  const byId = stick.ports.find(({ tty }) => tty === best.tty)?.byId;
  if (byId !== undefined) return byId;
  const { usb } = stick;
  if (usb === undefined || stick.kind === 'cable') return best.tty;
  const sameModel = sticks.filter(
    (other) => other.usb !== undefined && idOf(other.usb) === idOf(usb),
  );
  if (sameModel.length === 1) return `usb:${idOf(usb)}`;
  const isSerialUnique =
    usb.serial !== undefined &&
    sameModel.filter((other) => other.usb?.serial === usb.serial).length === 1;
  return isSerialUnique ? `usb:${idOf(usb)}:${usb.serial}` : best.tty;
}

export const nothingPluggedIn = 'Nothing is plugged in that could be a modem';
/** What to do on a box without a modem. */
export const howToPlugIn =
  'plug in a USB modem with an AT port, and ask again after ten seconds. If it is in: "lsusb" lists it, or it lacks power (a hub of its ' +
  'own helps); a container needs /dev; a modem on a UART needs "raspi-config", serial port on, login shell off. Without a modem, ' +
  '"simgate demo" shows the whole way, and "simgate simulate --link /tmp/modem" makes a virtual one for device = "/tmp/modem"';

/** The list for people. */
export function renderModemList(list: readonly ListedStick[]): string {
  if (list.length === 0)
    return `${nothingPluggedIn}: no USB modem, no serial cable, no serial port.\n${howToPlugIn}\n`;
  return list.map(renderStick).join('\n');
}

function renderStick(stick: ListedStick): string {
  const { name, usb_id, device, problem, ports, used_by, state } = stick;
  const id = usb_id === undefined ? '' : ` (${usb_id})`;
  const head = [
    `${name}${id}${used_by === undefined ? '' : `, modem "${used_by}" of the configuration`}`,
    ...(state === undefined ? [] : [`  it is ${state}`]),
    ...(problem === undefined ? [] : [`  ${problem}`]),
    ...(device === undefined ? [] : [`  device = ${JSON.stringify(device)}`]),
  ];
  const width = Math.max(0, ...ports.map(({ tty }) => tty.length));
  const lines = ports.map(({ tty, why, interface: number }) => {
    const what = why ?? (number === undefined ? 'no AT port' : `interface ${number}, not for AT`);
    return `  ${tty.padEnd(width)}  ${what}`;
  });
  return `${[...head, ...lines].join('\n')}\n`;
}
