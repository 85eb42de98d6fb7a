/** Files that the service's user must read and strangers must not. */

import { randomUUID } from 'node:crypto';
import { constants, existsSync, lstatSync } from 'node:fs';
import { open, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OperatorError } from '../errors.js';
import { accountIn } from '../secret/accounts.js';
import { cannot, type FileRights } from '../secret/private-file.js';
import { whoElseMayChange } from '../secret/trusted-path.js';

/** The user's group under which the service of systemd/simgate.service runs. */
const serviceGroup = 'simgate';
/** Where a file may be made, and for whom. */
export interface SecretPlace {
  uid: number;
  gid: number;
  /** group(5). */
  groupFile: string;
}

/**
 * Who may read a secret file that is made anew. Root makes it `root:simgate` 0640, so that the
 * service reads it and cannot change it; anybody else, and root without that group, makes it their
 * own, 0600.
 */
export function secretRights({ uid, gid, groupFile }: SecretPlace): FileRights {
  const group = uid === 0 ? Number(accountIn(groupFile, serviceGroup)?.[2]) : Number.NaN;
  return Number.isSafeInteger(group) ? { uid, gid: group, mode: 0o640 } : { uid, gid, mode: 0o600 };
}

/** The same where the service's user counts too. */
export interface SetupPlace extends SecretPlace {
  /** passwd(5). */
  passwdFile: string;
}

const strangers = 0o007;
const ownerReads = 0o400;
const groupReads = 0o040;

/**
 * The rights that `path` has, when the service can read it with them and no stranger can touch it;
 * else those of a new file.
 */
export async function fittingRights(
  path: string,
  place: SetupPlace,
): Promise<{ rights: FileRights; isThere: boolean; isFit: boolean }> {
  const wanted = secretRights(place);
  const present = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw cannot('be looked at', path, error);
  });
  if (present === undefined) return { rights: wanted, isThere: false, isFit: false };
  const { uid, gid, mode } = present;
  const isServed = mayServiceRead({ uid, gid, mode }, wanted, place);
  if (!isServed || (mode & strangers) !== 0) return { rights: wanted, isThere: true, isFit: false };
  return { rights: { uid, gid, mode: mode & 0o777 }, isThere: true, isFit: true };
}

/** Where there is no user for the service, it runs as whoever sets it up. */
function mayServiceRead(present: FileRights, wanted: FileRights, place: SetupPlace): boolean {
  const named = () => Number(accountIn(place.passwdFile, 'simgate')?.[2]);
  const service = wanted.mode === 0o640 ? named() : wanted.uid;
  if (present.uid === service) return (present.mode & ownerReads) !== 0;
  return wanted.mode === 0o640 && present.gid === wanted.gid && (present.mode & groupReads) !== 0;
}

/**
 * Gives a file that is there the rights of a new one, where those it has will not do. True when
 * that was so.
 */
export async function mendRights(path: string, place: SetupPlace): Promise<boolean> {
  const { rights, isThere, isFit } = await fittingRights(path, place);
  if (isFit || !isThere) return false;
  await refuseForeignFolder(path);
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      // Narrower first: at no moment can anybody read it who may not before and after.
      await file.chmod(0o600);
      await file.chown(rights.uid, rights.gid);
      await file.chmod(rights.mode);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw cannot('be given its owner and mode', path, error);
  }
  return true;
}

/**
 * Refuses a folder in which somebody else could put a link to a file of root's: root must neither
 * write there nor give rights away. Who called root by sudo counts as root. Rejects with {@link
 * OperatorError}.
 */
export async function refuseForeignFolder(path: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const trusted = [
    0,
    ...(/^\d+$/.test(process.env.SUDO_UID ?? '') ? [Number(process.env.SUDO_UID)] : []),
  ];
  const folders = [
    await nearestFolder(dirname(path)),
    dirname(await realpath(path).catch(() => path)),
  ];
  for (const folder of folders) {
    const who = existsSync(folder) ? whoElseMayChange(folder, lstatSync, trusted) : undefined;
    if (who !== undefined)
      throw new OperatorError(
        `${path} is not written by root: ${who}. Choose a place that is root's, as /etc/simgate`,
      );
  }
}

/**
 * Whether files can be made in the folder of `path`; says so before anybody has answered anything.
 * Rejects with `OperatorError`.
 */
export async function proveWritable(path: string): Promise<void> {
  await refuseForeignFolder(path);
  const folder = await nearestFolder(dirname(path));
  const probe = join(folder, `.simgate-setup-${randomUUID()}.tmp`);
  try {
    await (await open(probe, 'wx', 0o600)).close();
    await rm(probe);
  } catch (error) {
    throw cannot('be written', path, error);
  }
}

/** The folder itself, or the one in which it would be made. */
async function nearestFolder(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw cannot('be looked at', folder, error);
    },
  );
  return isThere ? folder : nearestFolder(dirname(folder));
}
