/** A timer that is set: what runs, and when. */
interface Timer {
  at: number;
  /** Of two at the same time the one that was set first runs first. */
  seq: number;
  run: () => void;
}

/** How the process tells time, while it is the simulated one. */
interface Clocks {
  setTimeout: typeof globalThis.setTimeout;
  clearTimeout: typeof globalThis.clearTimeout;
  /** Of `performance` itself; undefined where it has that of its class. */
  now: PropertyDescriptor | undefined;
}

/**
 * Time that passes as fast as it can be computed: while it runs, `performance.now`, `setTimeout`
 * and `clearTimeout` of this process are its own, so that what uses them, as the queue does, runs
 * unchanged. Only one may run at a time.
 */
export class SimulatedTime {
  #now = 0;
  #seq = 0;
  /** A binary heap: no timer is before its parent. */
  readonly #heap: Timer[] = [];
  readonly #cancelled = new Set<Timer>();

  /** Milliseconds since it began. */
  get now(): number {
    return this.#now;
  }

  /** Runs `work` and all that it has set going; resolves when nothing is to come any more. */
  async run(work: () => void): Promise<void> {
    const real = this.#replace();
    try {
      work();
      await settled();
      for (let timer = this.#pop(); timer !== undefined; timer = this.#pop()) {
        if (this.#cancelled.delete(timer)) continue;
        this.#now = timer.at;
        timer.run();
        await settled();
      }
    } finally {
      globalThis.setTimeout = real.setTimeout;
      globalThis.clearTimeout = real.clearTimeout;
      if (real.now) Object.defineProperty(performance, 'now', real.now);
      else Reflect.deleteProperty(performance, 'now');
    }
  }

  /** Runs `run` after so many milliseconds. */
  after(ms: number, run: () => void): Timer {
    // As Node does it: a timer is never due at once.
    this.#seq += 1;
    const timer = { at: this.#now + Math.max(1, ms), seq: this.#seq, run };
    this.#push(timer);
    return timer;
  }

  #replace(): Clocks {
    const { setTimeout, clearTimeout } = globalThis;
    const now = Object.getOwnPropertyDescriptor(performance, 'now');
    globalThis.setTimeout = ((run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.after(ms, () => run(...args))) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((timer?: Timer) => {
      if (timer !== undefined && timer.at >= this.#now) this.#cancelled.add(timer);
    }) as unknown as typeof clearTimeout;
    const simulated = { value: () => this.#now, configurable: true, writable: true };
    Object.defineProperty(performance, 'now', simulated);
    return { setTimeout, clearTimeout, now };
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq);

/** All that follows from what has just run, by way of promises, has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
