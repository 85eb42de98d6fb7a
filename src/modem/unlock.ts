import { AtCommandError } from '../at/errors.js';
import type { Modem } from './modem.js';
import type { ReadPin } from './pin-file.js';
import { type ConfiguredPin, type PinMemory, type PinOutcome, simNames } from './pin-memory.js';

/** A PIN is tried only with all of its tries left (I7). */
const fullTries = 3;

/**
 * Enters the PIN once, if that can do no harm (I7). Gives undefined when it was accepted, else what a person should know and do.
 * Rejects when the modem was silent or lost: the outcome then stays on the disk as unknown.
 */
export async function unlock(
  modem: Modem,
  readPin: ReadPin | undefined,
  memory: PinMemory,
): Promise<string | undefined> {
  if (!readPin) return 'the SIM asks for its PIN: set pin_file, or remove the PIN lock with a phone';
  let configured: ConfiguredPin;
  try {
    configured = await readPin();
  } catch (error) {
    return `the SIM asks for its PIN: ${error instanceof Error ? error.message : String(error)}`;
  }
  const sim = simNames(await modem.iccid(), await modem.imei());
  if (sim === undefined)
    return 'the SIM asks for its PIN, but neither ICCID nor IMEI can be read: remove the PIN lock with a phone';
  const last = memory.last(sim, configured.generation);
  if (last === 'refused') return 'the PIN in pin_file was refused and is not tried again: correct the file';
  if (last === 'unknown')
    return 'a try with the PIN in pin_file was cut off, so it is not tried again: check the PIN with a phone, then write the file anew';
  const tries = await modem.pinTriesLeft();
  if (tries === undefined)
    return 'the SIM asks for its PIN, and the modem does not tell how many tries are left: remove the PIN lock with a phone';
  if (tries !== fullTries)
    return `the SIM asks for its PIN, with ${tries} tries left; simgate tries only with ${fullTries}: enter it once with a phone`;
  await memory.note(sim, configured.generation, 'unknown');
  try {
    await modem.enterPin(configured.pin);
  } catch (error) {
    if (!(error instanceof AtCommandError)) throw error;
    return afterError(modem, error, (outcome) => memory.note(sim, configured.generation, outcome), last);
  }
  await memory.note(sim, configured.generation, 'accepted');
  return undefined;
}

/** 27.007 9.2: 16 "incorrect password"; 12 "SIM PUK required", after the last try. */
const refusals = [12, 16];

/** Other errors (SIM busy, not now) are no refusals: only the tries that are left tell whether one was spent. */
async function afterError(
  modem: Modem,
  error: AtCommandError,
  note: (outcome: PinOutcome) => Promise<void>,
  last: PinOutcome | undefined,
): Promise<string> {
  const isRefusal = error.final.code !== undefined && refusals.includes(error.final.code);
  const tries = isRefusal ? 0 : await modem.pinTriesLeft();
  if (tries === fullTries) {
    await note(last ?? 'untried');
    return 'the SIM took no PIN just now, and counted no try: tried again later';
  }
  if (tries === undefined)
    return 'the SIM answered the PIN with an error, and it is not known whether a try was spent: it is not tried again; remove the PIN lock with a phone';
  await note('refused');
  return 'the SIM refused the PIN in pin_file: correct the file; it is not tried again before';
}
