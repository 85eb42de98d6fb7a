/** `simgate auth0 restore`: the options of a connection as they were before simgate changed them. */

import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ControlError } from '../control/protocol.js';
import {
  type ConnectionOptions,
  listSmsConnections,
  presentOptions,
  type SmsConnection,
} from './connection.js';
import type { SavedOptions } from './folder.js';
import { replaceOptions } from './legacy.js';
import type { ManagementApi } from './management.js';
import { diffOptions } from './options-diff.js';
import { chooseConnection, type Workbench } from './setup.js';
import { agrees } from './terminal.js';

/** What the flags say. */
export interface RestoreFlags {
  connection?: string;
  /** One of the saved files, else the newest that a setup saved. */
  file?: string;
  dryRun?: boolean;
  yes?: boolean;
}

/**
 * Puts back what the last setup replaced; run again, what the one before replaced. What is there is saved first, so that this too can be
 * undone with `--file`. Rejects with `ManagementError` or {@link ControlError}.
 */
export async function restore(api: ManagementApi, flags: RestoreFlags, bench: Workbench): Promise<void> {
  const { folder, surroundings } = bench;
  const { terminal } = surroundings;
  const connection = await chooseConnection(await listSmsConnections(api), flags.connection, surroundings);
  const before = presentOptions(connection);
  const chosen = await chooseSaved(api.domain, connection, before, flags.file, bench);
  if (chosen === undefined) {
    terminal.say('The options are as they were saved: nothing to restore.');
    return;
  }
  terminal.say(`Options of "${connection.name}" (${connection.id}), back to ${chosen.saved_at}:`);
  for (const line of diffOptions(before, chosen.options)) terminal.say(`  ${line}`);
  if (flags.dryRun) {
    terminal.say('Nothing was changed (--dry-run).');
    return;
  }
  if (!(await agrees(terminal, `Restore them at ${api.domain}?`, flags.yes === true))) {
    terminal.say('Nothing was changed.');
    return;
  }
  const place = { folder, now: surroundings.now(), before: 'restore' as const };
  await replaceOptions(api, connection, chosen.options, place, (line) => terminal.say(line));
}

/** Undefined when nothing that is saved differs from what is there. */
async function chooseSaved(
  domain: string,
  { id, name }: SmsConnection,
  before: ConnectionOptions,
  file: string | undefined,
  { folder }: Workbench,
): Promise<SavedOptions | undefined> {
  const all = (await folder.savedOptions(id)).filter(({ saved }) => saved.domain === domain);
  const wanted = all.filter((one) =>
    file === undefined ? one.saved.before === 'setup' : resolve(file) === resolve(one.file),
  );
  if (wanted.length === 0)
    throw new ControlError(
      file === undefined
        ? `no options of "${name}" at ${domain} are saved in ${folder.path}`
        : `${file} holds no options of "${name}" at ${domain}: there are ${all.map((one) => one.file).join(', ') || 'none'}`,
    );
  return wanted.find(({ saved }) => !isDeepStrictEqual(before, saved.options))?.saved;
}
