/**
 * What of some files would be on the disk had the power been cut at any moment of a traced run
 * (`strace -f -y -xx`).
 */

import type { SystemCall } from './pin-strace-calls.js';

/** The smallest piece that a disk writes as a whole. */
const sectorOctets = 512;

/**
 * How much of what was not flushed a cut leaves: nothing, all of it, or each sector by chance and
 * in no order.
 */
export type Unflushed = 'lost' | 'kept' | 'torn';

/** A write, or what cuts or lengthens a file. */
interface Step {
  call: SystemCall;
  file: string;
  write?: { at: number; octets: Buffer };
  length?: number;
}

/** The descriptor's path, which strace shows in hex too. */
export function pathOf({ args }: SystemCall): string | undefined {
  const shown = /^\d+<([^>]*)>/.exec(args)?.[1];
  return shown === undefined ? undefined : octetsOf(shown).toString();
}

/** The octets that were written by a `write` or `pwrite64`. */
export function writtenBy({ args }: SystemCall): Buffer {
  return octetsOf(/"([^"]*)"/.exec(args)?.[1] ?? '');
}

const octetsOf = (shown: string): Buffer => Buffer.from(shown.replaceAll('\\x', ''), 'hex');

export const isFlush = ({ name }: SystemCall): boolean => name === 'fsync' || name === 'fdatasync';

export class TracedDisk {
  readonly #steps: Step[];
  readonly #flushes: { call: SystemCall; file: string }[];

  /** @param files their paths; all else is left out */
  constructor(calls: readonly SystemCall[], files: readonly string[]) {
    const of = (call: SystemCall) => {
      const file = pathOf(call);
      return file !== undefined && files.includes(file) && Number(call.result) >= 0
        ? file
        : undefined;
    };
    this.#steps = calls.flatMap((call) => {
      const file = of(call);
      return file === undefined ? [] : stepsOf(call, file);
    });
    this.#flushes = calls.flatMap((call) => {
      const file = isFlush(call) ? of(call) : undefined;
      return file === undefined ? [] : [{ call, file }];
    });
  }

  /** Places in the trace at which something begins or is done: the moments that differ. */
  moments(): number[] {
    const calls = [...this.#steps, ...this.#flushes].map(({ call }) => call);
    return [...new Set(calls.flatMap(({ beganAt, endedAt }) => [beganAt, endedAt]))].sort(
      (a, b) => a - b,
    );
  }

  /**
   * The content of a file after a cut behind line `at` of the trace; undefined when it was never
   * written.
   */
  after(at: number, file: string, unflushed: Unflushed, random: () => number): Buffer | undefined {
    const steps = this.#steps.filter((step) => step.file === file && step.call.beganAt <= at);
    const flushed = this.#flushes.filter(
      (flush) => flush.file === file && flush.call.endedAt <= at,
    );
    const safeUntil = Math.max(-1, ...flushed.map(({ call }) => call.beganAt));
    if (steps.length === 0) return undefined;
    const ends = steps.map(({ write, length = 0 }) =>
      write ? write.at + write.octets.length : length,
    );
    const content = new Content(Math.max(...ends));
    for (const step of steps) {
      // What had been written when a flush began is on the disk once that is done.
      if (step.call.endedAt < safeUntil || unflushed === 'kept') content.apply(step, () => true);
      else if (unflushed === 'torn') content.apply(step, () => random() < 0.5);
    }
    return content.octets();
  }
}

function stepsOf(call: SystemCall, file: string): Step[] {
  const last = Number(/, (\d+)$/.exec(call.args)?.[1]);
  if (call.name === 'pwrite64')
    return [{ call, file, write: { at: last, octets: writtenBy(call) } }];
  if (call.name === 'ftruncate') return [{ call, file, length: last }];
  return [];
}

/** A file that steps are taken on. */
class Content {
  readonly #octets: Buffer;
  #length = 0;

  constructor(mostOctets: number) {
    this.#octets = Buffer.alloc(mostOctets);
  }

  /** @param isLeft of each sector that is written, whether it reached the disk */
  apply({ write, length }: Step, isLeft: () => boolean): void {
    if (length !== undefined && isLeft()) {
      this.#octets.fill(0, length, Math.max(length, this.#length));
      this.#length = length;
    }
    if (write === undefined) return;
    for (let from = 0; from < write.octets.length; from += sectorOctets) {
      const to = Math.min(from + sectorOctets, write.octets.length);
      if (!isLeft()) continue;
      write.octets.copy(this.#octets, write.at + from, from, to);
      this.#length = Math.max(this.#length, write.at + to);
    }
  }

  octets(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }
}
