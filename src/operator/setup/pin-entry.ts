/** `simgate pin enter`: a person gives a SIM its PIN, knowing how many tries are left. */

import { dirname, join } from 'node:path';
import { NoDaemon } from '../../control/client.js';
import { readConfiguration } from '../../doctor/configuration.js';
import { type PinDesk, pinDirectly, pinThroughDaemon } from '../../doctor/pin.js';
import { OperatorError } from '../../errors.js';
import { whyNoPersonPin } from '../../modem/person-pin.js';
import { readPrivateLine, writePrivateFile } from '../../secret/private-file.js';
import { fittingRights, refuseForeignFolder } from '../rights.js';
import type { SetupEnvironment } from './environment.js';
import { Interview } from './interview.js';
import { askForPinTwice } from './pin-step.js';

export interface PinEntryFlags {
  /** Of the configuration; the usual one. */
  config?: string;
  /** Which, if there are several. */
  modem?: string;
}

type PinEntryEnvironment = Pick<SetupEnvironment, 'env' | 'terminal' | 'machine' | 'place'>;

/**
 * The whole conversation. False when the SIM is not ready at its end. Rejects with {@link
 * OperatorError} where nobody can be asked, or nothing may be tried.
 */
export async function enterPin(
  { config: named, modem }: PinEntryFlags,
  environment: PinEntryEnvironment,
): Promise<boolean> {
  const { env, terminal, machine } = environment;
  if (!terminal.isInteractive)
    throw new OperatorError(
      'a PIN is read from a terminal only: run this yourself, with somebody who knows the PIN',
    );
  const { config, socket, findings } = readConfiguration(named, env);
  const wrong = findings.filter(({ level }) => level === 'error').map(({ what }) => what);
  if (config === undefined)
    throw new OperatorError(
      wrong.join('\n') ||
        'there is no configuration yet: "sudo simgate setup" asks for the PIN too',
    );
  let desk: PinDesk = pinThroughDaemon(socket, modem);
  const state = await desk.look().catch(async (thrown: unknown) => {
    if (!(thrown instanceof NoDaemon)) throw thrown;
    desk = await pinDirectly(config, modem, machine);
    return desk.look();
  });
  const obstacle = whyNoPersonPin(state.sim, state.triesLeft);
  if (state.sim === 'ready') {
    terminal.say(`The SIM of modem "${state.modem}" is ready: it asks for no PIN.`);
    return true;
  }
  if (obstacle !== undefined) throw new OperatorError(`modem "${state.modem}": ${obstacle}`);
  terminal.say(
    `The SIM of modem "${state.modem}" asks for its PIN. ${state.triesLeft} of 3 tries are left; a wrong PIN spends one.`,
  );
  const pin = await askForPinTwice(terminal, 'PIN (not shown; Enter alone: stop): ');
  if (pin === undefined) {
    terminal.say('Nothing was tried.');
    return false;
  }
  const end = await desk.enter(pin);
  const isIn = end.outcome === 'accepted';
  terminal.say(`${isIn ? 'ok' : 'error'}: ${end.reason}`);
  if (!isIn) return false;
  const { pinFile } = config.modems.find(({ name }) => name === state.modem)!;
  const file = pinFile ?? join(dirname(config.file), `pin-${state.modem}`);
  const isKept = await keep(pin, file, environment);
  if (isKept && pinFile === undefined)
    terminal.say(
      `No pin_file is configured for this modem yet: simgate setup --modem ${state.modem} --pin-file ${file} --yes${named === undefined ? '' : ` --config ${named}`} names it.`,
    );
  return true;
}

/** At the next power-on the daemon needs it again. False where it is not written. */
async function keep(
  pin: string,
  file: string,
  { terminal, place }: PinEntryEnvironment,
): Promise<boolean> {
  const kept = await readPrivateLine(file).catch(() => undefined);
  // Written anew all the same: what is remembered of the file's last try no longer holds.
  if (kept !== pin) {
    const interview = new Interview(terminal, false);
    const question = `Write it into ${file}, for the next power-on?`;
    if (!(await interview.confirms(question))) {
      terminal.say(`${file} stays as it is: after the next power-on the SIM asks again.`);
      return false;
    }
  }
  try {
    await refuseForeignFolder(file);
    await writePrivateFile(file, `${pin}\n`, (await fittingRights(file, place)).rights);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    terminal.say(
      `warning: ${error.message}. Put the PIN into it yourself, alone on one line, or run this with sudo`,
    );
    return false;
  }
  terminal.say(`${file} has it: simgate enters it after each power-on.`);
  return true;
}
