import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configHead, openPolicy } from '../config-text.js';

/** A modem as the daemon's configuration knows it. */
export interface ConfiguredModem {
  name: string;
  /** Its `device`: the link to its tty, which may point elsewhere later, or an address. */
  link: string;
  /** E.164: what `sender` asks for. */
  number: string;
  pinFile: string | undefined;
  /** More lines of its table. */
  settings?: string | undefined;
}

/**
 * Writes a configuration with short times into `folder`, and Auth0's secret beside it; returns its
 * path. `callers` are the tables of all others.
 */
export function writeDaemonConfig(
  folder: string,
  secret: string,
  modems: readonly ConfiguredModem[],
  { deadlineS, statusReport }: { deadlineS: number; statusReport: boolean },
  callers = '',
): string {
  const secretFile = join(folder, 'secret');
  if (!existsSync(secretFile)) writeFileSync(secretFile, secret, { mode: 0o600 });
  const lines = [
    configHead({ stateDir: join(folder, 'state'), secretFile }),
    `[message]\ndeadline_s = ${deadlineS}`,
    openPolicy,
    '[log]\nlevel = "debug"\nformat = "json"',
    callers,
    ...modems.map(({ name, link, number, pinFile, settings }) =>
      [
        `[[modem]]\nname = "${name}"\ndevice = "${link}"\nnumber = "${number}"\nstatus_report = ${statusReport}`,
        'guard_ms = 0\nsubmit_timeout_s = 4\nidle_probe_s = 2',
        ...(pinFile === undefined ? [] : [`pin_file = "${pinFile}"`]),
        ...(settings === undefined ? [] : [settings]),
      ].join('\n'),
    ),
  ];
  const file = join(folder, 'simgate.toml');
  // Whole at any moment: a daemon may just be starting.
  writeFileSync(`${file}.new`, `${lines.join('\n')}\n`);
  renameSync(`${file}.new`, file);
  return file;
}
