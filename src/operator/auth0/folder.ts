/**
 * What the commands remember between runs, in `state_dir/auth0` (of another caller: `auth0-NAME`):
 * 0700, and no secret in it but in what was saved.
 *
 * The service's user owns the state directory, and root runs these commands with the tenant's
 * credentials. So only what the same user wrote is believed, and every file is opened in the one
 * folder that was looked at, whatever its name leads to meanwhile.
 */

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { OperatorError } from '../../errors.js';
import { cannot, writePrivateFile } from '../../secret/private-file.js';

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

export const experiences = ['legacy', 'unified'] as const;

const setupSchema = v.object({
  version: v.literal(1),
  domain: v.string(),
  experience: v.picklist(experiences),
  /** In the legacy experience. */
  connection_id: v.optional(v.string()),
  connection_name: v.optional(v.string()),
  gateway_url: v.string(),
});
/** What was set up, so that the other commands need not be told again. */
export type SetupRecord = v.InferOutput<typeof setupSchema>;

const replacedSchema = v.object({
  version: v.literal(1),
  domain: v.string(),
  /** ISO 8601. */
  saved_at: v.string(),
  /**
   * Another's Action: its draft, and the version that ran. Auth0 tells nobody what the secrets are,
   * and keeps them with the version.
   */
  action: v.optional(
    v.object({
      id: v.string(),
      name: v.string(),
      code: v.string(),
      version: v.optional(v.object({ id: v.string(), code: v.string() })),
      secret_names: v.array(v.string()),
    }),
  ),
  /** The phone provider, without its credentials, which Auth0 tells nobody. */
  provider: v.optional(
    v.object({
      id: v.string(),
      name: v.string(),
      disabled: v.boolean(),
      configuration: v.looseObject({ delivery_methods: v.optional(v.array(v.string()), []) }),
    }),
  ),
});
/** What a set-up of the unified experience has replaced. An Action's code may hold secrets. */
export type SavedReplaced = v.InferOutput<typeof replacedSchema>;

const rotationSchema = v.object({
  version: v.literal(1),
  domain: v.string(),
  experience: v.picklist(experiences),
  connection_id: v.optional(v.string()),
  /** What else signs with the secret and gets the new one too: ids of connections, and `action`. */
  also: v.optional(v.array(v.string())),
  old_key_id: v.string(),
  new_key_id: v.string(),
  /** The last step that is done: see rotation.ts. */
  done: v.picklist(['begun', 'accepted', 'sent', 'verified']),
  /** ISO 8601. */
  begun_at: v.string(),
});
/** How far a rotation has come. No secret in it: those are in the secret files. */
export type RotationRecord = v.InferOutput<typeof rotationSchema>;

const retiredSchema = v.object({ version: v.literal(1), key_ids: v.array(v.string()) });

/**
 * Longest file that is read, in octets: options and an Action's code (100 kB at most, "Actions
 * Limitations") fit in.
 */
const maxFileOctets = 1 << 20;

/** Opens a folder and nothing else: a link in its place is not followed. */
const asFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Opens a file; neither follows a link nor waits for who writes into a pipe. */
const asFile = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The folder, made when something is first written to it. All methods reject with {@link
 * OperatorError}.
 */
export class Auth0Folder {
  readonly path: string;
  readonly #stateDir: string;
  readonly #uid: number;

  /**
   * Each caller has a folder of its own, so that what is done for one touches no other.
   * @param uid who runs the command
   * @param caller its configured name
   */
  constructor(stateDir: string, uid = process.getuid!(), caller = 'auth0') {
    this.#stateDir = stateDir;
    this.#uid = uid;
    this.path = join(stateDir, caller === 'auth0' ? 'auth0' : `auth0-${caller}`);
  }

  /** What was set up in one tenant, by its domain. */
  async readSetup(domain: string): Promise<SetupRecord | undefined> {
    return (await this.readSetups()).find((record) => record.domain === domain);
  }

  /** What was set up in each tenant, the first one first. */
  async readSetups(): Promise<SetupRecord[]> {
    const names = (await this.#names()).filter(
      (name) => name.startsWith('setup-') && name.endsWith('.json'),
    );
    const records = ['setup.json', ...names].map((name) => this.#read(name, setupSchema));
    return (await Promise.all(records)).filter((record) => record !== undefined);
  }

  /** The first tenant has `setup.json`; a further one has its domain in the name. */
  async writeSetup(record: SetupRecord): Promise<void> {
    const first = await this.#read('setup.json', setupSchema);
    const isFirst = first === undefined || first.domain === record.domain;
    await this.#write(
      isFirst ? 'setup.json' : `setup-${record.domain.replace(/[^a-z0-9.-]/gi, '-')}.json`,
      record,
    );
  }

  readRotation(): Promise<RotationRecord | undefined> {
    return this.#read('rotation.json', rotationSchema);
  }

  async writeRotation(record: RotationRecord): Promise<void> {
    await this.#write('rotation.json', record);
  }

  async removeRotation(): Promise<void> {
    await this.#within((at) => rm(at('rotation.json'), { force: true }));
  }

