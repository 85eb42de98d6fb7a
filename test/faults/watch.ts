import { isReady } from './caller.js';
import { type Gateway, residentKiB } from './gateway.js';
import type { PhaseChange } from './recoveries.js';

/** How often the daemon is looked at. */
const lookEveryMs = 100;

/**
 * Looks at the daemon: from outside whether it is ready and how much memory it holds, and by its
 * log what it says of each modem.
 */
export class Watch {
  /** All that the daemon said of its modems' phases, and its absence. */
  readonly changes: PhaseChange[] = [];
  /** The most that one daemon grew beyond what it held when it was first ready, in KiB. */
  worstGrowthKiB = 0;
  worstResidentKiB = 0;
  readonly #gateway: Gateway;
  readonly #modems: readonly string[];
  readonly #ready = new Set<string>();
  readonly #idleKiB = new Map<number, number>();
  #onReady: (() => void)[] = [];
  #watching: Promise<void> | undefined;
  #isOver = false;

  constructor(gateway: Gateway, modems: readonly string[]) {
    this.#gateway = gateway;
    this.#modems = modems;
    this.noteDown();
  }

  start(): void {
    this.#watching = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  /**
   * Resolves with true at the next look that finds the daemon ready; with false after `limitMs`.
   */
  untilReady(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      this.#onReady.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /**
   * What the daemon says of this modem; the network's record is the judge of whether that is so.
   */
  saysReady(modem: string): boolean {
    return this.#ready.has(modem);
  }

  /** A line of the daemon's log. */
  takeLine(line: string): void {
    if (!line.includes('"event":"modem"')) return;
    const { modem, phase } = JSON.parse(line) as { modem: string; phase: string };
    if (phase === this.changes.findLast((change) => change.modem === modem)?.phase) return;
    this.#note(modem, phase);
  }

  /** The daemon has gone, and every modem's phase with it. */
  noteDown(): void {
    for (const modem of this.#modems) this.#note(modem, 'absent');
  }

  #note(modem: string, phase: string): void {
    this.changes.push({ modem, phase, atNs: process.hrtime.bigint() });
    if (phase === 'ready') this.#ready.add(modem);
    else this.#ready.delete(modem);
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const ready = await isReady(this.#gateway.port);
      this.#noteMemory(ready);
      if (ready) for (const tell of this.#onReady.splice(0)) tell();
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  #noteMemory(ready: boolean): void {
    const { pid } = this.#gateway;
    const kiB = pid === undefined ? undefined : residentKiB(pid);
    if (pid === undefined || kiB === undefined) return;
    this.worstResidentKiB = Math.max(this.worstResidentKiB, kiB);
    // What it holds before anything was sent; each restart is a new process.
    if (ready && !this.#idleKiB.has(pid)) this.#idleKiB.set(pid, kiB);
    this.worstGrowthKiB = Math.max(this.worstGrowthKiB, kiB - (this.#idleKiB.get(pid) ?? kiB));
  }
}
