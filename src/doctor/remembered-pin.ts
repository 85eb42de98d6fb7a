/** What the daemon remembers of the PIN in a file, for a doctor who looks while none runs. */

import type { LockedModem } from '../modem/person-pin.js';
import { pinReader } from '../modem/pin-file.js';
import { PinMemory, type PinOutcome, simNames } from '../modem/pin-memory.js';

/** Gives what became of the last try with the SIM in this modem; undefined: none is known. */
export type LookUpPin = (modem: LockedModem) => Promise<PinOutcome | undefined>;

/**
 * Looks in `pins.json` of that folder. What may not be read tells nothing: why is said where the
 * daemon's start is judged.
 */
export function rememberedPin(stateDir: string, pinFile: string): LookUpPin {
  return async (modem) => {
    const memory = await PinMemory.open(stateDir).catch(() => undefined);
    const configured = await pinReader(pinFile)().catch(() => undefined);
    const sim = simNames(await modem.sim.iccid(), await modem.imei());
    if (memory === undefined || configured === undefined || sim === undefined) return undefined;
    return memory.last(sim, configured.generation);
  };
}
