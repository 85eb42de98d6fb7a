import { join } from 'node:path';
import { attribute, type Roots } from './sysfs.js';

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
