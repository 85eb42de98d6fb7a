/**
 * Finds modems and inspects them as doctor does: through the running daemon where there is one,
 * else by opening their ttys.
 */

import type { Selector } from '../../config/selector.js';
import { NoDaemon } from '../../control/client.js';
import { reportTarget } from '../../doctor/direct.js';
import type { ModemReport } from '../../doctor/finding.js';
import { listModems } from '../../doctor/modem-list.js';
import { discoveredTargets, reportSpareSticks, type Target } from '../../doctor/targets.js';
import type { Machine } from '../../doctor/this-machine.js';
import { askPid, askReports } from '../../doctor/through-daemon.js';
import { OperatorError } from '../../errors.js';
import { idOf } from '../../usb/at-ports.js';
import { type Candidate, candidatesFor } from '../../usb/select.js';
import type { Stick } from '../../usb/stick.js';
import { listSticks } from '../../usb/sticks.js';
import { type OtherModem, otherModemAt, usualBaud } from './other-gateways.js';

/** A daemon that runs, and what it says of its modems. */
export interface RunningDaemon {
  pid: number;
  socket: string;
  reports: ModemReport[];
}

/**
 * Undefined when none answers at the socket. Rejects with {@link OperatorError} when one is there
 * that does not answer well.
 */
export async function findDaemon(socket: string): Promise<RunningDaemon | undefined> {
  try {
    const pid = await askPid(socket);
    return { pid, socket, reports: await askReports(socket) };
  } catch (thrown) {
    if (thrown instanceof NoDaemon) return undefined;
    if (!(thrown instanceof OperatorError)) throw thrown;
    throw new OperatorError(`the running daemon cannot be asked: ${thrown.message}`, {
      cause: thrown,
    });
  }
}

/** What was found at a modem. */
export interface InspectedModem {
  report: ModemReport;
  /** There when it was opened here, and answered; not when the daemon has it. */
  answered?: { target: Target; candidate: Candidate };
}

/**
 * The daemon's defaults for a modem. The wizard asks for the PIN later, so that its lack is no
 * error yet.
 */
const usual = {
  baud: usualBaud,
  tuning: { guardMs: undefined, submitTimeoutMs: undefined, roaming: true, statusReport: false },
  wishes: { roaming: true, statusReport: false, hasPin: true },
} satisfies Partial<Target>;

/** An entry of the configuration, as far as it matters here. */
export interface ModemEntry {
  name: string;
  device: string;
  selector: Selector;
  /** As configured; else what is usual. */
  settings?: Pick<Target, 'baud' | 'tuning' | 'wishes'> | undefined;
}

/** Looks at the modem of an entry; `others` are the selectors of the other entries. */
export async function inspectModem(
  entry: ModemEntry,
  others: readonly Selector[],
  machine: Machine,
  files: readonly OtherModem[],
): Promise<InspectedModem> {
  const { name, device, selector, settings } = entry;
  const sticks = await listSticks(machine.roots);
  const selection = await candidatesFor(selector, sticks, machine.roots, others);
  const target: Target = { name, device, selector, ...selection, ...usual, ...settings };
  // What is configured is meant.
  return inspectTarget(target, machine, settings === undefined ? files : []);
}

/** Where nothing answers as usual, at the speed that another program's file has for that tty. */
async function inspectTarget(
  target: Target,
  machine: Machine,
  files: readonly OtherModem[],
): Promise<InspectedModem> {
  const usually = await inspectOnce(target, machine);
  if (usually.answered !== undefined) return usually;
  const [baud] = target.candidates.flatMap(({ tty }) => otherModemAt(files, tty)?.baud ?? []);
  if (baud === undefined) return usually;
  const asThere = await inspectOnce({ ...target, baud }, machine);
  return asThere.answered === undefined ? usually : asThere;
}

async function inspectOnce(target: Target, machine: Machine): Promise<InspectedModem> {
  const { report, answered } = await reportTarget(target, machine, new Set());
  return { report, ...(answered && { answered: { target, candidate: answered } }) };
}

/** A modem that answers and that no entry names. */
export interface FoundModem {
  /** Maker, model and place, for people. */
  label: string;
  /** What to write as `device`. */
  device: string;
  inspected: InspectedModem;
}

/**
 * Everything plugged in: modems that answer, and what was found at the rest. `taken` are the
 * selectors of other entries, `files` what other programs were told.
 */
export async function findModems(
  taken: readonly Selector[],
  machine: Machine,
  files: readonly OtherModem[],
): Promise<{ found: FoundModem[]; inVain: ModemReport[] }> {
  const sticks = await listSticks(machine.roots);
  const takenKeys = await keysOf(taken, sticks, machine);
  const found: FoundModem[] = [];
  const inVain: ModemReport[] = [];
  for (const target of await discoveredTargets(sticks, machine.roots)) {
    if (target.candidates.some(({ stickKey }) => takenKeys.has(stickKey))) continue;
    const inspected = await inspectTarget({ ...target, ...usual }, machine, files);
    if (inspected.answered === undefined) inVain.push(inspected.report);
    else found.push(named(inspected.answered.candidate, inspected, sticks));
  }
  const isTold = new Set([
    ...takenKeys,
    ...sticks.filter(({ atPorts }) => atPorts.length > 0).map(({ key }) => key),
  ]);
  inVain.push(...reportSpareSticks(sticks, isTold));
  return { found, inVain };
}

async function keysOf(
  selectors: readonly Selector[],
  sticks: readonly Stick[],
  { roots }: Machine,
): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const selector of selectors) {
    const others = selectors.filter((other) => other !== selector);
    const { candidates } = await candidatesFor(selector, sticks, roots, others);
    const free = candidates.find(({ stickKey }) => !keys.has(stickKey));
    if (free !== undefined) keys.add(free.stickKey);
  }
  return keys;
}

function named(
  candidate: Candidate,
  inspected: InspectedModem,
  sticks: readonly Stick[],
): FoundModem {
  const { facts = {} } = inspected.report;
  const { stick, tty } = candidate;
  const made = [facts.manufacturer, facts.model]
    .filter((part) => typeof part === 'string')
    .join(' ');
  const where =
    stick?.usb === undefined ? tty : `${idOf(stick.usb)} at USB port ${stick.usb.busPath}`;
  const label = `${made === '' ? inspected.report.name : made} (${where})`;
  return { label, device: stableName(candidate, sticks), inspected };
}

/**
 * The name of the very tty that answered which outlives a re-plug, else the stick's ids, else the
 * tty.
 */
function stableName({ tty, stick }: Candidate, sticks: readonly Stick[]): string {
  if (stick === undefined) return tty;
  const byId = stick.ports.find((port) => port.tty === tty)?.byId;
  if (byId !== undefined) return byId;
  const listed = listModems(sticks)[sticks.indexOf(stick)]?.device;
  return listed?.startsWith('usb:') ? listed : tty;
}
