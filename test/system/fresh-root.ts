import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const tenMinutes = 600_000;

/** Why no fresh Debian can be had here; `binfmt` is the kernel's name for another machine's. */
export function noFreshRoot(binfmt?: string): string | undefined {
  if (spawnSync('mmdebstrap', ['--version']).status !== 0) return 'there is no mmdebstrap';
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'no namespaces may be had';
  // Mmdebstrap asks it whether another machine's programs run.
  if (binfmt !== undefined && spawnSync('arch-test', ['-h']).error !== undefined)
    return 'there is no arch-test';
  if (binfmt !== undefined && !existsSync(`/proc/sys/fs/binfmt_misc/${binfmt}`))
    return `the kernel knows no ${binfmt} (qemu-user-static, and systemd-binfmt)`;
  return undefined;
}

/** Nobody keeps what is made: dpkg does not wait for the disk after each file. */
export const soonGone = '--dpkgopt=force-unsafe-io';

/** A folder, or what ends with .tar, with the least that has apt. Throws as mmdebstrap(1) does. */
export function makeFreshRoot(suite: string, root: string, options: readonly string[] = []): void {
  execFileSync('mmdebstrap', ['--quiet', '--variant=apt', soonGone, ...options, suite, root], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Runs it in the root, with /proc and pseudo terminals, and no variable of this machine's. */
export function inFreshRoot(
  root: string,
  ...command: string[]
): { status: number | null; output: string } {
  const script = `set -e
mount -t proc proc "$0/proc"
mount -t devpts devpts "$0/dev/pts"
exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"`;
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child'];
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [...namespaces, 'sh', '-c', script, root, ...command],
    { encoding: 'utf8', timeout: tenMinutes },
  );
  return { status, output: stdout + stderr };
}
