/**
 * SMS on the disk, from before the SIM's copy is deleted until the receiver has them: the one place
 * where simgate keeps a text, where the operator asked for it.
 */

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import * as v from 'valibot';
import { syncFolder, writeStateFile } from '../secret/private-file.js';
import type { InboundSms } from './long-texts.js';

/**
 * `new`: the SIM may still have it, and it may be read again · `msg`: the SIM has it no more ·
 * `done`: the receiver has it and the SIM may have it, so that a copy that is read again is known;
 * no text is left in it.
 */
type Suffix = 'new' | 'msg' | 'done';

const optionalText = v.optional(v.string());
const fileSchema = v.object({
  id: v.string(),
  modem: v.string(),
  from: v.string(),
  text: optionalText,
  sentAt: optionalText,
  receivedAtMs: v.number(),
  part: v.optional(v.object({ reference: v.number(), total: v.number(), index: v.number() })),
});

/** A spool, and what an earlier run left in it. */
export interface OpenedSpool {
  readonly spool: Spool;
  /** The oldest first. */
  readonly left: InboundSms[];
  readonly unreadable: string[];
  fault?: Error;
}

/** Ids that the receiver has while the SIM may have them still: more than any SIM holds. */
const mostDone = 512;

export class Spool {
  readonly #folder: string;
  /** One change after another: an SMS may be taken the very moment that its SIM loses it. */
  readonly #changes = new PQueue({ concurrency: 1 });
  /** By id: what is there, and as which file. */
  readonly #known = new Map<string, Suffix>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Takes up what an earlier run left; `unreadable` are files that hold no SMS, which stay as they
   * are. A folder that the system does not give, or does not let change, is a `fault`: codes go out
   * all the same.
   */
  static async open(folder: string): Promise<OpenedSpool> {
    const opened: OpenedSpool = { spool: new Spool(folder), left: [], unreadable: [] };
    try {
      for (const name of await namesIn(folder)) await opened.spool.#takeUp(name, opened);
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      opened.fault = error;
    }
    opened.left.sort((a, b) => a.receivedAtMs - b.receivedAtMs);
    return opened;
  }

  async #takeUp(name: string, { left, unreadable }: OpenedSpool): Promise<void> {
    const path = join(this.#folder, name);
    const [, id, suffix] = /^([0-9a-f]{32})\.(new|msg|done)$/.exec(name) ?? [];
    if (name.endsWith('.new.new')) await rm(path, { force: true });
    if (id === undefined) return;
    const sms = suffix === 'done' ? undefined : await readSms(path);
    if (sms === undefined && suffix !== 'done') unreadable.push(name);
    // Killed as its text was to go: the receiver has it.
    else if (this.#known.get(id) === 'done') await rm(path, { force: true });
    else {
      this.#known.set(id, suffix as Suffix);
      if (sms !== undefined) left.push(sms);
    }
  }

  /** How many SMS have a text here. */
  get size(): number {
    return [...this.#known.values()].filter((suffix) => suffix !== 'done').length;
  }

  /** Whether its text is here. */
  holds(id: string): boolean {
    const suffix = this.#known.get(id);
    return suffix === 'new' || suffix === 'msg';
  }

  /** Whether this very SMS was taken before, and may be read again from its SIM. */
  mayBeReadAgain(id: string): boolean {
    const suffix = this.#known.get(id);
    return suffix === 'new' || suffix === 'done';
  }

  /** Whether it waits here, and no SIM has it any more. */
  isOffSim(id: string): boolean {
    return this.#known.get(id) === 'msg';
  }

  /** Resolves when it is on the disk, and outlives a power cut. Rejects as the system does. */
  add(sms: InboundSms): Promise<void> {
    return this.#changes.add(() => this.#add(sms));
  }

  /** Its SIM has it no more. */
  cleared(id: string): Promise<void> {
    return this.#changes.add(() => this.#clear(id));
  }

  /** The receiver has it, or it was given up: its text goes. */
  remove(id: string): Promise<void> {
    return this.#changes.add(() => this.#remove(id));
  }

  async #add(sms: InboundSms): Promise<void> {
    const made = await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncFolder(this.#folder);
    await writeStateFile(this.#path(sms.id, 'new'), JSON.stringify(sms));
    this.#known.set(sms.id, 'new');
  }

  async #clear(id: string): Promise<void> {
    const suffix = this.#known.get(id);
    if (suffix === 'new') await this.#move(id, 'new', 'msg');
    if (suffix !== 'done') return;
    this.#known.delete(id);
    await rm(this.#path(id, 'done'), { force: true });
  }

  async #remove(id: string): Promise<void> {
    const suffix = this.#known.get(id);
    if (suffix === undefined || suffix === 'done') return;
    if (suffix === 'new') {
      await writeFile(this.#path(id, 'done'), '', { mode: 0o600 });
      this.#known.set(id, 'done');
    } else this.#known.delete(id);
    await rm(this.#path(id, suffix), { force: true });
    const done = [...this.#known].flatMap(([one, is]) => (is === 'done' ? [one] : []));
    for (const old of done.slice(0, Math.max(0, done.length - mostDone))) await this.#clear(old);
  }

  async #move(id: string, from: Suffix, to: Suffix): Promise<void> {
    this.#known.set(id, to);
    await rename(this.#path(id, from), this.#path(id, to));
  }

  #path(id: string, suffix: Suffix): string {
    return join(this.#folder, `${id}.${suffix}`);
  }
}

/** It is made with the first SMS. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Undefined when the file holds none, or the system does not give it: somebody else's, or on a
 * broken disk. One such is no reason not to start: codes go out all the same.
 */
async function readSms(path: string): Promise<InboundSms | undefined> {
  try {
    const parsed = v.safeParse(fileSchema, JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? (parsed.output as InboundSms) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).syscall !== undefined)
      return undefined;
    throw error;
  }
}
