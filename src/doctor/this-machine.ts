import { dirname } from 'node:path';
import { doubtOf, newestSureMs } from '../clock/clock.js';
import { isClockSynchronised } from '../clock/synchronisation.js';
import { type Room, roomBehind } from '../journal/files.js';
import { type Identity, ownIdentity } from '../usb/access.js';
import { modemDaemonsRunning } from '../usb/holders.js';
import type { Stick } from '../usb/stick.js';
import { attribute, type Roots, systemRoots } from '../usb/sysfs.js';
import { releasedAtMs } from '../version.js';
import { utcText } from '../words/time.js';
import { error, type Finding, ok, warning } from './finding.js';
import { readOnlyRemedy } from './remedies.js';

/** The machine as doctor looks at it; a test gives it another one. */
export interface Machine {
  roots: Roots;
  /** Where udev keeps what its rules have set (`/run/udev/data`). */
  udevData: string;
  /** Who would open the ttys. */
  identity: Identity;
  /** The wall clock: milliseconds since 1970. */
  nowMs: () => number;
  /** Whether something keeps the wall clock right; undefined when the system does not say. */
  isClockSynchronised: () => Promise<boolean | undefined>;
  /** What the disk behind a file has left; rejects where that cannot be told. */
  roomBehind: (file: string) => Promise<Room>;
}

/** This machine, for this process's user. */
export function thisMachine(): Machine {
  return {
    roots: systemRoots,
    udevData: '/run/udev/data',
    identity: ownIdentity(),
    nowMs: () => Date.now(),
    isClockSynchronised: () => isClockSynchronised(),
    roomBehind,
  };
}

/**
 * What of the machine itself matters: its clock, the room on its disk, and who else goes for
 * modems.
 * @param clockFile where a daemon notes the newest time that is sure; undefined when there is none,
 *   or it may not be looked at
 */
export async function judgeMachine(
  machine: Machine,
  sticks: readonly Stick[],
  clockFile?: string,
): Promise<Finding[]> {
  const [clock, disk, rivals] = await Promise.all([
    judgeClock(machine, clockFile),
    clockFile === undefined ? [] : judgeDisk(machine, clockFile),
    judgeRivals(machine, sticks),
  ]);
  return [clock, ...disk, ...rivals];
}

/** Octets below which a disk is soon full: days of a journal. */
const littleRoom = 16 * 1024 * 1024;
const makeRoom =
  'make room: "sudo journalctl --vacuum-size=100M" and "sudo apt-get clean" free some at once, "df -h" shows what else is full';

/** The disk of the state directory; nothing where it cannot be told. */
async function judgeDisk({ roomBehind }: Machine, file: string): Promise<Finding[]> {
  const room = await roomBehind(file).catch(() => undefined);
  if (room === undefined) return [];
  const where = `the disk of ${dirname(file)}`;
  if (room.isReadOnly) return [error('disk', `${where} is mounted read-only`, readOnlyRemedy)];
  if (room.isFull) return [error('disk', `${where} is full`, makeRoom)];
  const free = `${Math.floor(room.freeOctets / 1024 / 1024)} MiB free`;
  if (room.freeOctets < littleRoom)
    return [warning('disk', `${where} is nearly full: ${free}`, makeRoom)];
  return [ok('disk', `${where}: ${free}`)];
}

/** As a daemon would judge it at its start. */
async function judgeClock(
  { nowMs, isClockSynchronised }: Machine,
  clockFile: string | undefined,
): Promise<Finding> {
  const now = nowMs();
  const what = utcText(now);
  const isSynchronised = await isClockSynchronised();
  const sureMs =
    clockFile === undefined
      ? releasedAtMs
      : await newestSureMs(clockFile).catch(() => releasedAtMs);
  const doubt = doubtOf(now, sureMs, clockFile ?? '');
  // A system that vouches for its clock sets a later stamp aside; before the release it is wrong
  // whatever it says.
  if (doubt !== undefined && (isSynchronised !== true || now < releasedAtMs))
    return error('clock', doubt.what, doubt.remedy);
  if (isSynchronised === false)
    return warning(
      'clock',
      `${what}, kept by nothing: once it is off by more than clock_tolerance_s, good tokens are refused`,
      'sudo timedatectl set-ntp true, or install chrony',
    );
  return ok(
    'clock',
    isSynchronised ? `${what}, synchronised` : `${what}; the system does not say what keeps it`,
  );
}

/** Programs that probe every modem they see, and whether they were told to leave ours alone. */
async function judgeRivals(machine: Machine, sticks: readonly Stick[]): Promise<Finding[]> {
  const running = await modemDaemonsRunning(machine.roots);
  const findings: Finding[] = [];
  for (const { name, pid } of running) {
    const who = `${name} runs (pid ${pid})`;
    if (name !== 'ModemManager') {
      findings.push(
        warning(
          'rivals',
          `${who} and sends through modems too`,
          `stop it, or give it another modem`,
        ),
      );
      continue;
    }
    const exposed = await exposedTo(machine, sticks);
    if (exposed.length === 0)
      findings.push(ok('rivals', `${who}, told by udev to leave the modems alone`));
    else
      findings.push(
        warning(
          'rivals',
          `${who} and may talk to ${exposed.join(', ')} in between`,
          'install the udev rule: see README, "ModemManager"',
        ),
      );
  }
  return findings.length > 0
    ? findings
    : [ok('rivals', 'no other program that looks for modems runs')];
}

/** The AT ports that no udev rule keeps ModemManager from (its manual, "Common udev tags"). */
async function exposedTo(machine: Machine, sticks: readonly Stick[]): Promise<string[]> {
  const exposed: string[] = [];
  for (const stick of sticks) {
    const [best] = stick.atPorts;
    if (best === undefined || stick.usb === undefined) continue;
    const port = stick.ports.find(({ tty }) => tty === best.tty);
    const isIgnored =
      (await hasTag(machine, await usbDeviceNumber(stick), 'ID_MM_DEVICE_IGNORE')) ||
      (await hasTag(machine, port?.deviceNumber, 'ID_MM_PORT_IGNORE'));
    if (!isIgnored) exposed.push(best.tty);
  }
  return exposed;
}

/** `major:minor` of the USB device's own node. A cable's key ends with its interface and socket. */
function usbDeviceNumber(stick: Stick): Promise<string | undefined> {
  return attribute(stick.kind === 'cable' ? dirname(stick.key) : stick.key, 'dev');
}

/** Whether udev's database has the tag for the character device. */
async function hasTag(
  { udevData }: Machine,
  deviceNumber: string | undefined,
  tag: string,
): Promise<boolean> {
  if (deviceNumber === undefined) return false;
  const entry = await attribute(udevData, `c${deviceNumber}`);
  return entry?.split('\n').includes(`E:${tag}=1`) ?? false;
}
