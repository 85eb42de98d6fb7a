/** What the commands remember between runs, in `state_dir/auth0`: 0700, and no secret in it but in the saved options. */

import { lchown, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ControlError } from '../control/protocol.js';
import { cannot, type FileRights, readPrivateFile, writePrivateFile } from './private-file.js';

const optionsSchema = v.record(v.string(), v.unknown());

const savedSchema = v.object({
  version: v.literal(1),
  domain: v.string(),
  connection_id: v.string(),
  connection_name: v.string(),
  /** ISO 8601. */
  saved_at: v.string(),
  /** What was about to replace them. */
  before: v.picklist(['setup', 'restore']),
  options: optionsSchema,
});
/** A connection's options as they were before simgate changed them. Holds secrets. */
export type SavedOptions = v.InferOutput<typeof savedSchema>;

export const worldNames = ['legacy', 'unified'] as const;

const setupSchema = v.object({
  version: v.literal(1),
  domain: v.string(),
  world: v.picklist(worldNames),
  /** In the legacy world. */
  connection_id: v.optional(v.string()),
  connection_name: v.optional(v.string()),
  gateway_url: v.string(),
});
/** What was set up, so that the other commands need not be told again. */
export type SetupRecord = v.InferOutput<typeof setupSchema>;

const rotationSchema = v.object({
  version: v.literal(1),
  domain: v.string(),
  world: v.picklist(worldNames),
  connection_id: v.optional(v.string()),
  old_key_id: v.string(),
  new_key_id: v.string(),
  /** The last step that is done: see rotation.ts. */
  done: v.picklist(['begun', 'accepted', 'sent', 'verified']),
  /** ISO 8601. */
  begun_at: v.string(),
});
/** How far a rotation has come. No secret in it: those are in the secret files. */
export type RotationRecord = v.InferOutput<typeof rotationSchema>;

/** The folder, made when something is first written to it. */
export class Auth0Folder {
  readonly path: string;
  readonly #stateDir: string;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
    this.path = join(stateDir, 'auth0');
  }

  readSetup(): Promise<SetupRecord | undefined> {
    return this.#read('setup.json', setupSchema);
  }

  async writeSetup(record: SetupRecord): Promise<void> {
    await this.#write('setup.json', record);
  }

  readRotation(): Promise<RotationRecord | undefined> {
    return this.#read('rotation.json', rotationSchema);
  }

  async writeRotation(record: RotationRecord): Promise<void> {
    await this.#write('rotation.json', record);
  }

  async removeRotation(): Promise<void> {
    await rm(join(this.path, 'rotation.json'), { force: true });
  }

  /** Saves options under a name of their own; resolves with its path. `at` is the time in it. */
  saveOptions(saved: SavedOptions, at: Date): Promise<string> {
    const stamp = at.toISOString().replace(/[-:.]/g, '');
    return this.#write(`options-${fileNamePart(saved.connection_id)}-${stamp}.json`, saved);
  }

  /** The saved options of a connection, the newest first. */
  async savedOptions(connectionId: string): Promise<{ file: string; saved: SavedOptions }[]> {
    const prefix = `options-${fileNamePart(connectionId)}-`;
    const names = await readdir(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw cannot('be read', this.path, error);
    });
    const found: { file: string; saved: SavedOptions }[] = [];
    for (const name of names.filter((one) => one.startsWith(prefix) && one.endsWith('.json'))) {
      const saved = await this.#read(name, savedSchema);
      if (saved?.connection_id === connectionId) found.push({ file: join(this.path, name), saved });
    }
    return found.sort((a, b) => (a.saved.saved_at < b.saved.saved_at ? 1 : -1));
  }

  async #read<Schema extends v.GenericSchema>(
    name: string,
    schema: Schema,
  ): Promise<v.InferOutput<Schema> | undefined> {
    const file = join(this.path, name);
    const text = await readPrivateFile(file);
    if (text === undefined) return undefined;
    try {
      return v.parse(schema, JSON.parse(text));
    } catch (cause) {
      if (!(cause instanceof SyntaxError || cause instanceof v.ValiError)) throw cause;
      // Neither error is shown: both quote the file.
      throw new ControlError(`${file} is not what simgate wrote: move it away, and try again`);
    }
  }

  async #write(name: string, record: object): Promise<string> {
    const file = join(this.path, name);
    await writePrivateFile(file, `${JSON.stringify(record, undefined, 2)}\n`, await this.#rights());
    return file;
  }

  /** Makes the folder where it is missing. It and all in it belong to who owns the state directory, also when root writes. */
  async #rights(): Promise<FileRights> {
    try {
      await mkdir(this.#stateDir, { recursive: true, mode: 0o700 });
      const { uid, gid } = await stat(this.#stateDir);
      const isNew = await mkdir(this.path, { mode: 0o700 }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error;
          return false;
        },
      );
      // The service's user could put a link here, and root would follow it.
      const found = await lstat(this.path);
      if (!found.isDirectory()) throw new ControlError(`${this.path} is no folder: remove it`);
      if (isNew && (found.uid !== uid || found.gid !== gid)) await lchown(this.path, uid, gid);
      return { uid, gid, mode: 0o600 };
    } catch (error) {
      if (error instanceof ControlError) throw error;
      throw cannot('be made', this.path, error);
    }
  }
}

/** Auth0's ids are letters, digits and `_`; anything else could lead out of the folder. */
function fileNamePart(id: string): string {
  return id.replace(/[^A-Za-z0-9_]/g, '-');
}
