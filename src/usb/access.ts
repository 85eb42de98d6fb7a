import { stat } from 'node:fs/promises';
import { attribute, type Roots } from './sysfs.js';

/** Who opens the tty: of this process unless told otherwise. */
export interface Identity {
  uid: number;
  /** The effective group and the supplementary ones. */
  groups: readonly number[];
}

export function ownIdentity(): Identity {
  return { uid: process.geteuid!(), groups: [process.getegid!(), ...process.getgroups!()] };
}

/** Owner and mode of a node, with names where `/etc` has them. */
export interface Access {
  /** As `ls -l` writes it, without the file type: `rw-rw----`. */
  mode: string;
  owner: string;
  group: string;
  /** Root's alone: the kernel made the node, and udev has not given it its group yet. */
  isFresh: boolean;
  /** Reading and writing, by the mode alone. */
  isPermitted: boolean;
  /** The group may read and write, so being in it is the way out. */
  isGroupEnough: boolean;
  /**
   * `/etc/group` lists the user although this process is not in the group: it started before that.
   */
  isListedInGroup: boolean;
  /** The name of `identity`, or its number. */
  user: string;
  /** `/etc` knows both by name, which a container's often does not. */
  areNamed: boolean;
}

const readWrite = 0o6;

/** What stat(2) says of a node's rights. */
export interface NodeRights {
  mode: number;
  uid: number;
  gid: number;
}

/** A node's rights; undefined when it is gone or may not be looked at. */
export async function nodeRights(tty: string): Promise<NodeRights | undefined> {
  return stat(tty).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENXIO' || error.code === 'EACCES')
      return undefined;
    throw error;
  });
}

/** What the rights of a node mean for `identity`. */
export async function accessFor(
  found: NodeRights,
  roots: Roots,
  identity: Identity,
): Promise<Access> {
  const [groups, users] = await Promise.all([
    readNames(roots, 'group'),
    readNames(roots, 'passwd'),
  ]);
  const nameOf = (lines: string[][], id: number) =>
    lines.find((line) => line[2] === String(id))?.[0];
  const name = nameOf(users, identity.uid);
  const user = name ?? `uid ${identity.uid}`;
  const groupLine = groups.find((line) => line[2] === String(found.gid));
  const may = (shift: number) => ((found.mode >> shift) & readWrite) === readWrite;
  const isInGroup = identity.groups.includes(found.gid);
  // Only the first class that fits counts (path_resolution(7)); user 0 may do everything.
  const shift = found.uid === identity.uid ? 6 : isInGroup ? 3 : 0;
  return {
    mode: modeText(found.mode),
    owner: nameOf(users, found.uid) ?? String(found.uid),
    group: groupLine?.[0] ?? String(found.gid),
    isFresh: found.uid === 0 && found.gid === 0 && !may(0),
    isPermitted: identity.uid === 0 || may(shift),
    isGroupEnough: may(3),
    isListedInGroup: (groupLine?.[3] ?? '').split(',').includes(user),
    user,
    areNamed: name !== undefined && groupLine !== undefined,
  };
}

/** The lines of `/etc/group` or `/etc/passwd` (group(5), passwd(5)), split at the colons. */
async function readNames(roots: Roots, file: string): Promise<string[][]> {
  return ((await attribute(roots.etcRoot, file)) ?? '').split('\n').map((line) => line.split(':'));
}

const modeText = (mode: number) =>
  [6, 3, 0]
    .flatMap((shift) =>
      ['r', 'w', 'x'].map((letter, bit) => ((mode >> shift) & (4 >> bit) ? letter : '-')),
    )
    .join('');
