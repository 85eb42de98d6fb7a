/** Where this program lies, and whether a system service may run it from there. */

import { existsSync, lstatSync, readFileSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
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
