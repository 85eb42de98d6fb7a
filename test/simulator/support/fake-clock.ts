import type { Cancel, Clock } from '../../../src/simulator/timers.js';

const nsPerMs = 1_000_000;

/** Time that moves only when a test says so. */
export class FakeClock implements Clock {
  #nowNs = 0n;
  #order = 0;
  readonly #timers = new Map<number, { dueNs: bigint; run: () => void }>();

  nowNs(): bigint {
    return this.#nowNs;
  }

  after(delayMs: number, run: () => void): Cancel {
    if (delayMs <= 0) {
      run();
      return () => {};
    }
    const key = this.#order++;
    this.#timers.set(key, { dueNs: this.#nowNs + BigInt(Math.round(delayMs * nsPerMs)), run });
    return () => void this.#timers.delete(key);
  }

  /** Runs what falls due within the next `ms`, in order. */
  advance(ms: number): void {
    const endNs = this.#nowNs + BigInt(Math.round(ms * nsPerMs));
    for (;;) {
      const [next] = [...this.#timers]
        .filter(([, { dueNs }]) => dueNs <= endNs)
        .sort(([a, x], [b, y]) => Number(x.dueNs - y.dueNs) || a - b);
      if (next === undefined) break;
      const [key, { dueNs, run }] = next;
      this.#timers.delete(key);
      this.#nowNs = dueNs;
      run();
    }
    this.#nowNs = endNs;
  }
}
