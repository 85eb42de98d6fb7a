/** What to do about a SIM or a registration that is not as it should be: one wording for all. */

import type { Registration } from '../modem/registration.js';
import type { SimState } from '../modem/sim.js';

/** By what the SIM says. */
export const simRemedies: Readonly<Record<Exclude<SimState, 'ready'>, string>> = {
  pin: 'set pin_file of this modem, or take the PIN lock off with a phone',
  puk: 'put the SIM into a phone and enter the PUK there; simgate never does',
  absent: 'put one in, contacts down and cut corner as drawn, then plug the modem in again',
  busy: 'wait a few seconds and ask again',
  failed:
    'take the SIM out, clean its contacts and put it in again; if that does not help, try it in a phone',
  unknown: 'registered or not is what counts; if it is not, try the SIM in a phone',
  other: 'try the SIM in a phone: it may be damaged, or want a network lock code',
};

/** Of a tty that gives what is no answer to `AT`. */
export const otherPortRemedy =
  '"sudo simgate modems" says which tty is for AT commands: name that one as its device, or "auto"; on an UART look at baud';

const antenna =
  'look at the antenna and its plug, and try another place; a modem that was just plugged in needs up to a minute';

/** By what the modem says of the network. */
export const registrationRemedies: Readonly<Record<Exclude<Registration, 'home'>, string>> = {
  roaming: 'set roaming = true for this modem, or use a SIM of this country',
  denied:
    'the network rejects the SIM: is it activated, paid, allowed in this kind of modem, and is there still 2G or 3G here?',
  searching: antenna,
  none: antenna,
};

/** Of a disk that may not be written. */
export const readOnlyRemedy =
  'see why in dmesg (a failing SD card is mounted so), then remount it for writing or replace it';
