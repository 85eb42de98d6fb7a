/** What a running daemon does for `simgate pin`. */

import * as v from 'valibot';
import { pinPattern } from '../config/secret-reader.js';
import type { ControlCommand } from '../control/server.js';
import { OperatorError } from '../errors.js';
import type { Modem } from '../modem/modem.js';
import type { PersonPinEnd } from '../modem/person-pin.js';
import type { ModemSnapshot } from '../modem/sms-modem.js';
import { isLost } from './direct.js';
import { chooseModem } from './targets.js';

/** As much of the daemon's modems as these commands need. */
export interface PinModem {
  readonly name: string;
  snapshot(): ModemSnapshot;
  inspect<T>(work: (modem: Modem) => Promise<T>): Promise<T>;
  enterPin(pin: string): Promise<PersonPinEnd>;
}

const request = v.object({ modem: v.optional(v.string()) });
const enterRequest = v.object({
  modem: v.optional(v.string()),
  pin: v.pipe(v.string(), v.regex(pinPattern)),
});

/** The control commands `pin`, which looks, and `enter_pin`. No answer and no error holds a PIN. */
export function pinCommands(
  modems: readonly PinModem[],
): Record<'pin' | 'enter_pin', ControlCommand> {
  return {
    pin: async function* (asked) {
      const parsed = v.safeParse(request, asked);
      if (!parsed.success) throw new OperatorError('modem must be a text');
      const modem = locked(modems, parsed.output.modem);
      const state = await orPinLost(modem.name, () =>
        modem.inspect(async ({ sim }) => {
          const now = await sim.state();
          return { sim: now, tries_left: now === 'pin' ? await sim.pinTriesLeft() : undefined };
        }),
      );
      yield { modem: modem.name, ...state };
    },
    enter_pin: async function* (asked) {
      const parsed = v.safeParse(enterRequest, asked);
      if (!parsed.success) throw new OperatorError('a PIN has 4 to 8 digits');
      const modem = locked(modems, parsed.output.modem);
      const end = await orPinLost(modem.name, () => modem.enterPin(parsed.output.pin));
      yield { outcome: end.outcome, reason: end.reason, tries_left: end.triesLeft };
    },
  };
}

/** One that is open; one that sends, or may, has no SIM that asks. */
function locked(modems: readonly PinModem[], name: string | undefined): PinModem {
  const modem = chooseModem(modems, name);
  const { phase, reason } = modem.snapshot();
  if (['sending', 'stalled'].includes(phase))
    throw new OperatorError(`modem "${modem.name}" is ${phase}: its SIM asks for no PIN`);
  if (['absent', 'opening', 'lost', 'stopped'].includes(phase))
    throw new OperatorError(
      `modem "${modem.name}" is ${phase}${reason === undefined ? '' : `: ${reason}`}`,
    );
  return modem;
}

/** Runs `work`; a modem that is lost meanwhile becomes an `OperatorError`. */
export async function orPinLost<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!isLost(thrown)) throw thrown;
    throw new OperatorError(
      `modem "${name}" was lost, and what became of the PIN is not known: ${thrown.message}`,
      { cause: thrown },
    );
  }
}
