import { leavesMachine, type NetworkPlace, networkPlace } from '../config/selector.js';
import { accessFor, nodeRights } from '../usb/access.js';
import { holdersOf } from '../usb/holders.js';
import { consoleObstacle, explainRights } from '../usb/obstacles.js';
import type { Candidate } from '../usb/select.js';
import { resolved } from '../usb/sysfs.js';
import { error, type Finding, obstacleFinding, ok } from './finding.js';
import type { Machine } from './this-machine.js';

/** What can be said of a tty without opening it. */
export interface TtyJudgement {
  findings: Finding[];
  /** True when it may be opened: nobody else talks to the modem, and we have the right. */
  isFree: boolean;
}

/**
 * Looks who else uses the modem behind a tty, by this or another of its ttys, and whether we may.
 * `ownPid` is the process that may have it open: the daemon that looks at its own.
 */
export async function judgeTty(
  { tty, why, stick }: Candidate,
  machine: Machine,
  ownPid?: number,
): Promise<TtyJudgement> {
  const place = networkPlace(tty);
  // Who else uses it, and who may, is known over there.
  if (place !== undefined) return { findings: judgeWay(tty, why, place), isFree: true };
  const { roots } = machine;
  const node = (await resolved(tty)) ?? tty;
  const console = await consoleObstacle(node, roots);
  const ttys = [...new Set([node, ...(stick?.ports ?? []).map((port) => port.tty)])];
  const findings = [
    ok('tty', `${tty}: ${why}`),
    ...(console === undefined ? [] : [obstacleFinding('console', console)]),
    ...(await judgeRights(node, machine)),
    ...(await Promise.all(ttys.map((one) => judgeHolders(one, machine, ownPid)))).flat(),
  ];
  return { findings, isFree: findings.every(({ level }) => level !== 'error') };
}

function judgeWay(device: string, why: string, place: NetworkPlace): Finding[] {
  const reached = ok('tty', `${device}: ${why}`);
  if (!leavesMachine(place)) return [reached];
  return [
    reached,
    ok(
      'network',
      'PINs and codes travel there as the way carries them, as insecure = true has it: by itself this is in the clear',
    ),
  ];
}

async function judgeRights(node: string, { roots, identity }: Machine): Promise<Finding[]> {
  const found = await nodeRights(node);
  if (found === undefined) return [error('rights', `${node} is gone: is the modem plugged in?`)];
  const access = await accessFor(found, roots, identity);
  if (!access.isPermitted)
    return [obstacleFinding('rights', await explainRights(node, found, roots, identity))];
  const rights = `${access.mode} ${access.owner}:${access.group}`;
  if (identity.uid !== 0) return [ok('rights', `${access.user} may use it (${rights})`)];
  // What root may says nothing of the daemon's user.
  const members = access.isGroupEnough ? `, and so may the group ${access.group}` : '';
  return [ok('rights', `root may use it (${rights})${members}`)];
}

/**
 * A pseudo-terminal is kept open by its far end. So an open descriptor says nothing there: only its
 * lock counts, and opening it shows that.
 */
const isPseudoTerminal = (node: string) => node.startsWith('/dev/pts/');

async function judgeHolders(tty: string, { roots }: Machine, ownPid?: number): Promise<Finding[]> {
  const node = (await resolved(tty)) ?? tty;
  if (isPseudoTerminal(node)) return [];
  const { holders } = await holdersOf(node, roots);
  return holders
    .filter(({ pid }) => pid !== ownPid)
    .map(({ name, pid }) =>
      error(
        'holder',
        `${name} (pid ${pid}) has ${tty} of this modem open`,
        'stop it, or keep it off this modem',
      ),
    );
}
