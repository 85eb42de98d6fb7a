/** Texts that wait on the disk for an `[inbound]` that was switched off. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { counted } from '../words/counted.js';

/** Days for which they stay, should it be switched on again; then they are deleted. */
export const keepDaysWhenOff = 7;

/** The spool, in the state directory. */
export const spoolFolder = (stateDir: string): string => join(stateDir, 'inbound');

/** What the operator is to know of them; undefined where there are none, or none can be seen. */
export function leftOver(stateDir: string): { sentence: string; remedy: string } | undefined {
  const folder = spoolFolder(stateDir);
  const count = textsIn(folder);
  if (count === 0) return undefined;
  return {
    sentence: `${counted(count, 'text')} of an earlier [inbound] wait in ${folder}, and nobody is to have them`,
    remedy: `configure [inbound] again and they are handed over, or stop simgate and remove ${folder}; they are deleted ${keepDaysWhenOff} days after they came`,
  };
}

function textsIn(folder: string): number {
  try {
    return readdirSync(folder).filter((name) => /\.(new|msg)$/.test(name)).length;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(code)) return 0;
    throw error;
  }
}
