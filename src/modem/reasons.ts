import type { Registration } from './registration.js';
import type { SimState } from './sim-state.js';

/** What a person should know, and do, about a SIM that is not ready. */
export const simReasons: Readonly<Record<SimState, string>> = {
  ready: 'the SIM is ready',
  pin: 'the SIM asks for its PIN',
  puk: 'the SIM is blocked and asks for its PUK: enter it with a phone; simgate never does',
  absent: 'there is no SIM in the modem',
  busy: 'the SIM is not ready yet',
  other:
    'the SIM is not usable in this modem, which is locked to another network or SIM: AT+CPIN? in the debug log says to which',
  unknown: 'the modem does not tell the state of its SIM',
};

/** The same about a modem that may not send. */
export const registrationReasons: Readonly<Record<Registration, string>> = {
  home: 'registered',
  roaming: 'roaming, and roaming = false in the configuration',
  searching: 'searching for a network',
  denied: 'the network denies the SIM (not activated, blocked, or no contract)',
  none: 'not registered with any network',
};

/** What a person should know and do about a SIM without an SMSC's number (CMS 330). */
export const smscMissing =
  'the SIM holds no number of an SMSC, so that every send fails (CMS 330): set smsc = "+…" for this modem, as the operator tells it, or ' +
  'set the message centre with a phone';

/** Instead of {@link registrationReasons}, where nothing is received at all. */
export const noNetworkReason =
  'no network at all: nothing is received; check the antenna, and whether there is a network for this SIM and modem here';
