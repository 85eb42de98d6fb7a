import type { ModemConfig } from '../config/config.js';
import { networkDevice } from '../config/selector.js';
import { idOf } from '../usb/at-ports.js';
import type { Stick } from '../usb/stick.js';
import { stickName } from './targets.js';

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
  /** The entry of the running daemon that uses it. */
  used_by?: string | undefined;
}

/**
 * The sticks, and the modems of the configuration that are reached over the network; where a daemon
 * told, who uses them: the name of the entry by the tty it has open.
 */
export function listModems(
  sticks: readonly Stick[],
  usedTtys: ReadonlyMap<string, string> = new Map(),
  entries: readonly Pick<ModemConfig, 'device' | 'selector'>[] = [],
): ListedStick[] {
  return [...sticks.map((stick) => listed(stick, sticks, usedTtys)), ...remote(entries, usedTtys)];
}

function remote(
  entries: readonly Pick<ModemConfig, 'device' | 'selector'>[],
  usedTtys: ReadonlyMap<string, string>,
): ListedStick[] {
  return entries.flatMap(({ selector }) => {
    if (selector.kind !== 'network') return [];
    const device = networkDevice(selector);
    return [
      {
        name: 'Over the network',
        kind: 'network',
        device,
        ports: [],
        used_by: usedTtys.get(device),
      },
    ];
  });
}

function listed(
  stick: Stick,
  sticks: readonly Stick[],
  usedTtys: ReadonlyMap<string, string>,
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
    used_by: stick.ports.flatMap(({ tty }) => usedTtys.get(tty) ?? [])[0],
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

/** The list for people. */
export function renderModemList(list: readonly ListedStick[]): string {
  if (list.length === 0)
    return 'Nothing is plugged in that could be a modem: no USB modem, no serial cable, no serial port.\n';
  return list.map(renderStick).join('\n');
}

function renderStick({ name, usb_id, device, problem, ports, used_by }: ListedStick): string {
  const id = usb_id === undefined ? '' : ` (${usb_id})`;
  const head = [
    `${name}${id}${used_by === undefined ? '' : `, used by modem "${used_by}" of the running daemon`}`,
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
