import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { OperatorError } from '../errors.js';
import { writeStateFile } from '../secret/private-file.js';

/**
 * What became of the last try with this SIM and this PIN file. `unknown`: it was begun, and nothing
 * more is known; `untried`: the SIM surely never saw it; `uncounted`: an error came, and all tries
 * were said to be left.
 */
export type PinOutcome = (typeof outcomes)[number];
const outcomes = ['unknown', 'refused', 'accepted', 'untried', 'uncounted'] as const;

/**
 * By what a SIM is remembered: its ICCID, and the IMEI of its modem for when the SIM hides the
 * ICCID, which it may do at one time and not at another. An outcome is noted under all of `noted`,
 * and looked up under all of `known`.
 */
export interface SimNames {
  known: readonly string[];
  noted: readonly string[];
}

/** Undefined when neither can be read: a try could not be remembered. */
export function simNames(
  iccid: string | undefined,
  imei: string | undefined,
): SimNames | undefined {
  if (iccid !== undefined) {
    // What was tried while the ICCID was hidden may have been this SIM.
    return {
      known: [iccid, ...(imei === undefined ? [] : [`hidden in ${imei}`])],
      noted: [iccid, ...(imei === undefined ? [] : [`in ${imei}`])],
    };
  }
  if (imei === undefined) return undefined;
  return { known: [`in ${imei}`, `hidden in ${imei}`], noted: [`in ${imei}`, `hidden in ${imei}`] };
}

const entriesSchema = v.record(
  v.string(),
  v.object({ generation: v.string(), outcome: v.picklist(outcomes) }),
);
type Entries = v.InferOutput<typeof entriesSchema>;

/** In the state directory. */
export const pinsFile = 'pins.json';

/**
 * What must never be forgotten about PINs (I7): a PIN that was refused, or whose outcome is
 * unknown, is not tried again for that SIM until the operator writes the PIN file anew. One file
 * for all modems; SIMs stand in it as hashes, PINs not at all.
 *
 * Where the file is damaged, {@link last} and {@link note} throw an {@link OperatorError}, for
 * guessing could block a SIM: no PIN is entered, and SIMs that ask for none are served (I8). The
 * file is read again each time, so that nothing needs a restart once it is away.
 */
export class PinMemory {
  readonly #file: string;
  /** Undefined while the file is damaged. */
  #entries: Entries | undefined;
  /** Writes take turns. */
  #saved: Promise<void> = Promise.resolve();

  /**
   * Reads `pins.json` in `folder`.
   * @param onDamaged told when it is there but unreadable, or not what is written here
   */
  constructor(folder: string, onDamaged: (error: OperatorError) => void) {
    this.#file = join(folder, pinsFile);
    try {
      this.#known();
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      onDamaged(error);
    }
  }

  /** As the constructor, for whom a damaged file is the end: rejects with what it says. */
  static async open(folder: string): Promise<PinMemory> {
    return new PinMemory(folder, (error) => {
      throw error;
    });
  }

  /**
   * What became of the last try; undefined when this PIN file was never tried with this SIM. Of
   * several names of a SIM the worst counts.
   */
  last({ known }: SimNames, generation: string): PinOutcome | undefined {
    const entries = this.#known();
    const found = known
      .map((name) => entries[hashed(name)])
      .flatMap((entry) => (entry?.generation === generation ? [entry.outcome] : []));
    return found.find((outcome) => outcome === 'unknown' || outcome === 'refused') ?? found[0];
  }

  /** Resolves when it is on the disk, not before: a power cut during the try must not erase it. */
  async note({ noted }: SimNames, generation: string, outcome: PinOutcome): Promise<void> {
    const entries = { ...this.#known() };
    for (const name of noted) entries[hashed(name)] = { generation, outcome };
    this.#entries = entries;
    const saved = this.#saved.then(() => writeStateFile(this.#file, asText(this.#known())));
    // The next write only waits for it; its own caller has the error.
    this.#saved = saved.catch(() => undefined);
    return saved;
  }

  /** @throws OperatorError with the way out */
  #known(): Entries {
    this.#entries ??= read(this.#file);
    return this.#entries;
  }
}

function read(file: string): Entries {
  try {
    return v.parse(entriesSchema, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new OperatorError(
      `${file}, which keeps what became of PINs, is damaged, so no PIN is entered: make sure that each PIN in a pin_file is right, then delete it`,
      { cause: error },
    );
  }
}

const asText = (entries: Entries): string => `${JSON.stringify(entries, undefined, 2)}\n`;

const hashed = (sim: string): string => createHash('sha256').update(sim).digest('hex').slice(0, 32);
