import { writeSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { DebtsNote } from './debts.js';

/** What must outlive the process. */
export interface InFlightState {
  /** The Ctrl-Z that are out without their results, and what is known of the references. */
  debts: DebtsNote;
  /** True once the modem obeyed ATE0: if it echoes at the next start, it has restarted since. */
  echoIsOff: boolean;
}

/**
 * What the process before left behind; `ageMs` is unknown (undefined) across a reboot of the box.
 */
export interface LeftInFlightState extends InFlightState {
  ageMs: number | undefined;
}

interface Entry {
  boot: string;
  at_ns: string;
  open: number;
  open_for_ms: number;
  last_reference: number | null;
  submits_since: number;
  sequential: boolean | null;
  suspicious: boolean;
  echo_is_off: boolean;
}

/** Fixed size, so that each write replaces the one before as a whole. */
const entryOctets = 320;

/**
 * A write into the page cache takes some microseconds, a tenth of what it costs to have another
 * thread do it; but one whose disk is behind with writing, or with its own journal, holds up who
 * writes (SD cards: 200 ms and more). After a write of so many milliseconds a thread has to write,
 * for so long.
 */
const slowMs = 10;
const besideForMs = 60_000;

/**
 * One small file per modem. It is written without fsync: it must survive a killed daemon, for then
 * the modem goes on sending, not a power cut, for then the modem lost its power too.
 */
export class InFlightRecord {
  readonly #file: FileHandle;
  readonly #boot: string;
  readonly #onFault: (error: unknown) => void;
  readonly #octets = Buffer.alloc(entryOctets);
  /** `performance.now()` milliseconds until which the disk counts as slow. */
  #isSlowUntil = Number.NEGATIVE_INFINITY;
  #isWritingBeside = false;
  #next: InFlightState | undefined;
  #idle: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, boot: string, onFault: (error: unknown) => void) {
    this.#file = file;
    this.#boot = boot;
    this.#onFault = onFault;
  }

  /** Opens or makes the file, and tells what it held. Rejects when `path` cannot be written. */
  static async open(
    path: string,
    onFault: (error: unknown) => void,
  ): Promise<[InFlightRecord, LeftInFlightState | undefined]> {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const file = await open(path, 'a+', 0o600).then(async (handle) => {
      await handle.close(); // 'a+' only makes it; positioned writes need 'r+'
      return open(path, 'r+');
    });
    return [new InFlightRecord(file, boot, onFault), readLeft(await file.readFile('utf8'), boot)];
  }

  /**
   * Notes the newest state, at once unless the disk is slow; an older one that is not written yet
   * is skipped.
   */
  note(state: InFlightState): void {
    this.#next = state;
    if (this.#isWritingBeside) return;
    if (performance.now() < this.#isSlowUntil) this.#idle = this.#writeBeside();
    else this.#writeAtOnce();
  }

  async close(): Promise<void> {
    await this.#idle;
    await this.#file.close();
  }

  #writeAtOnce(): void {
    const octets = this.#takeNext();
    if (octets === undefined) return;
    const begunAt = performance.now();
    try {
      writeSync(this.#file.fd, octets, 0, entryOctets, 0);
    } catch (error) {
      this.#onFault(error);
    }
    if (performance.now() - begunAt > slowMs) this.#isSlowUntil = begunAt + besideForMs;
  }

  async #writeBeside(): Promise<void> {
    this.#isWritingBeside = true;
    try {
      for (let octets = this.#takeNext(); octets !== undefined; octets = this.#takeNext())
        await this.#file.write(octets, 0, entryOctets, 0);
    } catch (error) {
      this.#onFault(error);
    } finally {
      this.#isWritingBeside = false;
    }
  }

  /** What is to be written, in the one buffer that there is: no other write may be under way. */
  #takeNext(): Buffer | undefined {
    if (this.#next === undefined) return undefined;
    this.#octets.write(this.#entryOf(this.#next));
    this.#next = undefined;
    return this.#octets;
  }

  #entryOf({ debts, echoIsOff }: InFlightState): string {
    const entry: Entry = {
      boot: this.#boot,
      at_ns: process.hrtime.bigint().toString(),
      open: debts.open,
      open_for_ms: Math.ceil(debts.remainingMs),
      last_reference: debts.base ?? null,
      submits_since: debts.since,
      sequential: debts.areSequential ?? null,
      suspicious: debts.isSuspicious,
      echo_is_off: echoIsOff,
    };
    return JSON.stringify(entry).padEnd(entryOctets - 1) + '\n';
  }
}

/** A file that is empty, torn or not ours counts as nothing left. */
function readLeft(text: string, boot: string): LeftInFlightState | undefined {
  let entry: Partial<Entry> | null;
  try {
    entry = JSON.parse(text) as Partial<Entry> | null;
  } catch {
    return undefined; // nothing was in flight before the first complete write
  }
  if (!entry || !isCount(entry.open) || !isCount(entry.open_for_ms)) return undefined;
  if (!/^\d{1,20}$/.test(entry.at_ns ?? '')) return undefined;
  const ageMs = Number((process.hrtime.bigint() - BigInt(entry.at_ns ?? 0)) / 1_000_000n);
  return {
    debts: {
      open: entry.open,
      remainingMs: entry.open_for_ms,
      base: entry.last_reference ?? undefined,
      since: entry.submits_since ?? 0,
      areSequential: entry.sequential ?? undefined,
      isSuspicious: entry.suspicious === true,
    },
    echoIsOff: entry.echo_is_off === true,
    ageMs: entry.boot === boot ? ageMs : undefined,
  };
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
