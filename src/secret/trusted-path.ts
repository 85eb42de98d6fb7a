import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** As links go on for ever only by mistake (path_resolution(7)). */
const maxLinks = 40;

const sticky = 0o1000;

/**
 * Why another than root could change what stands at an absolute path: its owner, whoever may write
 * to it, to a folder above it, or to what a link in it leads through. Undefined when nobody could:
 * of a folder with the sticky bit, as /tmp, nobody takes another's entry away (inode(7)).
 * `trustedUids` may own a part, too. Throws as lstat(2) fails.
 */
export function whoElseMayChange(
  path: string,
  stat: (path: string) => Pick<Stats, 'uid' | 'mode'> = lstatSync,
  trustedUids: readonly number[] = [0],
): string | undefined {
  let links = 0;
  const reasonAgainst = (file: string): string | undefined => {
    for (let part = file; part !== '/'; part = dirname(part)) {
      const { uid, mode } = stat(part);
      if (!trustedUids.includes(uid)) return `${part} does not belong to root`;
      if (isLink(mode)) {
        links += 1;
        if (links > maxLinks) return `${path} has too many links`;
        const reason = reasonAgainst(resolve(dirname(part), readlinkSync(part)));
        if (reason !== undefined) return reason;
      } else if ((mode & (0o002 | sticky)) === 0o002) return `everybody may write to ${part}`;
    }
    return undefined;
  };
  return reasonAgainst(path);
}

function isLink(mode: number): boolean {
  return (mode & 0o170000) === 0o120000;
}
