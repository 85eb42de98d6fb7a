/**
 * The SIM's PIN: asked for only when the SIM asks, written to a file of its own, shown nowhere,
 * tried by nobody here.
 */

import { dirname, join, resolve } from 'node:path';
import { pinPattern } from '../../config/secret-reader.js';
import { OperatorError } from '../../errors.js';
import { fewestTries } from '../../modem/person-pin.js';
import { readPrivateLine } from '../../secret/private-file.js';
import { askTwice } from '../terminal.js';
import type { Interview } from './interview.js';
import type { OtherModem } from './other-gateways.js';

/** A PIN is entered by the daemon only with all of its tries left (I7). */
const fullTries = 3;

export interface PinContext {
  /** Of the modem, for the file's name. */
  name: string;
  /** The configuration's path. */
  configFile: string;
  /** `--pin-file`. */
  given: string | undefined;
  /** What the configuration names. */
  present: string | undefined;
  /** What the modem said of itself, as doctor has it. */
  facts: Readonly<Record<string, unknown>> | undefined;
  env: NodeJS.ProcessEnv;
  /** What another program was told. */
  other: OtherModem | undefined;
}

/** What to do about the PIN; nothing at all when the SIM asks for none. */
export interface PinAnswer {
  /** To be named in the configuration. */
  file?: string;
  /** To be written there. */
  pin?: string;
}

/**
 * Finds out what is to be done. Rejects with {@link OperatorError} where a PIN is needed and nobody
 * can be asked.
 */
export async function settlePin(context: PinContext, interview: Interview): Promise<PinAnswer> {
  const { name, configFile, given, present, facts } = context;
  const named = given === undefined ? {} : { file: resolve(given) };
  if (facts?.sim !== 'pin') return named;
  const { terminal } = interview;
  const obstacle = whyNotTried(facts.pin_tries_left);
  if (obstacle !== undefined) {
    terminal.say(`The SIM asks for its PIN, but ${obstacle}`);
    return named;
  }
  const file = named.file ?? present ?? join(dirname(configFile), `pin-${name}`);
  const kept = await readPrivateLine(file);
  if (kept !== undefined && pinPattern.test(kept)) {
    terminal.say(`The SIM asks for its PIN. There is one in ${file}.`);
    if (await interview.confirms('Keep it?')) return { file };
  } else terminal.say('The SIM asks for its PIN.');
  const pin = await obtain(file, context, interview);
  return pin === undefined ? named : { file, pin };
}

/**
 * Why the PIN is not asked for; undefined when it is. The daemon would not try it either (I7), and
 * a person with a phone can see what happens.
 */
function whyNotTried(triesLeft: unknown): string | undefined {
  if (triesLeft === fullTries) return undefined;
  if (typeof triesLeft !== 'number')
    return 'the modem does not tell how many tries are left, so simgate would not try it: take the PIN lock off with a phone.';
  const left = `only ${triesLeft} of ${fullTries} tries ${triesLeft === 1 ? 'is' : 'are'} left, so simgate would not try it by itself`;
  return triesLeft >= fewestTries
    ? `${left}: enter it with "simgate pin enter" once this is done, which keeps it too.`
    : `${left}: put the SIM into a phone, enter the PIN there, and run this again.`;
}

async function obtain(
  file: string,
  { env, other }: PinContext,
  interview: Interview,
): Promise<string | undefined> {
  const given = env.SIMGATE_PIN;
  if (given !== undefined) {
    if (pinPattern.test(given)) return given;
    throw new OperatorError('SIMGATE_PIN must be 4 to 8 digits');
  }
  if (other?.pin !== undefined) {
    interview.terminal.say(`${other.file} [${other.section}] has a PIN for this modem.`);
    if (await interview.confirms('Take that?')) return other.pin;
  }
  if (!interview.terminal.isInteractive)
    throw new OperatorError(
      `the SIM's PIN is missing: write it into ${file}, or into a file that you name with --pin-file, or into SIMGATE_PIN`,
    );
  return askPerson(interview);
}

/** Undefined when it is to come later. */
async function askPerson({ terminal }: Interview): Promise<string | undefined> {
  const pin = await askForPinTwice(terminal, 'PIN (not shown; Enter alone: later): ');
  if (pin === undefined)
    terminal.say(
      'Nothing can be sent before the PIN is there: run this again, or take the PIN lock off with a phone.',
    );
  return pin;
}

/** Twice, for a mistyped one costs a try. Undefined when the person only presses Enter. */
export async function askForPinTwice(
  terminal: Interview['terminal'],
  question: string,
): Promise<string | undefined> {
  const isRight = (pin: string) => pin === '' || pinPattern.test(pin);
  const whyNot = (pin: string) => (isRight(pin) ? undefined : 'a PIN has 4 to 8 digits');
  return (await askTwice(terminal, question, whyNot)) || undefined;
}
