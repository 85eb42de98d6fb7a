import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeStateFile } from '../secret/private-file.js';
import type { ModemIdentity } from './modem.js';

/**
 * Milliseconds between prompt and payload, one after the other, as long as the modem goes on
 * holding its results back.
 */
const pauses = [0, 200, 500, 1_000] as const;
/**
 * Milliseconds after Ctrl-Z at which a modem that no pause helps is asked for its result; ordinary
 * ones have taken up to 14.4 s.
 */
const nudgeMs = 15_000;
/** So many times in a row no OK came behind `+CMGS`: this modem says none. */
const missesBeforeHabit = 2;
/** Milliseconds that one which says none is waited for all the same: an error may come. */
const shortOkMs = 500;
/** Entries that are kept of each kind, the newest. */
const mostEntries = 64;

/** What was learnt of one modem and the SIM in it, and may be learnt further. */
export interface Habits {
  /** The SMSC refused a validity period (TP-FCS 198, 199): it gets none any more. */
  readonly refusesValidity: boolean;
  /**
   * Milliseconds between prompt and payload: written at once, it makes some modems hold `+CMGS`
   * back until the next command.
   */
  readonly pauseMs: number;
  /**
   * Milliseconds after Ctrl-Z at which a bare `AT` has to set the result free; undefined where it
   * needs none.
   */
  readonly nudgeAfterMs: number | undefined;
  /**
   * Milliseconds to wait for the `OK` behind `+CMGS`, where this modem was found to say none;
   * undefined: as usual.
   */
  readonly okGraceMs: number | undefined;
  noteValidityRefused(): void;
  /**
   * `+CMGS` came, and its OK came behind it, or did not in its time; whatever else came instead
   * counts as if it had. @returns as {@link noteFreed}
   */
  noteOk(came: boolean): string | undefined;
  /**
   * A held result was set free by a bare `AT`. @returns what is done about it from now on, for
   * people; undefined when nothing new
   */
  noteFreed(): string | undefined;
}

interface Entries {
  /** By modem: how often a result was set free, as far as it counts. */
  held_results: Record<string, number>;
  /** By modem: how often in a row no OK came behind `+CMGS`. */
  ok_missing: Record<string, number>;
  /** SIMs in modems. */
  validity_refused: string[];
}

/**
 * What simgate has learnt of modems and their SIMs by sending, across restarts: the file
 * `habits.json`. A modem is known by its entry's name, its maker and its model, a SIM by its ICCID;
 * both stand there as hashes.
 */
export class HabitMemory {
  readonly #file: string | undefined;
  readonly #onFault: (error: unknown) => void;
  #entries: Entries;
  /** Writes take turns. */
  #saved: Promise<void> = Promise.resolve();

  private constructor(
    file: string | undefined,
    entries: Entries,
    onFault: (error: unknown) => void,
  ) {
    this.#file = file;
    this.#entries = entries;
    this.#onFault = onFault;
  }

  /**
   * Reads `habits.json` in `folder`. What cannot be read is told to `onFault` and learnt anew,
   * which costs a message or two.
   */
  static async open(folder: string, onFault: (error: unknown) => void): Promise<HabitMemory> {
    const file = join(folder, 'habits.json');
    let entries = nothing;
    try {
      entries = readEntries(JSON.parse(await readFile(file, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onFault(error);
    }
    return new HabitMemory(file, entries, onFault);
  }

  /** One that learns, and forgets with the process. */
  static forgetful(): HabitMemory {
    return new HabitMemory(undefined, nothing, () => undefined);
  }

  /** @param iccid undefined when it cannot be read: all such SIMs are then one */
  of(name: string, { manufacturer, model }: ModemIdentity, iccid: string | undefined): Habits {
    const modem = hashed([name, manufacturer, model]);
    const sim = hashed([name, manufacturer, model, iccid]);
    const held = () => this.#entries.held_results[modem] ?? 0;
    const missed = () => this.#entries.ok_missing[modem] ?? 0;
    const needsNudge = () => held() >= pauses.length;
    const refusesValidity = () => this.#entries.validity_refused.includes(sim);
    return {
      get refusesValidity() {
        return refusesValidity();
      },
      get pauseMs() {
        return pauses[Math.min(held(), pauses.length - 1)] ?? 0;
      },
      get nudgeAfterMs() {
        return needsNudge() ? nudgeMs : undefined;
      },
      get okGraceMs() {
        return missed() >= missesBeforeHabit ? shortOkMs : undefined;
      },
      noteOk: (came) => {
        const count = missed();
        if (came ? count === 0 : count >= missesBeforeHabit) return undefined;
        const { [modem]: _, ...others } = this.#entries.ok_missing;
        const entry = came ? {} : { [modem]: count + 1 };
        this.#change({ ok_missing: { ...newest(others), ...entry } });
        return missed() >= missesBeforeHabit
          ? `the OK is waited for ${shortOkMs / 1000} s from now on`
          : undefined;
      },
      noteValidityRefused: () => {
        const { validity_refused: known } = this.#entries;
        if (!known.includes(sim))
          this.#change({ validity_refused: [...known, sim].slice(-mostEntries) });
      },
      noteFreed: () => {
        if (needsNudge()) return undefined;
        const { [modem]: _, ...others } = this.#entries.held_results;
        this.#change({ held_results: { ...newest(others), [modem]: held() + 1 } });
        return needsNudge()
          ? `it is asked for its results after ${nudgeMs / 1000} s from now on`
          : `it gets a pause of ${pauses[held()]} ms at the prompt from now on`;
      },
    };
  }

  /** Resolves when all that was learnt is written, or could not be. */
  async close(): Promise<void> {
    await this.#saved;
  }

  #change(change: Partial<Entries>): void {
    this.#entries = { ...this.#entries, ...change };
    const file = this.#file;
    if (file === undefined) return;
    const text = `${JSON.stringify(this.#entries, undefined, 2)}\n`;
    this.#saved = this.#saved.then(() => writeStateFile(file, text)).catch(this.#onFault);
  }
}

const nothing: Entries = { held_results: {}, ok_missing: {}, validity_refused: [] };

/** What is kept beside one more. */
const newest = (entries: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(entries).slice(1 - mostEntries));

/** Throws when `value` is not what {@link HabitMemory} writes. */
function readEntries(value: unknown): Entries {
  // One of an earlier version has no `ok_missing`.
  const {
    held_results: held,
    ok_missing: missing = {},
    validity_refused: refused,
  } = (value ?? {}) as Partial<Entries>;
  const isRefused = Array.isArray(refused) && refused.every((sim) => typeof sim === 'string');
  if (!isCounts(held) || !isCounts(missing) || !isRefused)
    throw new Error('not what was written there');
  return { held_results: held, ok_missing: missing, validity_refused: refused };
}

const isCounts = (counts: unknown): counts is Record<string, number> =>
  typeof counts === 'object' &&
  counts !== null &&
  Object.values(counts).every((times) => Number.isSafeInteger(times));

const hashed = (parts: readonly (string | undefined)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
