/**
 * What `simgate service install` puts into a system: the files of the Debian package, with the
 * paths of this installation. Says also whether a system service may run it from there.
 */

import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { OperatorError } from '../../errors.js';
import { whoElseMayChange } from '../../secret/trusted-path.js';

/** An installed simgate. All paths are absolute and without symbolic links. */
export interface Installation {
  /** The package: the folder with package.json, dist/ and systemd/. */
  folder: string;
  node: string;
  /** dist/cli.js. */
  cli: string;
}

/**
 * The simgate that runs; `from` is a folder in it. Throws when it is in no package of that name.
 */
export function findInstallation(from: string = import.meta.dirname): Installation {
  for (let folder = realpathSync(from); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    if ((JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name !== 'simgate') break;
    return { folder, node: realpathSync(process.execPath), cli: join(folder, 'dist/cli.js') };
  }
  throw new Error(`${from} is not in simgate's package`);
}

/** What the unit hides from the service: ProtectHome= and PrivateTmp= of systemd.exec(5). */
const hidden = ['/home', '/root', '/run/user', '/tmp', '/var/tmp'];

/**
 * Why a service that nobody watches should not run this; undefined when it may. Who may write to a
 * program, or to a folder above it, decides what the service does.
 */
export function whyNotForService(
  { node, cli }: Installation,
  stat: (path: string) => Pick<Stats, 'uid' | 'mode'> = lstatSync,
): string | undefined {
  for (const path of [node, cli]) {
    // What a unit would read as more than one word, a specifier or a variable (systemd.service(5)).
    if (!/^[\w@./+-]+$/.test(path))
      return `${path} has characters that a unit cannot have in a path`;
    const hider = hidden.find((folder) => path.startsWith(`${folder}/`));
    if (hider !== undefined) return `${path} is in ${hider}, which the service does not see`;
    const who = whoElseMayChange(path, stat);
    if (who !== undefined) return `${who}, and so another could change what the service runs`;
  }
  return undefined;
}

/** A file of the system. */
export interface SystemFile {
  /** Absolute. */
  path: string;
  content: string;
}

/** In order. */
export interface Plan {
  files: SystemFile[];
  commands: (readonly string[])[];
}

/** By which a later installation, and the removal, know what is theirs. */
export const marker =
  '# Written by "simgate service install", which replaces it; changes belong into a drop-in.\n';

/**
 * Reads the package's own units, rules and settings. Throws {@link OperatorError} when they are not
 * there, as in the Debian package, which has them in their places already.
 */
export function planFor(installation: Installation): Plan {
  const { folder } = installation;
  if (!existsSync(join(folder, 'systemd')))
    throw new OperatorError(
      'this simgate came with its service, as a Debian package does: nothing to install',
    );
  const files = [
    ...copies(folder, 'systemd', /\.(service|path)$/, '/etc/systemd/system'),
    ...copies(folder, 'udev', /\.rules$/, '/etc/udev/rules.d'),
    copy(folder, 'systemd/simgate-modules.conf', '/etc/modules-load.d/simgate.conf'),
    copy(folder, 'packaging/files/simgate.sysusers.conf', '/etc/sysusers.d/simgate.conf'),
    copy(folder, 'packaging/files/simgate.tmpfiles.conf', '/etc/tmpfiles.d/simgate.conf'),
  ];
  return {
    files: files.map(({ path, content }) => ({
      path,
      content: marker + (path.endsWith('.service') ? startedFrom(installation, content) : content),
    })),
    commands: [
      ['systemd-sysusers', '/etc/sysusers.d/simgate.conf'],
      ['systemd-tmpfiles', '--create', '/etc/tmpfiles.d/simgate.conf'],
      ['udevadm', 'control', '--reload'],
      ['udevadm', 'trigger', '--action=change', '--subsystem-match=usb', '--subsystem-match=tty'],
      // Before the service: it may only use drivers that are loaded when it starts.
      ['systemctl', 'restart', 'systemd-modules-load.service'],
      ['systemctl', 'daemon-reload'],
    ],
  };
}

/** What takes the files' place in the system after they were removed. */
export const afterRemoval: Plan['commands'] = [
  ['udevadm', 'control', '--reload'],
  ['systemctl', 'daemon-reload'],
];

/**
 * The units of the package name /usr/bin/simgate; a service has no search path of the shell that
 * npm put Node into.
 */
function startedFrom({ node, cli }: Installation, unit: string): string {
  return unit.replace(/^(Exec\w+=[-@:+!]*)\/usr\/bin\/simgate(?= )/gm, `$1${node} ${cli}`);
}

function copies(folder: string, from: string, names: RegExp, to: string): SystemFile[] {
  const found = readdirSync(join(folder, from)).filter((name) => names.test(name));
  return found.sort().map((name) => copy(folder, join(from, name), join(to, name)));
}

function copy(folder: string, from: string, path: string): SystemFile {
  return { path, content: readFileSync(join(folder, from), 'utf8') };
}
