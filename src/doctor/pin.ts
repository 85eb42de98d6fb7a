/** A SIM that waits for its PIN, and a person who enters it: through the daemon, or without. */

import { existsSync } from 'node:fs';
import * as v from 'valibot';
import type { Config } from '../config/config.js';
import { askOnce } from '../control/client.js';
import { OperatorError } from '../errors.js';
import { enterForPerson, type PersonPinEnd } from '../modem/person-pin.js';
import { pinReader } from '../modem/pin-file.js';
import { PinMemory } from '../modem/pin-memory.js';
import { listSticks } from '../usb/sticks.js';
import { reportTarget, withModem } from './direct.js';
import { targetsOf } from './doctor.js';
import { orPinLost } from './pin-commands.js';
import { chooseModem } from './targets.js';
import type { Machine } from './this-machine.js';

/** What a SIM wants, before anything is tried. */
export interface PinState {
  modem: string;
  /** As `SimState` has it. */
  sim: string;
  /** Undefined when the modem cannot tell. */
  triesLeft: number | undefined;
}

/** A SIM that can be asked, and given a PIN. All reject with `OperatorError`. */
export interface PinDesk {
  look(): Promise<PinState>;
  /** Tries it once. The PIN has 4 to 8 digits. */
  enter(pin: string): Promise<PersonPinEnd>;
}

const stateSchema = v.object({
  modem: v.string(),
  sim: v.string(),
  tries_left: v.optional(v.number()),
});
const endSchema = v.object({
  outcome: v.picklist(['accepted', 'refused', 'unknown', 'not_tried']),
  reason: v.string(),
  tries_left: v.optional(v.number()),
});

/** Through the running daemon, which has the modem open. Rejects with `NoDaemon` too. */
export function pinThroughDaemon(socket: string, name: string | undefined): PinDesk {
  const modem = name === undefined ? {} : { modem: name };
  return {
    async look() {
      const state = await askOnce(socket, { command: 'pin', ...modem }, stateSchema);
      return { modem: state.modem, sim: state.sim, triesLeft: state.tries_left };
    },
    async enter(pin) {
      const end = await askOnce(socket, { command: 'enter_pin', ...modem, pin }, endSchema);
      return { outcome: end.outcome, reason: end.reason, triesLeft: end.tries_left };
    },
  };
}

/** By opening the modem, as no daemon has it. */
export async function pinDirectly(
  config: Config,
  name: string | undefined,
  machine: Machine,
): Promise<PinDesk> {
  const target = chooseModem(
    await targetsOf(config, await listSticks(machine.roots), machine),
    name,
  );
  const { report, answered } = await reportTarget(target, machine, new Set());
  if (answered === undefined) {
    const wrong = report.findings.find(({ level }) => level === 'error');
    throw new OperatorError(`modem "${target.name}": ${wrong?.what ?? 'no modem answers AT'}`);
  }
  const { sim, pin_tries_left: tries } = report.facts ?? {};
  const { pinFile } = config.modems.find((modem) => modem.name === target.name)!;
  return {
    look: async () => ({
      modem: target.name,
      sim: String(sim),
      triesLeft: typeof tries === 'number' ? tries : undefined,
    }),
    async enter(pin) {
      const memory = await memoryIn(config.stateDir);
      const readPin = pinFile === undefined ? undefined : pinReader(pinFile);
      return orPinLost(target.name, () =>
        withModem(answered.tty, target, (modem) => enterForPerson(modem, pin, { readPin, memory })),
      );
    },
  };
}

/** Where no daemon has run there is nothing to remember for one. */
async function memoryIn(stateDir: string): Promise<Pick<PinMemory, 'note'>> {
  if (!existsSync(stateDir)) return { note: async () => undefined };
  return PinMemory.open(stateDir).catch((error: Error) => {
    throw new OperatorError(`${error.message}. Nothing was tried`, { cause: error });
  });
}
