import type { Modem } from './modem.js';
import type { Sim } from './sim.js';

/** As much of a modem as unlocking its SIM needs. */
export type LockedModem = Pick<Modem, 'imei' | 'synchronise'> & {
  readonly sim: Pick<Sim, 'state' | 'iccid' | 'pinTriesLeft' | 'enterPin'>;
};
