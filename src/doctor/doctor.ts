/**
 * Finds out why a code would not go out, and says what to do.
 * Knows nothing of: the way of a message; it looks from outside.
 * Way: facts of machine, configuration and modems → `judge` → findings with remedies → text or
 * JSON.
 */

import { existsSync } from 'node:fs';
import type { Logger } from 'winston';
import { clockFile } from '../clock/clock.js';
import { type Config, defaultConfigFile } from '../config/config.js';
import { NoDaemon } from '../control/client.js';
import type { Candidate } from '../usb/select.js';
import type { Stick } from '../usb/stick.js';
import { listSticks } from '../usb/sticks.js';
import { version } from '../version.js';
import { readConfiguration } from './configuration.js';
import { reportTarget } from './direct.js';
import {
  about,
  type DoctorReport,
  error,
  type Finding,
  type ModemReport,
  ok,
  warning,
} from './finding.js';
import { howToPlugIn, nothingPluggedIn } from './modem-list.js';
import { lastWords } from './service.js';
import { configuredTargets, discoveredTargets, reportSpareSticks, type Target } from './targets.js';
import { sendDirectly } from './test-message.js';
import { judgeMachine, type Machine } from './this-machine.js';
import { askHealth, askReports, askToSend } from './through-daemon.js';
import { judgeUnitNetwork } from './unit-network.js';

export interface DoctorOptions {
  /** The configuration that was named; without one the default counts, if it is there. */
  config: string | undefined;
  /** E.164: send a test message there. */
  sendTo: string | undefined;
  env: NodeJS.ProcessEnv;
  machine: Machine;
  /**
   * All that would keep the service of this configuration file from starting, as its user sees it.
   */
  examineStart: (configFile: string) => Promise<Finding[]>;
  /** What happens while a test message is sent without a daemon. */
  log: Logger;
}

/**
 * Looks at the machine, the configuration and every modem: through the running daemon when there is
 * one, else by opening each AT port that nobody else uses. Throws `OperatorError` when a daemon is
 * there that does not answer.
 */
export async function examineAll(options: DoctorOptions): Promise<DoctorReport> {
  const { machine, sendTo } = options;
  const { config, socket, findings } = readConfiguration(options.config, options.env);
  const sticks = await listSticks(machine.roots);
  const machineFindings = [
    ...(await judgeMachine(machine, sticks, config && clockFile(config.stateDir))),
    ...(config === undefined ? [] : await judgeUnitNetwork(config)),
  ];
  const report: DoctorReport = {
    version,
    grade: 'down',
    findings: [...findings, ...machineFindings],
    modems: [],
  };
  const status = await healthOfDaemon(socket);
  if (status !== undefined) {
    const { pid, health } = status;
    report.daemon = { pid };
    report.grade = health.grade;
    // What the daemon judges by what it has learnt counts more than a look from outside.
    const others = report.findings.filter(
      ({ check, level }) =>
        level === 'ok' || !health.obstacles.some((obstacle) => obstacle.check === check),
    );
    report.findings = [
      ...health.obstacles,
      ok('daemon', `a daemon runs (pid ${pid}) and answers at ${socket}`),
      ...others,
    ];
    report.modems = await askReports(socket);
    if (sendTo !== undefined) report.findings.push(await askToSend(socket, sendTo));
    return report;
  }
  const { reports, fit } = await openEach(
    await targetsOf(config, sticks, machine),
    sticks,
    machine,
  );
  report.modems = reports;
  const locked = config === undefined ? [] : reports.flatMap(lockedSims);
  report.findings = await withoutDaemon(options, socket, report.findings, locked);
  if (reports.length === 0) report.findings.push(error('modem', nothingPluggedIn, howToPlugIn));
  if (sendTo !== undefined) report.findings.push(await sendThrough(fit, sendTo, options.log));
  return report;
}

/** What the start of a daemon does not cure: a person has to do something with the SIM. */
function lockedSims({ name, findings }: ModemReport): Finding[] {
  return findings.flatMap((finding) => {
    if (finding.check !== 'sim' || finding.level !== 'error') return [];
    return [about(name, { ...finding, what: `modem ${name}: ${finding.what}` })];
  });
}

async function healthOfDaemon(
  socket: string,
): Promise<Awaited<ReturnType<typeof askHealth>> | undefined> {
  try {
    return await askHealth(socket);
  } catch (thrown) {
    if (thrown instanceof NoDaemon) return undefined;
    throw thrown;
  }
}

/**
 * Why no daemon runs stands first: what would keep it from starting, or from sending when it has,
 * and what it said last. Where nothing was ever set up, that is what is missing.
 */
async function withoutDaemon(
  { config: named, examineStart }: DoctorOptions,
  socket: string,
  findings: readonly Finding[],
  locked: readonly Finding[],
): Promise<Finding[]> {
  const what = `no daemon answers at ${socket}: the modems are opened instead`;
  const file = named ?? defaultConfigFile;
  if (named === undefined && !existsSync(file))
    return [
      warning('daemon', `${what}, and no code goes out: nothing is set up`, 'sudo simgate setup'),
      ...findings,
    ];
  const obstacles = await examineStart(file);
  // Said once: as the service's user sees it.
  const isJudged = obstacles.some(({ check }) => check === 'configuration');
  const others = findings.filter(({ check }) => !isJudged || check !== 'configuration');
  const isObstacle = ({ check, level }: Finding) => check === 'configuration' && level === 'error';
  const reasons = [...obstacles, ...others.filter(isObstacle), ...locked];
  const absent = error(
    'daemon',
    `${what}, and no code goes out`,
    reasons.length > 0
      ? 'first what is said above, then sudo systemctl start simgate'
      : 'sudo systemctl start simgate',
  );
  const rest = others.filter((finding) => !isObstacle(finding));
  const isRunning = obstacles.some(({ check }) => check === 'daemon');
  if (isRunning) return [...reasons, ...rest];
  return [...reasons, absent, ...(await lastWords()), ...rest];
}

/**
 * The modems to open when no daemon runs: those of the configuration, else everything that may be
 * one.
 */
export function targetsOf(
  config: Config | undefined,
  sticks: readonly Stick[],
  { roots }: Machine,
): Promise<Target[]> {
  return config ? configuredTargets(config, sticks, roots) : discoveredTargets(sticks, roots);
}

/** A target whose modem answered, and can send. */
interface FitModem {
  target: Target;
  candidate: Candidate;
}

/** One at a time, for two entries may mean the same stick. */
async function openEach(
  targets: readonly Target[],
  sticks: readonly Stick[],
  machine: Machine,
): Promise<{ reports: ModemReport[]; fit: FitModem | undefined }> {
  const reports: ModemReport[] = [];
  const usedKeys = new Set<string>();
  const triedKeys = new Set<string>();
  let fit: FitModem | undefined;
  for (const target of targets) {
    const { report, answered } = await reportTarget(target, machine, usedKeys);
    reports.push(report);
    if (answered === undefined)
      for (const { stickKey } of target.candidates) triedKeys.add(stickKey);
    else if (report.findings.every(({ level }) => level !== 'error'))
      fit ??= { target, candidate: answered };
  }
  reports.push(...reportSpareSticks(sticks, new Set([...usedKeys, ...triedKeys])));
  return { reports, fit };
}

async function sendThrough(
  fit: FitModem | undefined,
  recipient: string,
  log: Logger,
): Promise<Finding> {
  if (fit === undefined)
    return error(
      'send',
      'the test message was not sent: no modem can send now',
      'see what is said of each',
    );
  return sendDirectly(fit.candidate.tty, fit.target, recipient, log);
}
