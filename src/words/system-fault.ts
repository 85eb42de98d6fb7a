/** What the system's errors mean, and the way out: their causes are known, and need no stack. */

/** By errno name (errno(3)); what may be behind it, and what to do. */
const ways: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room ("df -h" shows where)',
  EDQUOT: 'the quota of its user is used up: make room',
  EROFS: 'the disk is mounted read-only: "dmesg" says why; a failing SD card is mounted so',
  EIO: 'the disk or device fails: "dmesg" says more',
  EACCES: 'this user may not: give the file and its folder back to the user of the service',
  EPERM: 'this user may not: give the file and its folder back to the user of the service',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is no folder',
  EISDIR: 'a folder is where a file belongs: move it away',
  // As Node words it for rm.
  ERR_FS_EISDIR: 'a folder is where a file belongs: move it away',
  ELOOP: 'its symbolic links lead round in a circle',
  EMFILE: 'too many files are open: restart it, and report it with the log',
  EPIPE: 'who read it has gone',
  EADDRINUSE: 'another program has it',
};

/** The meaning of an error that the system gave; undefined for any other. */
export function systemFault(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'))
    return undefined;
  const way = ways[thrown.code];
  return way === undefined ? undefined : `${way} (${thrown.code})`;
}

/** Why something failed, in one phrase: what the system's error means, else what the error says. */
export function whyFailed(thrown: unknown): string {
  return systemFault(thrown) ?? (thrown instanceof Error ? thrown.message : String(thrown));
}
