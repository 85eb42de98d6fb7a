/**
 * What `simgate service install` puts into a system: the files of the Debian package, with the
 * paths of this installation.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../../errors.js';
import type { Installation } from './installation.js';

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
