/** How far a service centre's clock is from ours, learnt from reports that can mean one message. */

/** Reports that must agree. */
const witnesses = 3;
/** Milliseconds within which they do. */
const agreementMs = 30_000;
/** SIMs that are remembered. */
const mostSims = 64;

interface Known {
  aheadMs: number;
  /** Of the last reports that did not fit: the segment, and by how much. */
  seen: { of: object; offMs: number }[];
}

/**
 * A service centre that stamps its local time as UTC, or a box whose clock is off, would have no
 * report fit. Three in a row on three segments that are off by the same are believed.
 */
export class NetworkTime {
  readonly #bySim = new Map<string, Known>();

  /** By how many milliseconds the service centre of this SIM is ahead. */
  aheadMs(sim: string): number {
    return this.#bySim.get(sim)?.aheadMs ?? 0;
  }

  /** A report on `of` was off by so much still. True when that is now believed. */
  noteOff(sim: string, of: object, offMs: number): boolean {
    const known = this.#known(sim);
    known.seen = [...known.seen.filter((one) => one.of !== of), { of, offMs }].slice(-witnesses);
    const offs = known.seen.map((one) => one.offMs).sort((a, b) => a - b);
    const spread = offs.at(-1)! - offs[0]!;
    if (offs.length < witnesses || spread > agreementMs) return false;
    known.aheadMs += offs[Math.floor(witnesses / 2)]!;
    known.seen = [];
    return true;
  }

  /** A report fitted. */
  noteRight(sim: string): void {
    const known = this.#bySim.get(sim);
    if (known !== undefined) known.seen = [];
  }

  #known(sim: string): Known {
    const known = this.#bySim.get(sim) ?? { aheadMs: 0, seen: [] };
    this.#bySim.delete(sim);
    this.#bySim.set(sim, known);
    if (this.#bySim.size > mostSims) this.#bySim.delete(this.#bySim.keys().next().value!);
    return known;
  }
}