  /** The ids of the keys that rotations have ended. */
  async readRetired(): Promise<string[]> {
    return (await this.#read('retired.json', retiredSchema))?.key_ids ?? [];
  }

  async addRetired(id: string): Promise<void> {
    const ids = new Set([...(await this.readRetired()), id]);
    await this.#write('retired.json', { version: 1, key_ids: [...ids] });
  }

  /** Saves options under a name of their own; resolves with its path. `at` is the time in it. */
  saveOptions(saved: SavedOptions, at: Date): Promise<string> {
    return this.#write(`options-${fileNamePart(saved.connection_id)}-${stampOf(at)}.json`, saved);
  }

  /** The saved options of a connection, the newest first. */
  async savedOptions(connectionId: string): Promise<{ file: string; saved: SavedOptions }[]> {
    const found = await this.#readSaved(`options-${fileNamePart(connectionId)}-`, savedSchema);
    return found.filter(({ saved }) => saved.connection_id === connectionId);
  }

  /** Saves what a set-up of the unified experience is about to replace; as {@link saveOptions}. */
  saveReplaced(saved: SavedReplaced, at: Date): Promise<string> {
    return this.#write(`unified-${stampOf(at)}.json`, saved);
  }

  /** What was saved of a tenant's Action and phone provider, the newest first. */
  async savedReplaced(domain: string): Promise<{ file: string; saved: SavedReplaced }[]> {
    const found = await this.#readSaved('unified-', replacedSchema);
    return found.filter(({ saved }) => saved.domain === domain);
  }

  async #readSaved<Schema extends v.GenericSchema<unknown, { saved_at: string }>>(
    prefix: string,
    schema: Schema,
  ): Promise<{ file: string; saved: v.InferOutput<Schema> }[]> {
    const found: { file: string; saved: v.InferOutput<Schema> }[] = [];
    for (const name of await this.#names()) {
      if (!name.startsWith(prefix) || !name.endsWith('.json')) continue;
      const saved = await this.#read(name, schema);
      if (saved !== undefined) found.push({ file: join(this.path, name), saved });
    }
    return found.sort((a, b) => (a.saved.saved_at < b.saved.saved_at ? 1 : -1));
  }

  async #names(): Promise<string[]> {
    return (await this.#within((at) => readdir(at('')))) ?? [];
  }

  async #read<Schema extends v.GenericSchema>(
    name: string,
    schema: Schema,
  ): Promise<v.InferOutput<Schema> | undefined> {
    const text = await this.#within((at) => this.#readText(at(name), join(this.path, name)));
    if (text === undefined) return undefined;
    try {
      return v.parse(schema, JSON.parse(text));
    } catch (cause) {
      if (!(cause instanceof SyntaxError || cause instanceof v.ValiError)) throw cause;
      // Neither error is shown: both quote the file.
      throw new OperatorError(
        `${join(this.path, name)} is not what simgate wrote: move it away, and try again`,
      );
    }
  }

  async #readText(path: string, shown: string): Promise<string | undefined> {
    const file = await open(path, asFile).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error.code === 'ELOOP'
        ? new OperatorError(`${shown} is a link: remove it`)
        : cannot('be read', shown, error);
    });
    if (file === undefined) return undefined;
    try {
      await this.#demandOurs(file, shown);
      const found = await file.stat();
      if (found.isFile() && found.size <= maxFileOctets) return await file.readFile('utf8');
      throw new OperatorError(`${shown} is not what simgate wrote: move it away, and try again`);
    } finally {
      await file.close();
    }
  }

  async #write(name: string, record: object): Promise<string> {
    const file = join(this.path, name);
    try {
      await mkdir(this.#stateDir, { recursive: true, mode: 0o700 });
      await mkdir(this.path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw cannot('be made', this.path, error);
    }
    const text = `${JSON.stringify(record, undefined, 2)}\n`;
    const written = await this.#within(async (at, rights) => {
      await writePrivateFile(at(name), text, { ...rights, mode: 0o600 }, file);
      return file;
    });
    if (written === undefined)
      throw new OperatorError(`${this.path} was removed meanwhile: try again`);
    return written;
  }

  /**
   * Undefined when there is no folder. `at` gives the path of a file in it, good until `use` ends.
   */
  async #within<T>(
    use: (at: (name: string) => string, rights: { uid: number; gid: number }) => Promise<T>,
  ): Promise<T | undefined> {
    const folder = await open(this.path, asFolder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      // A link is ENOTDIR too: O_DIRECTORY is looked at first (open(2)).
      if (error.code === 'ENOTDIR' || error.code === 'ELOOP')
        throw new OperatorError(`${this.path} is no folder: remove it`);
      throw cannot('be read', this.path, error);
    });
    if (folder === undefined) return undefined;
    try {
      await this.#demandOurs(folder, this.path);
      const { uid, gid } = await folder.stat();
      // Node has no openat(2); this is the same (proc(5)).
      return await use((name) => `/proc/self/fd/${folder.fd}/${name}`, { uid, gid });
    } finally {
      await folder.close();
    }
  }

  /** Whoever else could write it could have named the tenant that is given the credentials. */
  async #demandOurs(file: FileHandle, shown: string): Promise<void> {
    const { uid, mode } = await file.stat();
    if (uid === this.#uid && (mode & 0o022) === 0) return;
    const whose =
      uid === this.#uid ? 'may be written by others' : `belongs to another user (uid ${uid})`;
    throw new OperatorError(
      `${shown} ${whose}, so what stands there is not believed: look at it, and move it away; or, if it is right, ` +
        `\`sudo chown -R ${this.#uid}: ${this.path} && sudo chmod -R go-w ${this.path}\``,
    );
  }
}

/** A moment in a file's name. */
function stampOf(at: Date): string {
  return at.toISOString().replace(/[-:.]/g, '');
}

/** Auth0's ids are letters, digits and `_`; anything else could lead out of the folder. */
function fileNamePart(id: string): string {
  return id.replace(/[^A-Za-z0-9_]/g, '-');
}
