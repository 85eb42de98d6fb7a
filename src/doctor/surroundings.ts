import { isClockSynchronised } from '../clock/synchronisation.js';
import { type Identity, ownIdentity } from '../usb/access.js';
import { type Roots, systemRoots } from '../usb/sysfs.js';

/** The machine, as far as doctor looks at it; another one in tests. */
export interface Surroundings {
  roots: Roots;
  /** Where udev keeps what its rules have set (`/run/udev/data`). */
  udevData: string;
  /** Who would open the ttys. */
  identity: Identity;
  /** The wall clock: milliseconds since 1970. */
  nowMs: () => number;
  /** Whether something keeps the wall clock right; undefined when the system does not say. */
  isClockSynchronised: () => Promise<boolean | undefined>;
}

/** This machine, for this process's user. */
export function ownSurroundings(): Surroundings {
  return {
    roots: systemRoots,
    udevData: '/run/udev/data',
    identity: ownIdentity(),
    nowMs: () => Date.now(),
    isClockSynchronised: () => isClockSynchronised(),
  };
}
