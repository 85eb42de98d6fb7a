import { networkPlace } from '../config/selector.js';
import { type ToldObstacle, told } from '../words/way-out.js';
import {
  type Access,
  accessFor,
  type Identity,
  type NodeRights,
  nodeRights,
  ownIdentity,
} from './access.js';
import {
  type Holder,
  holdersOf,
  isWalledIn,
  loginOn,
  modemDaemonsRunning,
  modemManagerIsActive,
} from './holders.js';
import { consoleTtys, linkTarget, type Roots, resolved } from './sysfs.js';

/** What keeps us from a tty. */
export interface Obstacle {
  kind:
    | 'network'
    | 'busy'
    | 'console'
    | 'no_right'
    | 'not_ready'
    | 'missing'
    | 'not_a_tty'
    | 'unknown';
  /** Names the thing, the place and the way out. */
  sentence: string;
  /** The way out, which the sentence ends with; undefined: there is none but to wait. */
  remedy?: string | undefined;
  /** True when waiting alone may end it, as right after a re-plug. */
  isPassing: boolean;
}

type Cause = 'busy' | 'denied' | 'missing' | 'vanishing' | 'not_a_tty' | 'unknown';

/**
 * Open errors by the texts of serialport's binding, which has no codes (they are strerror(3)'s),
 * and by errno name.
 */
const causes: readonly (readonly [RegExp, Cause])[] = [
  [/Cannot lock port|temporarily unavailable|resource busy|EBUSY|EAGAIN/i, 'busy'],
  [/Permission denied|Operation not permitted|EACCES|EPERM/i, 'denied'],
  [/No such file|ENOENT/i, 'missing'],
  [/No such device|Input\/output error|ENXIO|ENODEV|EIO/i, 'vanishing'],
  [/Inappropriate ioctl|ENOTTY|Not a tty|Is a directory|EISDIR/i, 'not_a_tty'],
];

/**
 * Says who or what kept `tty` from being opened with `error` (its `cause` chain counts too), and
 * what to do about it. `tty` may be a symbolic link. Never rejects for what it may not see.
 */
export async function explainObstacle(
  tty: string,
  error: unknown,
  roots: Roots,
  identity: Identity = ownIdentity(),
): Promise<Obstacle> {
  // What stands in the way to another machine, only the link knows.
  if (networkPlace(tty) !== undefined)
    return { kind: 'network', isPassing: true, sentence: messagesOf(error)[0] ?? String(error) };
  const node = (await resolved(tty)) ?? tty;
  const cause = causeOf(error);
  switch (cause) {
    case 'busy':
      return (await consoleObstacle(node, roots)) ?? (await busy(node, roots));
    case 'denied':
      return (await consoleObstacle(node, roots)) ?? (await noRight(node, roots, identity));
    case 'missing':
      return missing(tty);
    case 'vanishing':
      return {
        kind: 'not_ready',
        isPassing: true,
        ...told(
          `${tty} is there but the device behind it is going or coming`,
          'tried again by itself; if it stays so, plug the modem in again',
        ),
      };
    case 'not_a_tty':
      return {
        kind: 'not_a_tty',
        isPassing: false,
        ...told(
          `${tty} is not a tty`,
          'give the modem\'s as device, best from /dev/serial/by-id, or "auto"',
        ),
      };
    case 'unknown':
      return {
        kind: 'unknown',
        isPassing: true,
        sentence: `${tty} cannot be opened: ${messagesOf(error).at(-1) ?? 'no reason was given'}`,
      };
  }
}

/** The innermost message is the kernel's own, so it counts first. */
function causeOf(error: unknown): Cause {
  for (const message of messagesOf(error).reverse()) {
    const known = causes.find(([pattern]) => pattern.test(message));
    if (known !== undefined) return known[1];
  }
  return 'unknown';
}

/** The messages (with errno name) of an error and its causes, outermost first. */
function messagesOf(error: unknown): string[] {
  const messages: string[] = [];
  for (let at: unknown = error; at instanceof Error && messages.length < 8; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    messages.push(code === undefined ? at.message : `${at.message} (${code})`);
  }
  return messages;
}

const nameOf = (node: string) => node.slice(node.lastIndexOf('/') + 1);

/**
 * A serial console or a login on the tty; undefined when there is none. For `doctor` also when the
 * tty opens well.
 */
export async function consoleObstacle(node: string, roots: Roots): Promise<Obstacle | undefined> {
  const name = nameOf(node);
  const [consoles, login] = await Promise.all([consoleTtys(roots), loginOn(name, roots)]);
  if (!consoles.has(name) && login === undefined) return undefined;
  const what =
    login === undefined ? 'the serial console' : `a login (${login.name}, pid ${login.pid})`;
  return {
    kind: 'console',
    isPassing: false,
    ...told(
      `${node} is used by ${what}`,
      'on a Raspberry Pi, raspi-config, "Interface Options", "Serial Port": login shell no, ' +
        `hardware yes; elsewhere take console=${name} off the kernel's command line and run ` +
        `"sudo systemctl disable --now serial-getty@${name}"; then restart the machine`,
    ),
  };
}

