import { isReady } from './caller.js';
import { type Gateway, residentKiB } from './gateway.js';

/** A time without a ready modem. */
export interface Outage {
  ms: number;
  /** What was done last before it. */
  after: string;
}

/** How often the daemon is looked at. */
const lookEveryMs = 100;

/** Looks at the daemon from outside: whether it is ready, and how much memory it holds. */
export class Watch {
  readonly outages: Outage[] = [];
  /** The most that one daemon grew beyond what it held when it was first ready, in KiB. */
  worstGrowthKiB = 0;
  worstResidentKiB = 0;
  /** For the report: what happened last. */
  lastEvent = 'the start';
  readonly #gateway: Gateway;
  readonly #idleKiB = new Map<number, number>();
  #lostAt: number | undefined = performance.now();
  #lostAfter = this.lastEvent;
  #onReady: (() => void)[] = [];
  #watching: Promise<void> | undefined;
  #isOver = false;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  start(): void {
    this.#watching = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  /** Resolves with true at the next look that finds the daemon ready; with false after `limitMs`. */
  untilReady(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      this.#onReady.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.#noteReadiness(await isReady(this.#gateway.port));
      this.#noteMemory();
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  #noteReadiness(ready: boolean): void {
    const now = performance.now();
    if (!ready) {
      if (this.#lostAt === undefined) this.#lostAfter = this.lastEvent;
      this.#lostAt ??= now;
      return;
    }
    if (this.#lostAt !== undefined) this.outages.push({ ms: now - this.#lostAt, after: this.#lostAfter });
    this.#lostAt = undefined;
    for (const tell of this.#onReady.splice(0)) tell();
  }

  #noteMemory(): void {
    const { pid } = this.#gateway;
    const kiB = pid === undefined ? undefined : residentKiB(pid);
    if (pid === undefined || kiB === undefined) return;
    this.worstResidentKiB = Math.max(this.worstResidentKiB, kiB);
    // What it holds before anything was sent; each restart is a new process.
    if (this.#lostAt === undefined && !this.#idleKiB.has(pid)) this.#idleKiB.set(pid, kiB);
    this.worstGrowthKiB = Math.max(this.worstGrowthKiB, kiB - (this.#idleKiB.get(pid) ?? kiB));
  }
}
