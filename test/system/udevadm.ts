import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import type { UdevDevice, UdevResult } from '../udev/rules-machine.js';

/**
 * A device of a made-up machine: as the rules machine knows it, with its name and, for a tty, the
 * numbers of its node.
 */
export interface SysfsDevice extends UdevDevice {
  kernel: string;
  /** Major and minor, as `188:0`. */
  dev?: string;
  parent?: SysfsDevice | undefined;
}

/** What became of a device by the real udev. */
export interface UdevadmResult extends Omit<UdevResult, 'assigned'> {
  /** Group and mode of its node, as stat(1) says them, for a device that has one. */
  node: string | undefined;
  /** The device's attributes afterwards, by the name that its own in {@link SysfsDevice} have. */
  attributes: Record<string, string>;
}

/**
 * What the real udev does by these rules alone with a device of a made-up machine, after the events
 * of all above it. Needs root: `udevadm test` (Debian: udev) is given a /sys, a /dev and a /run of
 * its own in a mount namespace.
 */
export function onMadeUpMachine(rules: string, device: SysfsDevice): UdevadmResult {
  return withFolder((top) => {
    for (const each of chainOf(device)) layOut(top, each);
    mkdirSync(join(top, 'sys/class'), { recursive: true });
    const nodes = chainOf(device).flatMap(({ kernel, dev }) =>
      dev === undefined ? [] : [[kernel, dev]],
    );
    const answer = tellUdev(top, rules, chainOf(device).map(pathOf), nodes, true);
    const names = Object.keys(device.attributes ?? {});
    const attributes = names.map((name) => [
      name,
      readFileSync(join(top, pathOf(device), name), 'utf8').trim(),
    ]);
    return { ...answer, attributes: Object.fromEntries(attributes) as Record<string, string> };
  });
}

/** The same with a device of this machine, as {@link anyDeviceWithParent} has it. */
export function onThisMachine(rules: string, device: SysfsDevice): UdevadmResult {
  return withFolder((top) => ({
    ...tellUdev(top, rules, chainOf(device).map(pathOf), [], false),
    attributes: {},
  }));
}

/** A device that is there, below another one: a tty or a disk where there is one. */
export function anyDeviceWithParent(): SysfsDevice {
  for (const kind of ['tty', 'block', ...readdirSync('/sys/class')]) {
    for (const name of readdirSync(join('/sys/class', kind))) {
      const device = readDevice(realpathSync(join('/sys/class', kind, name)));
      if (device?.parent !== undefined && device.parent.subsystem !== '') return device;
    }
  }
  throw new Error('no device of this machine has another one above it');
}

function readDevice(path: string): SysfsDevice | undefined {
  if (path === '/sys/devices') return undefined;
  const above = readDevice(dirname(path));
  if (!existsSync(join(path, 'uevent'))) return above;
  const link = join(path, 'subsystem');
  // A bus such as pnp0 is a device, too, of no subsystem.
  const subsystem = existsSync(link) ? basename(realpathSync(link)) : '';
  return { kernel: path, subsystem, parent: above };
}

function chainOf(device: SysfsDevice): SysfsDevice[] {
  return device.parent === undefined ? [device] : [...chainOf(device.parent), device];
}

/** Of a device that is there, its name is its path. */
function pathOf({ kernel, subsystem, parent }: SysfsDevice): string {
  if (kernel.startsWith('/')) return kernel;
  const folder = parent === undefined ? '/sys/devices' : pathOf(parent);
  return subsystem === 'tty' ? join(folder, 'tty', kernel) : join(folder, kernel);
}

/**
 * As the kernel shows it: a folder with its attributes, the words of its event, and links to its
 * subsystem and, by number, to it.
 */
function layOut(top: string, device: SysfsDevice): void {
  const { subsystem, devtype, attributes = {}, dev, kernel } = device;
  const folder = join(top, pathOf(device));
  mkdirSync(folder, { recursive: true });
  const [major, minor] = dev?.split(':') ?? [];
  const event = [
    ...(devtype === undefined ? [] : [`DEVTYPE=${devtype}`]),
    ...(dev === undefined ? [] : [`MAJOR=${major}`, `MINOR=${minor}`, `DEVNAME=${kernel}`]),
  ];
  for (const [name, value] of Object.entries({ ...attributes, uevent: event.join('\n') })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), `${value}\n`);
  }
  const owner = join(top, 'sys', subsystem === 'tty' ? 'class/tty' : `bus/${subsystem}`);
  mkdirSync(owner, { recursive: true });
  symlinkSync(relative(folder, owner), join(folder, 'subsystem'));
  if (dev === undefined) return;
  const byNumber = join(top, 'sys/dev/char', dev);
  mkdirSync(dirname(byNumber), { recursive: true });
  symlinkSync(relative(dirname(byNumber), folder), byNumber);
}

/** In the namespace: what udev would read of this machine, and where it would write, are others. */
const inNamespace = `set -e
[ "$2" = false ] || mount --bind "$1/sys" /sys
mount -t tmpfs none /run
mount --bind "$1/rules" /usr/lib/udev/rules.d
[ ! -d /etc/udev/rules.d ] || mount --bind "$1/none" /etc/udev/rules.d
if [ "$2" = true ]; then mount -t tmpfs none /dev; mknod /dev/null c 1 3; fi
while read -r name major minor; do mknod -m 0600 "/dev/$name" c "$major" "$minor"; done <"$1/nodes"
while read -r path; do
  udevadm test --action=add "$path" >"$1/said" 2>"$1/log"
done <"$1/paths"
while read -r name major minor; do stat -c 'NODE=%g %a' "/dev/$name" >>"$1/said"; done <"$1/nodes"
`;

function tellUdev(
  top: string,
  rules: string,
  paths: readonly string[],
  nodes: readonly (readonly string[])[],
  isMadeUp: boolean,
): Omit<UdevadmResult, 'attributes'> {
  for (const folder of ['rules', 'none']) mkdirSync(join(top, folder));
  writeFileSync(join(top, 'rules/60-test.rules'), rules);
  writeFileSync(join(top, 'paths'), `${paths.join('\n')}\n`);
  writeFileSync(
    join(top, 'nodes'),
    nodes.map(([name, dev]) => `${name} ${dev?.replace(':', ' ')}\n`).join(''),
  );
  execFileSync('unshare', ['--mount', 'sh', '-c', inNamespace, 'sh', top, String(isMadeUp)], {
    // systemd's library refuses a /sys that is not the kernel's, unless it is told
    // (docs/ENVIRONMENT.md of systemd).
    env: { ...process.env, SYSTEMD_DEVICE_VERIFY_SYSFS: '0' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const complaints = readFileSync(join(top, 'log'), 'utf8').match(
    /^.*60-test\.rules:\d+:? (Invalid|Unknown|Failed).*$/gm,
  );
  if (complaints !== null) throw new Error(complaints.join('\n'));
  return parse(readFileSync(join(top, 'said'), 'utf8'));
}

function parse(said: string): Omit<UdevadmResult, 'attributes'> {
  const properties = Object.fromEntries(
    [...said.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
  );
  const { NODE: node, CURRENT_TAGS = '', DEVLINKS = '', ...others } = properties;
  return {
    properties: others,
    tags: CURRENT_TAGS.split(':').filter((tag) => tag !== ''),
    symlinks: DEVLINKS.split(' ')
      .filter((link) => link !== '')
      .map((link) => link.replace('/dev/', '')),
    node,
  };
}

function withFolder<T>(use: (top: string) => T): T {
  const top = mkdtempSync(join(tmpdir(), 'simgate-udev-'));
  try {
    return use(top);
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
}
