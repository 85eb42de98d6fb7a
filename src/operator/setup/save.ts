import { randomUUID } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { ConfigError, loadConfig } from '../../config/config.js';
import { OperatorError } from '../../errors.js';
import {
  cannot,
  type FileRights,
  syncFolder,
  writePrivateFile,
} from '../../secret/private-file.js';

/** A configuration that is written beside the old one, and found valid. */
export interface Draft {
  /** Puts it in place; the old one is kept under this name, if there was one. */
  commit(): Promise<string | undefined>;
  /** Takes it away, if it was not put in place. */
  discard(): Promise<void>;
}

export interface Change {
  /** Absolute. */
  file: string;
  /** What was read; undefined when there was nothing. */
  before: string | undefined;
  after: string;
  rights: FileRights;
  /** Of the old one. */
  backupRights: FileRights;
  env: NodeJS.ProcessEnv;
}

/**
 * Writes the draft and reads it back as the daemon will. Rejects with {@link OperatorError} with
 * all that is wrong; nothing is left then.
 */
export async function draftConfig({
  file,
  before,
  after,
  rights,
  backupRights,
  env,
}: Change): Promise<Draft> {
  const draft = `${file}.${randomUUID()}.new`;
  await writePrivateFile(draft, after, rights);
  const discard = () => rm(draft, { force: true });
  try {
    loadConfig(draft, env);
  } catch (error) {
    await discard();
    if (!(error instanceof ConfigError)) throw error;
    const message = error.message.replaceAll(draft, file);
    throw new OperatorError(`with these answers, ${message}\nNothing was changed.`, {
      cause: error,
    });
  }
  return {
    discard,
    async commit() {
      await proveUnchanged(file, before);
      const backup = before === undefined ? undefined : `${file}.bak`;
      if (backup !== undefined) await writePrivateFile(backup, before!, backupRights);
      try {
        await rename(draft, file);
        await syncFolder(file);
      } catch (error) {
        throw cannot('be replaced', file, error);
      }
      return backup;
    },
  };
}

/** Somebody may have edited it while the questions were answered. */
async function proveUnchanged(file: string, before: string | undefined): Promise<void> {
  const now = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw cannot('be read', file, error);
  });
  if (now !== before)
    throw new OperatorError(`${file} has changed meanwhile: it was left alone; run setup again`);
}
