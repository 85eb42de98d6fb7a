/** The three commands of the command line: what they print, and the exit code they leave. */

import { AtLinkLost, AtTimeout } from '../at/errors.js';
import { NoDaemon } from '../control/client.js';
import { ControlError } from '../control/protocol.js';
import { createLog } from '../log.js';
import { listSticks } from '../modem/discovery/sticks.js';
import { LinkLost } from '../serial/link.js';
import { chooseModem } from './choose.js';
import { readConfiguration } from './configuration.js';
import { reportTarget, withModem } from './direct.js';
import { examineAll, targetsOf } from './doctor.js';
import { listModems, renderModemList } from './modem-list.js';
import { renderReport } from './render.js';
import { ownSurroundings, type Surroundings } from './surroundings.js';
import { askForModems, askForUssd } from './through-daemon.js';
import { askCarrier, type UssdAnswer } from './ussd.js';
import { whyNotUssd, whyNoUssd } from './ussd-codes.js';

/** Options that all of them take. */
export interface CommonOptions {
  /** The configuration that was named. */
  config?: string;
  json?: boolean;
}

const say = (text: string) => process.stdout.write(text);
const sayJson = (value: unknown) => say(`${JSON.stringify(value, undefined, 2)}\n`);

/** `simgate doctor`: exit code 1 when anything is an error. Throws `ControlError`. */
export async function doctor({
  config,
  json = false,
  send,
}: CommonOptions & { send?: string }): Promise<void> {
  const report = await examineAll({
    config,
    sendTo: send,
    env: process.env,
    surroundings: ownSurroundings(),
    // Standard output is the report's.
    log: createLog({ level: 'warn', format: 'text', stream: process.stderr }),
  });
  if (json) sayJson(report);
  else say(renderReport(report, process.stdout.isTTY && !process.env.NO_COLOR));
  const all = [...report.findings, ...report.modems.flatMap(({ findings }) => findings)];
  if (all.some(({ level }) => level === 'error')) process.exitCode = 1;
}

/** `simgate modems`. Throws `ControlError`. */
export async function modems({ config, json = false }: CommonOptions): Promise<void> {
  const { socket } = readConfiguration(config, process.env);
  const list = await orElse(
    () => askForModems(socket),
    async () => listModems(await listSticks(ownSurroundings().roots)),
  );
  if (json) sayJson(list);
  else say(renderModemList(list));
}

/** `simgate ussd CODE`: exit code 1 when the carrier did not answer. Throws `ControlError`. */
export async function ussd(
  code: string,
  { config, json = false, modem }: CommonOptions & { modem?: string },
): Promise<void> {
  // What it may change is for the daemon's configuration to say.
  const objection = whyNoUssd(code);
  if (objection !== undefined) throw new ControlError(objection);
  const { socket } = readConfiguration(config, process.env);
  const answer = await orElse(
    () => askForUssd(socket, code, modem),
    () => askCarrierDirectly(code, modem, config, ownSurroundings()),
  );
  if (json) sayJson(answer);
  else if (answer.text !== undefined) say(`${answer.text}\n`);
  else console.error(`simgate: ${answer.meaning}`);
  if (answer.text === undefined) process.exitCode = 1;
}

/** Through the running daemon, else without one. */
async function orElse<T>(throughDaemon: () => Promise<T>, directly: () => Promise<T>): Promise<T> {
  try {
    return await throughDaemon();
  } catch (thrown) {
    if (!(thrown instanceof NoDaemon)) throw thrown;
    return directly();
  }
}

async function askCarrierDirectly(
  code: string,
  name: string | undefined,
  configFile: string | undefined,
  surroundings: Surroundings,
): Promise<UssdAnswer> {
  const { config } = readConfiguration(configFile, process.env);
  const objection = whyNotUssd(code, config?.control.ussdAllow ?? []);
  if (objection !== undefined) throw new ControlError(objection);
  const targets = await targetsOf(config, await listSticks(surroundings.roots), surroundings);
  const target = chooseModem(targets, name);
  const { report, answered } = await reportTarget(target, surroundings, new Set());
  const obstacle = report.findings.find(({ level }) => level === 'error');
  if (answered === undefined || obstacle !== undefined)
    throw new ControlError(`modem "${target.name}": ${obstacle?.what ?? 'no modem answers AT'}`);
  try {
    return await withModem(answered.tty, target, (modem) =>
      askCarrier(modem, code, new AbortController().signal),
    );
  } catch (thrown) {
    if (!(thrown instanceof LinkLost || thrown instanceof AtLinkLost || thrown instanceof AtTimeout))
      throw thrown;
    throw new ControlError(`modem "${target.name}" was lost: ${thrown.message}`, { cause: thrown });
  }
}
