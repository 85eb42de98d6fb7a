/** The three commands of the command line: what they print, and the exit code they leave. */

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { defaultConfigFile } from '../config/config.js';
import { NoDaemon } from '../control/client.js';
import { readConfiguration } from '../doctor/configuration.js';
import { isLost, reportTarget, withModem } from '../doctor/direct.js';
import { examineAll, targetsOf } from '../doctor/doctor.js';
import { type Finding, findingSchema, renderReport, warning } from '../doctor/finding.js';
import { entryFor, listModems, renderModemList } from '../doctor/modem-list.js';
import { serviceUser } from '../doctor/service.js';
import { judgeStart } from '../doctor/start.js';
import { chooseModem } from '../doctor/targets.js';
import { type Machine, thisMachine } from '../doctor/this-machine.js';
import { askForModems, askForUssd } from '../doctor/through-daemon.js';
import { asServiceEnvironment, serviceUnit } from '../doctor/unit.js';
import { askCarrier, type UssdAnswer, whyNotUssd, whyNoUssd, withCredit } from '../doctor/ussd.js';
import { OperatorError } from '../errors.js';
import { createLog } from '../log.js';
import { listSticks } from '../usb/sticks.js';

/** Options that all of them take. */
export interface CommonOptions {
  /** The configuration that was named. */
  config?: string;
  json?: boolean;
}

const say = (text: string) => process.stdout.write(text);
const sayJson = (value: unknown) => say(`${JSON.stringify(value, undefined, 2)}\n`);

/** `simgate doctor`: exit code 1 when anything is an error. Throws `OperatorError`. */
export async function doctor({
  config,
  json = false,
  send,
}: CommonOptions & { send?: string }): Promise<void> {
  const report = await examineAll({
    config,
    sendTo: send,
    env: process.env,
    machine: thisMachine(),
    examineStart: examineStartAsService,
    // Standard output is the report's.
    log: createLog({ level: 'warn', format: 'text', stream: process.stderr }),
  });
  if (json) sayJson(report);
  else say(renderReport(report, process.stdout.isTTY && !process.env.NO_COLOR));
  const all = [...report.findings, ...report.modems.flatMap(({ findings }) => findings)];
  if (report.grade !== 'ok' || all.some(({ level }) => level === 'error')) process.exitCode = 1;
}

const startSchema = v.object({ findings: v.array(findingSchema) });

/**
 * As root, in a process of the service's user, for what root may says nothing of it. Anybody else
 * sees what they see themselves.
 */
async function examineStartAsService(configFile: string): Promise<Finding[]> {
  const unit = await serviceUnit();
  const user = await serviceUser(unit);
  const uid = process.geteuid?.();
  // Of another configuration the unit says nothing.
  const isOfUnit = resolve(unit?.configFile ?? defaultConfigFile) === resolve(configFile);
  const env = unit && isOfUnit ? asServiceEnvironment(process.env, unit) : process.env;
  const ofSystemd = isOfUnit ? (unit?.findings ?? []) : [];
  if (user === undefined || user.uid === uid)
    return [...ofSystemd, ...(await judgeStart(configFile, env))];
  if (uid !== 0)
    return [
      warning(
        'rights',
        `looked at by a user who is not the service's (${user.name}): what the service may read and open is not known`,
        'sudo simgate doctor',
      ),
    ];
  const [, cli = ''] = process.argv;
  const args = [cli, 'examine-start', '--config', configFile, '--user', user.name];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000, env });
  return [...ofSystemd, ...v.parse(startSchema, JSON.parse(stdout)).findings];
}

/** `simgate examine-start`: as that user, whose rights this process takes for good. */
export async function examineStart({
  config,
  user,
}: {
  config: string;
  user: string;
}): Promise<void> {
  const found = await serviceUser(await serviceUnit());
  if (found === undefined || found.name !== user)
    throw new OperatorError(`${user} is not the service's user`);
  // In this order: once the user is another, the groups may not be changed any more.
  process.setgroups?.([found.gid, ...found.groups]);
  process.setgid?.(found.gid);
  process.setuid?.(found.uid);
  sayJson({ findings: await judgeStart(config, process.env) });
}

/** `simgate modems`. Throws `OperatorError`. */
export async function modems({ config, json = false }: CommonOptions): Promise<void> {
  const known = readConfiguration(config, process.env);
  const list = await orElse(
    () => askForModems(known.socket),
    async () =>
      listModems(await listSticks(thisMachine().roots), (known.config?.modems ?? []).map(entryFor)),
  );
  if (json) sayJson(list);
  else say(renderModemList(list));
}

/** `simgate ussd CODE`: exit code 1 when the carrier did not answer. Throws `OperatorError`. */
export async function ussd(
  code: string,
  { config, json = false, modem }: CommonOptions & { modem?: string },
): Promise<void> {
  // What it may change is for the daemon's configuration to say.
  const objection = whyNoUssd(code);
  if (objection !== undefined) throw new OperatorError(objection);
  const { socket } = readConfiguration(config, process.env);
  const answer = await orElse(
    () => askForUssd(socket, code, modem),
    () => askCarrierDirectly(code, modem, config, thisMachine()),
  );
  if (json) sayJson(answer);
  else if (answer.text !== undefined) say(`${answer.text}\n${creditLine(answer)}`);
  else console.error(`simgate: ${answer.meaning}`);
  if (answer.text === undefined) process.exitCode = 1;
}

/** What `[modem.credit]` reads in it; empty where it reads nothing. */
function creditLine({ credit }: UssdAnswer): string {
  if (credit === undefined) return '';
  const until = credit.valid_until === undefined ? '' : `, valid until ${credit.valid_until}`;
  return `[modem.credit] reads: ${credit.amount}${until}\n`;
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
  machine: Machine,
): Promise<UssdAnswer> {
  const { config } = readConfiguration(configFile, process.env);
  const objection = whyNotUssd(code, config?.control.ussdAllow ?? []);
  if (objection !== undefined) throw new OperatorError(objection);
  const targets = await targetsOf(config, await listSticks(machine.roots), machine);
  const target = chooseModem(targets, name);
  const { report, answered } = await reportTarget(target, machine, new Set());
  const obstacle = report.findings.find(({ level }) => level === 'error');
  if (answered === undefined || obstacle !== undefined)
    throw new OperatorError(`modem "${target.name}": ${obstacle?.what ?? 'no modem answers AT'}`);
  try {
    const answer = await withModem(answered.tty, target, (modem) =>
      askCarrier(modem, code, { signal: new AbortController().signal }),
    );
    const settings = config?.modems.find(({ name: own }) => own === target.name)?.credit;
    return withCredit(answer, code, settings);
  } catch (thrown) {
    if (!isLost(thrown)) throw thrown;
    throw new OperatorError(`modem "${target.name}" was lost: ${thrown.message}`, {
      cause: thrown,
    });
  }
}
