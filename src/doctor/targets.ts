import type { Config, ModemConfig } from '../config/config.js';
import type { Selector } from '../config/selector.js';
import { OperatorError } from '../errors.js';
import type { ModemTuning } from '../modem/modem.js';
import { maskNumber } from '../number/mask.js';
import { type Candidate, candidatesFor } from '../usb/select.js';
import type { Stick } from '../usb/stick.js';
import type { Roots } from '../usb/sysfs.js';
import { foreignWords } from '../words/foreign.js';
import { type ModemReport, obstacleFinding, ok } from './finding.js';
import type { Wishes } from './judge.js';
import { type LookUpPin, rememberedPin } from './remembered-pin.js';

/** A modem to look at: an entry of the configuration, or, without one, a stick. */
export interface Target {
  name: string;
  /** As configured. */
  device?: string;
  /** `imei` must be proven by asking. */
  selector: Selector;
  /** The ttys to try, best first. */
  candidates: readonly Candidate[];
  /** Why there is none, and the way out that it ends with. */
  reason?: string;
  remedy?: string;
  baud: number;
  tuning: ModemTuning;
  wishes: Wishes;
  /** Undefined where no `pin_file` is configured. */
  lookUpPin?: LookUpPin;
}

/** What the daemon does when nothing is configured. */
const defaultBaud = 115_200;
const defaultTuning: ModemTuning = {
  guardMs: undefined,
  submitTimeoutMs: undefined,
  roaming: true,
  statusReport: false,
};
const noWishes: Wishes = { roaming: true, statusReport: false, hasPin: false };

/** The entries of a configuration with the ttys that they may mean now. */
export async function configuredTargets(
  { modems, stateDir }: Pick<Config, 'modems' | 'stateDir'>,
  sticks: readonly Stick[],
  roots: Roots,
): Promise<Target[]> {
  return Promise.all(
    modems.map(async (modem): Promise<Target> => {
      const others = modems.filter((other) => other !== modem).map(({ selector }) => selector);
      return {
        name: modem.name,
        device: shownDevice(modem.device),
        selector: modem.selector,
        ...(await candidatesFor(modem.selector, sticks, roots, others)),
        baud: modem.baud,
        tuning: modem,
        wishes: wishesOf(modem),
        ...(modem.pinFile !== undefined && { lookUpPin: rememberedPin(stateDir, modem.pinFile) }),
      };
    }),
  );
}

/** What an entry of the configuration wants of its modem. */
export function wishesOf(modem: ModemConfig): Wishes {
  const { roaming, pinFile, smsc } = modem;
  const statusReport = modem.statusReport ?? modem.callersWantReports;
  return { roaming, statusReport, hasPin: pinFile !== undefined, hasSmsc: smsc !== undefined };
}

/** Everything plugged in that has an AT port, or may have one. */
export async function discoveredTargets(sticks: readonly Stick[], roots: Roots): Promise<Target[]> {
  const { candidates } = await candidatesFor({ kind: 'auto' }, sticks, roots);
  const byStick = new Map<string, Candidate[]>();
  for (const candidate of candidates)
    byStick.set(candidate.stickKey, [...(byStick.get(candidate.stickKey) ?? []), candidate]);
  return [...byStick.values()].map((own) => ({
    name: own[0]?.stick === undefined ? own[0]!.tty : stickName(own[0].stick),
    selector: { kind: 'auto' },
    candidates: own,
    baud: defaultBaud,
    tuning: defaultTuning,
    wishes: noWishes,
  }));
}

/** What to call a stick: what it is and where it is plugged in. */
export function stickName({ model, usb, ports }: Stick): string {
  if (usb === undefined) return ports[0]?.tty ?? 'serial port';
  return `${model ?? foreignWords(usb.product ?? 'USB modem')} at USB port ${usb.busPath}`;
}

/** `device` as configured, but for an IMEI, which is shown nowhere whole. */
export const shownDevice = (device: string): string =>
  device.startsWith('imei:') ? `imei:${maskNumber(device)}` : device;

/**
 * Sticks that no modem above is: those that have no AT port, with what to do about it, and modems
 * that no entry of the configuration names. Cables, UARTs and what is no modem are passed over.
 */
export function reportSpareSticks(
  sticks: readonly Stick[],
  usedKeys: ReadonlySet<string>,
): ModemReport[] {
  return sticks.flatMap((stick): ModemReport[] => {
    if (usedKeys.has(stick.key)) return [];
    if (stick.kind !== 'modem' && stick.kind !== 'unlisted') return [];
    const [best] = stick.atPorts;
    const name = stickName(stick);
    if (best === undefined)
      return [
        {
          name,
          findings: [
            obstacleFinding('stick', {
              sentence: stick.problem ?? 'it has no tty to talk to',
              remedy: stick.remedy,
            }),
          ],
        },
      ];
    return [
      {
        name,
        tty: best.tty,
        findings: [ok('stick', 'plugged in; no [[modem]] of the configuration uses it')],
      },
    ];
  });
}

/**
 * The modem that is named, or the only one. Throws {@link OperatorError}, which names those there
 * are.
 */
export function chooseModem<Named extends { readonly name: string }>(
  modems: readonly Named[],
  name: string | undefined,
): Named {
  const names = modems.map((modem) => `"${modem.name}"`).join(', ');
  if (name === undefined) {
    if (modems.length === 1) return modems[0]!;
    throw new OperatorError(
      modems.length === 0 ? 'there is no modem' : `say which one with --modem: ${names}`,
    );
  }
  const found = modems.find((modem) => modem.name === name);
  if (found === undefined)
    throw new OperatorError(`there is no modem "${name}"; there is ${names || 'none'}`);
  return found;
}
