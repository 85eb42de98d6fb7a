/**
 * The recovery hook: how the daemon, which may do nothing but talk to ttys, has root help a modem.
 * It leaves a note in a drop directory that belongs to root (this file); a unit of root's takes the
 * notes and runs the operator's program for each (`run.ts`).
 */

import { access, constants, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeControls, withoutNumbers } from '../words/foreign.js';

/**
 * What a note may be called: as a modem. Hidden names are those of notes that are not whole yet,
 * and of what was set aside.
 */
export const noteName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Octets of a note: a reason is a sentence. */
export const maxNoteOctets = 4096;

/**
 * Asks for help with a modem: a note of its name, with the reason in one line. Rejects as the
 * system refuses.
 */
export async function leaveNote(dropDir: string, modem: string, reason: string): Promise<void> {
  // systemd.path(5) fires as soon as there is a file, but for hidden ones: a note is there when it
  // is whole.
  const unfinished = join(dropDir, `.${modem}.new`);
  await rm(unfinished, { force: true });
  await writeFile(unfinished, `${escapeControls(withoutNumbers(reason))}\n`, {
    mode: 0o600,
    flag: 'wx',
  });
  await rename(unfinished, join(dropDir, modem));
}

/** Why no note can be left; undefined when one can. */
export async function whyNoNotes(dropDir: string): Promise<string | undefined> {
  try {
    await access(dropDir, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
