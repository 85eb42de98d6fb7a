import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Identity, ownIdentity } from '../modem/discovery/access.js';
import { type Roots, systemRoots } from '../modem/discovery/sysfs.js';

/** The machine, as far as doctor looks at it; another one in tests. */
export interface Surroundings {
  roots: Roots;
  /** Where udev keeps what its rules have set (`/run/udev/data`). */
  udevData: string;
  /** Who would open the ttys. */
  identity: Identity;
  /** The wall clock: milliseconds since 1970. */
  nowMs: () => number;
  /** Whether something keeps the wall clock right; undefined when the system does not say. */
  isClockSynchronised: () => Promise<boolean | undefined>;
}

const run = promisify(execFile);
const timedatectlMs = 3_000;

/** timedatectl(1) knows the kernel's own flag, whichever NTP client set it; else what systemd-timesyncd leaves behind counts. */
async function isClockSynchronised(): Promise<boolean | undefined> {
  try {
    const words = ['show', '--property=NTPSynchronized', '--value'];
    const { stdout } = await run('timedatectl', words, { timeout: timedatectlMs });
    if (/^(yes|no)\s*$/.test(stdout)) return stdout.startsWith('yes');
  } catch {
    // Not systemd, or no bus in this container: the file may still be there.
  }
  const isThere = await access('/run/systemd/timesync/synchronized').then(
    () => true,
    () => undefined,
  );
  return isThere;
}

/** This machine, for this process's user. */
export function ownSurroundings(): Surroundings {
  return {
    roots: systemRoots,
    udevData: '/run/udev/data',
    identity: ownIdentity(),
    nowMs: () => Date.now(),
    isClockSynchronised,
  };
}
