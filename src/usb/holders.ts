import { join } from 'node:path';
import {
  attribute,
  denied,
  entries,
  entriesOrDenied,
  linkTarget,
  linkTargetOrDenied,
  printable,
  type Roots,
} from './sysfs.js';

/** A process that uses a tty. */
export interface Holder {
  pid: number;
  /** `comm` of the process (proc_pid_comm(5)): at most 15 characters, cleaned for showing. */
  name: string;
}

/** Who has a tty open, as far as this user may see. */
export interface Holders {
  holders: Holder[];
  /**
   * How many processes there are whose open files this user may not see; one of them may hold the
   * tty.
   */
  unseen: number;
}

/** The names of the processes that probe every modem they see, as `comm` has them. */
const modemDaemons = new Set(['ModemManager', 'gammu-smsd', 'smsd', 'ofonod', 'gsmd']);

/** Looks through the open files of all processes for the tty, given by its real path. */
export async function holdersOf(tty: string, roots: Roots): Promise<Holders> {
  const result: Holders = { holders: [], unseen: 0 };
  const visible = await pids(roots);
  // With ProtectProc=invisible the processes of others are not even listed (systemd.exec(5)).
  if (!visible.includes('1')) result.unseen += 1;
  for (const pid of visible) {
    const uses = await usesTty(tty, join(roots.procRoot, pid, 'fd'));
    if (uses === 'unseen') result.unseen += 1;
    if (uses === 'yes')
      result.holders.push({
        pid: Number(pid),
        name: (await nameOf(pid, roots)) ?? 'a process that just ended',
      });
  }
  return result;
}

/**
 * Daemons that run and are known to take modems: they probably hold a tty that is busy for no other
 * visible reason.
 */
export async function modemDaemonsRunning(roots: Roots): Promise<Holder[]> {
  const running = await Promise.all(
    (await pids(roots)).map(async (pid) => ({
      pid: Number(pid),
      name: (await nameOf(pid, roots)) ?? '',
    })),
  );
  return running.filter(({ name }) => modemDaemons.has(name));
}

/**
 * Whether systemd runs ModemManager: it says so to everybody, also where other users' processes are
 * hidden.
 */
export async function modemManagerIsActive(roots: Roots): Promise<boolean> {
  const units = await entries(join(roots.runRoot, 'systemd/units'));
  return units.includes('invocation:ModemManager.service');
}

/**
 * The PID namespace in which the kernel starts (`PROC_PID_INIT_INO`); every other one shows the
 * processes of its own only (pid_namespaces(7)).
 */
const firstPidNamespace = 'pid:[4026531836]';

/** Whether there are processes out of sight, as those of the host are from a container. */
export async function isWalledIn(roots: Roots): Promise<boolean> {
  const own = await linkTarget(join(roots.procRoot, 'self/ns/pid'));
  return own !== undefined && own !== firstPidNamespace;
}

/**
 * The login that waits on a tty (`agetty`, `getty`), by its command line, which everybody may read.
 */
export async function loginOn(ttyName: string, roots: Roots): Promise<Holder | undefined> {
  for (const pid of await pids(roots)) {
    const name = await nameOf(pid, roots);
    if (name === undefined || !name.endsWith('getty')) continue;
    const words = ((await attribute(join(roots.procRoot, pid), 'cmdline')) ?? '').split('\0');
    if (words.some((word) => word === ttyName || word === `/dev/${ttyName}`))
      return { pid: Number(pid), name };
  }
  return undefined;
}

const pids = async (roots: Roots) =>
  (await entries(roots.procRoot)).filter((name) => /^\d+$/.test(name));

const nameOf = async (pid: string, roots: Roots) =>
  printable(await attribute(join(roots.procRoot, pid), 'comm'));

/**
 * A deleted node (`/dev/ttyUSB0 (deleted)`) is another, earlier tty: only the exact path counts.
 */
async function usesTty(tty: string, fdDirectory: string): Promise<'yes' | 'no' | 'unseen'> {
  const fds = await entriesOrDenied(fdDirectory);
  if (fds === denied) return 'unseen';
  const targets = await Promise.all(
    (fds ?? []).map((fd) => linkTargetOrDenied(join(fdDirectory, fd))),
  );
  if (targets.includes(tty)) return 'yes';
  return targets.includes(denied) ? 'unseen' : 'no';
}