const modemManagerRemedy =
  'Install the udev rule (README, "ModemManager"), or "sudo systemctl disable --now ModemManager" where nothing needs it';

const quoted = ({ name, pid }: Holder) => `${name} holds it (pid ${pid})`;

async function busy(node: string, roots: Roots): Promise<Obstacle> {
  const base = { kind: 'busy', isPassing: false } as const;
  const { holders, unseen } = await holdersOf(node, roots);
  if (holders.some(({ pid }) => pid === process.pid))
    return {
      ...base,
      isPassing: true,
      ...told(
        `${node} is busy: this simgate holds it itself (pid ${process.pid})`,
        'Do two [[modem]] entries name it?',
        '. ',
      ),
    };
  if (holders.length > 0) {
    const isModemManager = holders.some(({ name }) => name === 'ModemManager');
    const remedy = isModemManager ? modemManagerRemedy : 'Stop it, or keep it off this tty';
    const what = `${node} is busy: ${holders.map(quoted).join(', ')}`;
    return { ...base, ...told(what, remedy, '. ') };
  }
  const daemons = await modemDaemonsRunning(roots);
  if (daemons.length > 0) {
    const names = daemons.map(({ name, pid }) => `${name} runs (pid ${pid})`).join(', ');
    const remedy = daemons.some(({ name }) => name === 'ModemManager')
      ? modemManagerRemedy
      : 'Stop it';
    return { ...base, ...told(`${node} is busy: ${names} and probably holds it`, remedy, '. ') };
  }
  if (await modemManagerIsActive(roots)) {
    const what = `${node} is busy: ModemManager runs and probably holds it`;
    return { ...base, ...told(what, modemManagerRemedy, '. ') };
  }
  if (await isWalledIn(roots))
    return {
      ...base,
      ...told(
        `${node} is busy: a process outside of this container holds it`,
        `On the host, "sudo fuser -v ${node}" shows which; keep ModemManager off there by the udev rules, or switch it off`,
        '. ',
      ),
    };
  if (unseen > 0)
    return {
      ...base,
      ...told(
        `${node} is busy: another user's process holds it`,
        `"sudo fuser -v ${node}" shows which: stop it, or keep it off this tty`,
        '. ',
      ),
    };
  return {
    ...base,
    isPassing: true,
    sentence: `${node} is busy, though no process has it open any more: tried again by itself`,
  };
}

async function noRight(node: string, roots: Roots, identity: Identity): Promise<Obstacle> {
  const found = await nodeRights(node);
  return found === undefined ? missing(node) : explainRights(node, found, roots, identity);
}

/** Why a node's rights keep `identity` out; `doctor` may ask before anything is opened. */
export async function explainRights(
  node: string,
  found: NodeRights,
  roots: Roots,
  identity: Identity,
): Promise<Obstacle> {
  const access = await accessFor(found, roots, identity);
  const rights = `${access.mode} ${access.owner}:${access.group}`;
  if (access.isFresh && !access.isPermitted)
    return {
      kind: 'not_ready',
      isPassing: true,
      ...told(
        `${node} still belongs to root alone (${rights}), as it does for a moment after it was plugged in`,
        'tried again by itself. If it stays so, udev does not run here (a container?): give the node a group, ' +
          `as in chgrp dialout ${node}`,
      ),
    };
  return {
    kind: 'no_right',
    isPassing: false,
    ...lackOfRights(`${node} may not be opened by ${access.user} (${rights})`, access),
  };
}

function lackOfRights(what: string, { user, group, ...access }: Access): ToldObstacle {
  if (access.isPermitted)
    return told(
      `${what}: the mode allows it, so something else forbids it`,
      'DeviceAllow= or PrivateDevices= of the systemd unit, a container without --device, or AppArmor',
    );
  if (!access.isGroupEnough)
    return told(`${what}: not even its group may`, 'A udev rule must give it MODE="0660"', '. ');
  if (access.isListedInGroup)
    return told(
      `${what}: ${user} is in the group ${group}, but only since after this process started`,
      'log in again, or restart the service',
    );
  if (!access.areNamed)
    return told(
      `${what}: it is not in the group ${group}`,
      `Give it that group: --group-add ${group} or group_add for a container, SupplementaryGroups=${group} in the systemd unit`,
      '. ',
    );
  return told(
    `${what}: it is not in the group ${group}`,
    `Run "sudo usermod -aG ${group} ${user}" and log in again; for the service, SupplementaryGroups=${group} in the systemd unit`,
    '. ',
  );
}

async function missing(tty: string): Promise<Obstacle> {
  const target = await linkTarget(tty);
  const gone = target === undefined ? 'does not exist' : `points to ${target}, which is gone`;
  return {
    kind: 'missing',
    isPassing: true,
    ...told(
      `${tty} ${gone}`,
      'is the modem plugged in? It may have come back under another name: "simgate modems" lists what is ' +
        'there; /dev/serial/by-id names do not change. A container sees only what was there when it started',
    ),
  };
}
