/**
 * Which tty is it: by path, USB ids, IMEI, or by trying.
 * Knows nothing of: AT, but for the question who answers, which it is handed.
 * Way: what is configured → the tree in sysfs → candidates in the order of trying.
 */

import { stat } from 'node:fs/promises';
import { networkDevice, type Selector } from '../config/selector.js';
import { told } from '../words/way-out.js';
import { idOf, wrongRole } from './at-ports.js';
import type { Stick, StickPort } from './stick.js';
import { consoleTtys, linkTarget, type Roots, resolved } from './sysfs.js';

/** A tty to try, in the order of the list. */
export interface Candidate {
  /** The node to open, with symbolic links resolved; an address where it is over the network. */
  tty: string;
  /** What to claim before opening it: the physical stick, or the tty itself where there is none. */
  stickKey: string;
  /** Why this one: a sentence for people. */
  why: string;
  /** Absent for a tty that sysfs does not know, as a PTY. */
  stick?: Stick;
  /**
   * Found by `auto` where there need not be a modem: only an answer that none but a modem gives
   * makes it one.
   */
  needsProof?: boolean;
}

/**
 * What a selector comes down to now. `reason` says why there is no candidate, or what else is there
 * that cannot be one: a sentence for people.
 */
export interface Selection {
  candidates: Candidate[];
  /**
   * A stick that fits is still being set up: a better candidate may come within a second or two
   * (`Stick.isSettling`).
   */
  isSettling: boolean;
  reason?: string;
  /** The way out that `reason` ends with. */
  remedy?: string;
}

/**
 * The ttys a selector names, best first, among the sticks of one `listSticks`. They are only
 * likely: probing must show that one answers AT (and, for `imei`, that it is the one; see
 * `isSameImei`). `others` are the selectors of those other entries that have no stick at the
 * moment: what a more exact one of them names is left to it.
 */
export async function candidatesFor(
  selector: Selector,
  sticks: readonly Stick[],
  roots: Roots,
  others: readonly Selector[] = [],
): Promise<Selection> {
  if (selector.kind === 'path') return byPath(selector.path, sticks);
  if (selector.kind === 'network') {
    const device = networkDevice(selector);
    const stickKey = `${selector.host}:${selector.port}`;
    return found({ tty: device, stickKey, why: 'named in the configuration' });
  }
  const named = sticks.filter((stick) => isNamed(selector, stick));
  const reserved = await reservedKeys(selector, sticks, others);
  const consoles = await consoleTtys(roots);
  const free = named.filter(
    (stick) => !reserved.has(stick.key) && (selector.kind === 'usb' || !isConsole(stick, consoles)),
  );
  const candidates = free.flatMap((stick) =>
    stick.atPorts.map(({ tty, why }) => ({
      tty,
      stickKey: stick.key,
      why,
      stick,
      ...(selector.kind === 'auto' && stick.kind !== 'modem' && { needsProof: true }),
    })),
  );
  const isSettling = free.some((stick) => stick.isSettling);
  // A modem that cannot be used may well be the one that is meant, whatever else is there.
  const unusable = free.flatMap(({ atPorts, problem }) =>
    atPorts.length === 0 ? (problem ?? []) : [],
  );
  if (candidates.length > 0)
    return { candidates, isSettling, ...(unusable.length > 0 && { reason: unusable.join('; ') }) };
  const remedy = free.findLast(({ problem }) => problem !== undefined)?.remedy;
  return {
    candidates,
    isSettling,
    reason: whyNone(selector, sticks, named, free),
    ...(remedy !== undefined && { remedy }),
  };
}

/** What is looked for among the sticks. */
type PluggedSelector = Exclude<Selector, { kind: 'path' | 'network' }>;

const isConsole = (stick: Stick, consoles: ReadonlySet<string>) =>
  stick.kind === 'uart' && stick.ports.some(({ tty }) => consoles.has(nameOf(tty)));

const nameOf = (tty: string) => tty.slice(tty.lastIndexOf('/') + 1);

/**
 * `auto` and `imei` try every stick. What is surely no modem has no AT port, and its problem is
 * kept as a reason.
 */
function isNamed(selector: PluggedSelector, stick: Stick): boolean {
  if (selector.kind !== 'usb') return stick.kind !== 'no_modem';
  const { usb } = stick;
  return (
    usb?.vendorId === selector.vendorId &&
    usb.productId === selector.productId &&
    (selector.serial === undefined || usb.serial === selector.serial)
  );
}

/** How exactly a selector names a stick. */
function exactness(selector: Selector): number {
  switch (selector.kind) {
    case 'path':
    case 'network':
      return 4;
    case 'usb':
      return selector.serial === undefined ? 1 : 3;
    case 'imei':
      return 2;
    case 'auto':
      return 0;
  }
}

