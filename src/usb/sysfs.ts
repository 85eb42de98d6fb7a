import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the kernel's file systems are; other places in tests. No trailing slash. */
export interface Roots {
  sysRoot: string;
  devRoot: string;
  procRoot: string;
  runRoot: string;
  /** For the names of groups and users. */
  etcRoot: string;
}

export const systemRoots: Roots = {
  sysRoot: '/sys',
  devRoot: '/dev',
  procRoot: '/proc',
  runRoot: '/run',
  etcRoot: '/etc',
};

/**
 * What a read meets while a device is being unplugged: the entry is gone, its driver is gone, or a
 * parent became something else. None of them is an error of ours: the attribute is simply not there
 * (any more).
 */
const goneCodes = new Set([
  'ENOENT',
  'ENOTDIR',
  'ENODEV',
  'ENXIO',
  'EIO',
  'EINVAL',
  'ESRCH',
  'ELOOP',
  'EISDIR',
]);
/** Not ours to see: another user's process, or an attribute for root only. */
const deniedCodes = new Set(['EACCES', 'EPERM']);

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? '';

async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (goneCodes.has(codeOf(error)) || deniedCodes.has(codeOf(error))) return undefined;
    throw error;
  }
}

/**
 * The text of a file without the newline at its end; undefined when it is not there, vanishes, or
 * may not be read.
 */
export async function attribute(directory: string, name: string): Promise<string | undefined> {
  const text = await unlessGone(readFile(join(directory, name), 'latin1'));
  return text?.replace(/\n$/, '');
}

/** A hexadecimal attribute as sysfs writes `bInterfaceNumber` and its kin (`02`, `ff`). */
export async function hexAttribute(directory: string, name: string): Promise<number | undefined> {
  const text = (await attribute(directory, name))?.trim();
  return text !== undefined && /^[0-9a-f]{1,4}$/i.test(text)
    ? Number.parseInt(text, 16)
    : undefined;
}

/**
 * The names in a directory, sorted as people count (`ttyUSB2` before `ttyUSB10`); none when it is
 * not there.
 */
export async function entries(directory: string): Promise<string[]> {
  return ((await unlessGone(readdir(directory))) ?? []).sort(byCount);
}

/** The real path behind a path; undefined when it is not there. */
export function resolved(path: string): Promise<string | undefined> {
  return unlessGone(realpath(path));
}

/**
 * Where a symbolic link points, as it is written; undefined when it is not there or may not be
 * read.
 */
export function linkTarget(path: string): Promise<string | undefined> {
  return unlessGone(readlink(path));
}

/** What only its owner may see, as another user's open files. */
export const denied = Symbol('denied');

/** As `linkTarget`, but says when it may not be read. */
export function linkTargetOrDenied(path: string): Promise<string | typeof denied | undefined> {
  return unlessDenied(readlink(path));
}

/**
 * The names in a directory, unsorted, or that it may not be read; undefined when it is not there.
 */
export function entriesOrDenied(directory: string): Promise<string[] | typeof denied | undefined> {
  return unlessDenied(readdir(directory));
}

async function unlessDenied<T>(reading: Promise<T>): Promise<T | typeof denied | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (deniedCodes.has(codeOf(error))) return denied;
    if (goneCodes.has(codeOf(error))) return undefined;
    throw error;
  }
}

const counting = new Intl.Collator('en', { numeric: true });

/** Sorts names with numbers in them as people count: `1-1.2` before `1-1.10`. */
export function byCount(a: string, b: string): number {
  return counting.compare(a, b);
}

/** The most characters of a name that a device or a process gives itself. */
const maxNameLength = 64;

/**
 * What a device or another process says of itself, as it may be shown: trimmed, 64 characters at
 * most, and without control characters, which could steer the reader's terminal. Undefined when
 * nothing is left.
 */
export function printable(text: string | undefined): string | undefined {
  const clean = text?.replace(/[^\x20-\x7e]+/g, ' ').trim();
  return clean ? clean.slice(0, maxNameLength) : undefined;
}

/**
 * Names of ttys on which the kernel prints or a login waits, as `ttyAMA0`; `/dev/console` is never
 * a modem.
 */
export async function consoleTtys(roots: Roots): Promise<Set<string>> {
  const [commandLine, active] = await Promise.all([
    attribute(roots.procRoot, 'cmdline'),
    attribute(join(roots.sysRoot, 'class/tty/console'), 'active'),
  ]);
  // console=ttyAMA0,115200n8 (kernel-parameters.txt); the last one wins for /dev/console, but all
  // of them are printed to.
  const asked = [...(commandLine ?? '').matchAll(/(?:^|\s)console=([^\s,]+)/g)].map(
    (match) => match[1]!,
  );
  return new Set([...asked, ...(active ?? '').split(/\s+/)].filter((name) => name !== ''));
}
