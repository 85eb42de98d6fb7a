/** What of the alerts outlives a restart: the file `alerts.json` in the state directory. */

import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { alertKinds } from '../config/alert-settings.js';
import { writeStateFile } from '../secret/private-file.js';
import type { SavedAlert } from './book.js';
import type { SavedWay } from './courier.js';

const observation = {
  kind: v.picklist(alertKinds),
  subject: v.string(),
  what: v.string(),
  remedy: v.string(),
};

const alertSchema = v.object({
  ...observation,
  raisedAtMs: v.optional(v.number()),
  overAtMs: v.optional(v.number()),
  isTold: v.boolean(),
  raises: v.array(v.number()),
});

const noticeSchema = v.object({
  ...observation,
  kind: v.optional(observation.kind),
  id: v.string(),
  state: v.picklist(['raised', 'cleared', 'test']),
  severity: v.picklist(['severe', 'mild']),
  title: v.string(),
  atMs: v.number(),
  raisedAtMs: v.number(),
});

/** Those that this version understands: another one may have known more kinds. */
const understood = <T extends v.GenericSchema>(one: T) =>
  v.pipe(
    v.array(v.unknown()),
    v.transform((all): v.InferOutput<T>[] =>
      all.flatMap((each) => {
        const { success, output } = v.safeParse(one, each);
        return success ? [output] : [];
      }),
    ),
  );

const fileSchema = v.object({
  version: v.literal(1),
  alerts: understood(alertSchema),
  ways: v.array(
    v.object({
      name: v.string(),
      queue: understood(noticeSchema),
      deliveredAtMs: v.optional(v.number()),
    }),
  ),
  // The version that ran last, and when another one began.
  release: v.optional(v.object({ version: v.string(), sinceMs: v.number(), hasSent: v.boolean() })),
});

/** The version that runs, since when, and whether the network has taken anything of it. */
export interface Release {
  version: string;
  sinceMs: number;
  hasSent: boolean;
}

export interface SavedAlerts {
  alerts: SavedAlert[];
  ways: SavedWay[];
  release: Release | undefined;
}

const nothing: SavedAlerts = { alerts: [], ways: [], release: undefined };

/** What cannot be read is told to `onFault`, and forgotten. */
export async function readAlertFile(
  file: string,
  onFault: (error: unknown) => void,
): Promise<SavedAlerts> {
  try {
    const read = v.parse(fileSchema, JSON.parse(await readFile(file, 'utf8')));
    return { alerts: read.alerts, ways: read.ways, release: read.release };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onFault(error);
    return nothing;
  }
}

/** Writes the file, one write after the other; of several that wait only the last is done. */
export class AlertFile {
  readonly #file: string;
  readonly #state: () => SavedAlerts;
  readonly #onFault: (error: unknown) => void;
  #writing: Promise<void> | undefined;
  #isDue = false;
  #lastFault = '';

  constructor(file: string, state: () => SavedAlerts, onFault: (error: unknown) => void) {
    this.#file = file;
    this.#state = state;
    this.#onFault = onFault;
  }

  /** Something has changed. */
  save(): void {
    this.#isDue = true;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when all that was to be written is. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false;
      try {
        const text = `${JSON.stringify({ version: 1, ...this.#state() })}\n`;
        await writeStateFile(this.#file, text);
        this.#lastFault = '';
      } catch (error) {
        // A full disk is told once, not at every alert.
        const { code = 'unknown' } = error as NodeJS.ErrnoException;
        if (code !== this.#lastFault) this.#onFault(error);
        this.#lastFault = code;
      }
    }
  }
}
