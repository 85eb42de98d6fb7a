import { AtCommandError, AtTimeout } from '../at/errors.js';
import { counted } from '../words/counted.js';
import type { Modem } from './modem.js';
import type { ReadPin } from './pin-file.js';
import { type PinMemory, simNames } from './pin-memory.js';
import type { Sim } from './sim.js';

/** As much of a modem as unlocking its SIM needs. */
export type LockedModem = Pick<Modem, 'imei' | 'synchronise'> & {
  readonly sim: Pick<Sim, 'state' | 'iccid' | 'pinTriesLeft' | 'enterPin'>;
};

/** What became of a PIN that a person entered. */
export interface PersonPinEnd {
  /** `not_tried`: the SIM surely never saw it. */
  outcome: 'accepted' | 'refused' | 'unknown' | 'not_tried';
  /** For people: what it is, and the way on. */
  reason: string;
  /** Undefined when the modem cannot tell. */
  triesLeft: number | undefined;
}

/** What the file of this modem has, and what is remembered of it. */
export interface PersonPinOptions {
  readPin: ReadPin | undefined;
  memory: Pick<PinMemory, 'note'>;
}

/** Fewest tries left at which a person may try one here: after the last only the PUK helps. */
export const fewestTries = 2;
const fullTries = 3;
/** Milliseconds in which a SIM that took its PIN becomes ready, and between two looks. */
const readyWithinMs = 30_000;
const pollMs = 500;
/** 27.007 9.2: 12 "SIM PUK required", 16 "incorrect password". */
const refusals = [12, 16];

const notTried = (reason: string, triesLeft?: number): PersonPinEnd => ({
  outcome: 'not_tried',
  reason,
  triesLeft,
});

/** Why nobody enters a PIN here now; undefined when a person may. */
export function whyNoPersonPin(state: string, triesLeft: number | undefined): string | undefined {
  if (state === 'ready') return 'the SIM is ready: it asks for no PIN';
  if (state === 'puk')
    return 'the SIM is blocked, for its PIN was refused too often: put it into a telephone and enter the PUK there';
  if (state !== 'pin') return `the SIM asks for no PIN now (it is ${state})`;
  if (triesLeft === undefined)
    return 'the modem does not tell how many tries are left: put the SIM into a telephone, and enter the PIN there';
  if (triesLeft >= fewestTries) return undefined;
  return `only ${counted(triesLeft, 'try')} left, and after a wrong one the SIM is blocked: put it into a telephone, and enter the PIN there`;
}

/**
 * Enters the PIN of a person who agreed to it (I7 is about what simgate does by itself), once, with
 * two tries left at least. Where it is the one in the file, its outcome is remembered, before the
 * SIM sees it too. Rejects with `AtTimeout` or `AtLinkLost` when the modem is lost.
 */
export async function enterForPerson(
  modem: LockedModem,
  pin: string,
  { readPin, memory }: PersonPinOptions,
): Promise<PersonPinEnd> {
  const state = await modem.sim.state();
  const before = state === 'pin' ? await modem.sim.pinTriesLeft() : undefined;
  const obstacle = whyNoPersonPin(state, before);
  if (obstacle !== undefined) return notTried(obstacle, before);
  const sim = simNames(await modem.sim.iccid(), await modem.imei());
  const configured = await readPin?.().catch(() => undefined);
  const generation = configured?.pin === pin ? configured.generation : undefined;
  const note = async (outcome: Parameters<PinMemory['note']>[2]) => {
    if (sim !== undefined && generation !== undefined) await memory.note(sim, generation, outcome);
  };
  await note('unknown');
  try {
    await modem.sim.enterPin(pin);
  } catch (error) {
    if (error instanceof AtCommandError) return afterError(modem, error, before!, note);
    if (!(error instanceof AtTimeout)) throw error;
    await modem.synchronise(2);
  }
  if (!(await becomesReady(modem)))
    return {
      outcome: 'unknown',
      reason:
        'the SIM is not ready yet, and did not say whether the PIN was right: look with "simgate doctor" in a minute, and try no other before',
      triesLeft: undefined,
    };
  await note('accepted');
  return {
    outcome: 'accepted',
    reason: 'the SIM took the PIN, and is ready',
    triesLeft: fullTries,
  };
}

/** Errors that are no refusals: only the tries that are left tell whether one was spent. */
async function afterError(
  modem: LockedModem,
  { final }: AtCommandError,
  before: number,
  note: (outcome: 'refused' | 'untried') => Promise<void>,
): Promise<PersonPinEnd> {
  const isRefusal = final.code !== undefined && refusals.includes(final.code);
  const triesLeft = await modem.sim.pinTriesLeft();
  if (!isRefusal && triesLeft === before) {
    await note('untried');
    return notTried('the SIM took no PIN just now, and counted no try: try again later', triesLeft);
  }
  if (!isRefusal && triesLeft === undefined)
    return {
      outcome: 'unknown',
      reason: 'the SIM answered with an error, and the modem does not tell whether a try was spent',
      triesLeft,
    };
  await note('refused');
  const left = triesLeft === undefined ? '' : `: ${counted(triesLeft, 'try')} left`;
  const next =
    (triesLeft ?? 0) >= fewestTries
      ? 'look it up, then run this again'
      : 'put the SIM into a telephone, and enter it there';
  return { outcome: 'refused', reason: `the SIM refused the PIN${left}; ${next}`, triesLeft };
}

async function becomesReady(modem: LockedModem): Promise<boolean> {
  const until = performance.now() + readyWithinMs;
  for (;;) {
    if ((await modem.sim.state()) === 'ready') return true;
    if (performance.now() >= until) return false;
    await new Promise((resolve) => {
      setTimeout(resolve, pollMs);
    });
  }
}