/**
 * What is left to more exact entries: a path's stick, and for each `usb` entry the first stick that
 * fits it.
 */
async function reservedKeys(
  selector: Selector,
  sticks: readonly Stick[],
  others: readonly Selector[],
): Promise<Set<string>> {
  const reserved = new Set<string>();
  const moreExact = others
    .filter((other) => exactness(other) > exactness(selector))
    .sort((a, b) => exactness(b) - exactness(a));
  for (const other of moreExact) {
    if (other.kind === 'path') {
      const { candidates } = await byPath(other.path, sticks);
      for (const { stickKey } of candidates) reserved.add(stickKey);
    } else if (other.kind === 'usb') {
      const first = sticks.find((stick) => !reserved.has(stick.key) && isNamed(other, stick));
      if (first !== undefined) reserved.add(first.key);
    }
  }
  return reserved;
}

/** A path is tried whatever it is called and whatever it leads to. */
async function byPath(path: string, sticks: readonly Stick[]): Promise<Selection> {
  const node = await resolved(path);
  if (node === undefined) {
    const { sentence: reason, remedy } = await whyNoPath(path);
    return { candidates: [], isSettling: false, reason, remedy };
  }
  const deviceNumber = await deviceNumberOf(node);
  for (const stick of sticks) {
    const port = stick.ports.find(
      (one) =>
        one.tty === node || (deviceNumber !== undefined && one.deviceNumber === deviceNumber),
    );
    if (port !== undefined)
      return found({ tty: node, stickKey: stick.key, why: whyPath(path, stick, port), stick });
  }
  return found({ tty: node, stickKey: node, why: `${path} is named in the configuration` });
}

const found = (candidate: Candidate): Selection => ({ candidates: [candidate], isSettling: false });

/**
 * `major:minor` of a character device: a node made by hand or by a container names the same tty
 * under another name.
 */
async function deviceNumberOf(node: string): Promise<string | undefined> {
  const status = await stat(node, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    // Unplugged since it was resolved.
    if (error.code === 'ENOENT' || error.code === 'ENXIO') return undefined;
    throw error;
  });
  if (status === undefined || !status.isCharacterDevice()) return undefined;
  // makedev(3) of Linux: the major number is in bits 8 to 19 and 44 to 63, the minor one in 0 to 7
  // and 20 to 43.
  const { rdev } = status;
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xff_ff_ff_00n);
  return `${major}:${minor}`;
}

function whyPath(path: string, stick: Stick, port: StickPort): string {
  const named = `${path} is named in the configuration`;
  const known = stick.atPorts.find(({ tty }) => tty === port.tty);
  if (known !== undefined) return `${named}; ${known.why}`;
  const role = stick.usb && wrongRole(stick.usb, port);
  const better = stick.atPorts[0];
  if (stick.usb === undefined || better === undefined) return named;
  const what = role === undefined ? 'not its AT port' : `its ${role} port`;
  return `${named}, but interface ${port.interfaceNumber} of ${idOf(stick.usb)} is ${what}: that is ${better.tty}`;
}

/** Of a modem that is not there. */
export const plugInRemedy =
  'plug it in again, with enough power, and it is taken up by itself; if it stays so, "sudo simgate modems" lists what is plugged in, and what to write as device';

async function whyNoPath(path: string): Promise<ReturnType<typeof told>> {
  const target = await linkTarget(path);
  const gone = target === undefined ? 'does not exist' : `points to ${target}, which is gone`;
  return told(`${path} ${gone}: is the modem plugged in?`, plugInRemedy, ' ');
}

function whyNone(
  selector: PluggedSelector,
  sticks: readonly Stick[],
  named: readonly Stick[],
  free: readonly Stick[],
): string {
  const problems = free.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) return problems.join('; ');
  if (named.length > 0 && free.length === 0)
    return 'every stick that fits is named by another [[modem]] or is the serial console';
  if (selector.kind !== 'usb')
    return 'no modem is plugged in: neither a USB modem nor a serial port was found';
  const id = `${selector.vendorId}:${selector.productId}`;
  const sameId = sticks.filter(({ usb }) => usb !== undefined && idOf(usb) === id);
  if (sameId.length > 0)
    return `${id} is plugged in, but with ${sameId.map(({ usb }) => (usb?.serial === undefined ? 'no serial number' : `serial ${usb.serial}`)).join(' and ')}, not ${selector.serial}`;
  const ids = sticks.flatMap(({ usb }) =>
    usb === undefined ? [] : `${idOf(usb)} at ${usb.busPath}`,
  );
  return `no ${id} is plugged in; ${ids.length > 0 ? `there is ${ids.join(', ')}` : 'there is no other modem either'}`;
}
