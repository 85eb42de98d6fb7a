import type { ConfiguredModem } from './daemon-config.js';
import { NetworkPath } from './network-path.js';
import { PinFile } from './pin-file.js';
import type { PlannedPhase } from './plan.js';
import { VirtualModem } from './virtual-modem.js';

/** The virtual modems of a phase and, where their SIMs have a PIN, the files that hold it. */
export interface PhaseModems {
  modems: VirtualModem[];
  /** One for each modem, or none at all. */
  pinFiles: PinFile[];
  /** The ways to those that are reached over the network, by modem. */
  paths: (NetworkPath | undefined)[];
}

/**
 * Starts every modem of a phase, and leaves PIN files as they are to be found. Rejects when one
 * does not start.
 */
export async function startModems(
  phase: PlannedPhase,
  seed: number,
  folder: string,
): Promise<PhaseModems> {
  const started: PhaseModems = { modems: [], pinFiles: [], paths: [] };
  for (const [index, flags] of phase.modems.entries()) {
    const name = `modem${index + 1}`;
    const ownSeed = String(seed * 1000 + phase.number * 8 + index);
    // Two SIMs with one ICCID would be one SIM to the daemon.
    const iccid = `8949000000000000${String(index).padStart(4, '0')}`;
    const all = ['--vendor', phase.vendor, '--seed', ownSeed, '--iccid', iccid, ...flags];
    const start = phase.pins?.starts[index];
    if (start !== undefined) {
      const file = new PinFile(folder, name, phase.pins!.pins[index]!);
      file.write(start.file);
      started.pinFiles.push(file);
      all.push('--pin', file.rightPin, '--pin-tries', String(start.tries));
    }
    const modem = await VirtualModem.start(folder, name, all);
    started.modems.push(modem);
    const protocol = phase.network[index];
    started.paths.push(protocol && (await NetworkPath.open(modem.link, protocol)));
    if (start?.fault !== undefined) await modem.control({ pin_fault: start.fault });
  }
  return started;
}

/** As the daemon is to know them. */
export function configuredModems(
  { modems, pinFiles, paths }: PhaseModems,
  settings: readonly string[],
): ConfiguredModem[] {
  return modems.map(({ name, link }, index) => ({
    name,
    link: paths[index]?.device ?? link,
    number: numberOf(index),
    pinFile: pinFiles[index]?.path,
    settings: settings[index],
  }));
}

/** A modem's own number, E.164, by which a message can ask for it. */
export function numberOf(modem: number): string {
  return `+49160000000${modem}`;
}
