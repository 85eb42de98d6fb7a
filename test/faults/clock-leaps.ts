import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Random, seededRandom } from '../../src/simulator/random.js';

const preload = join(import.meta.dirname, 'leaping-clock.mjs');
const dayMs = 86_400_000;
/** So that these draws are not those of the plan. */
const ownSeed = 0x0c10_c4;

/**
 * A wall clock under the daemon that leaps ahead now and then, from a minute to 400 days, and is
 * put right within seconds.
 */
export class ClockLeaps {
  /** For the daemon's process. */
  readonly env: NodeJS.ProcessEnv;
  readonly #file: string;
  readonly #random: Random;
  readonly #over = new AbortController();
  #leaping: Promise<void> = Promise.resolve();

  constructor(folder: string, seed: number, phase: number) {
    this.#file = join(folder, 'leap');
    this.#random = seededRandom((seed ^ ownSeed) + phase);
    this.#leap(0);
    this.env = { NODE_OPTIONS: `--import=${preload}`, LEAP_FILE: this.#file };
  }

  /** @param onLeap at each */
  start(onLeap: () => void): void {
    this.#leaping = this.#run(onLeap);
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#leaping;
  }

  async #run(onLeap: () => void): Promise<void> {
    while (await this.#wait(2_000 + this.#random.below(18_000))) {
      onLeap();
      this.#leap(Math.round(60_000 * (400 * (dayMs / 60_000)) ** this.#random.next()));
      await this.#wait(200 + this.#random.below(2_800));
      this.#leap(0);
    }
  }

  #leap(ms: number): void {
    writeFileSync(this.#file, String(ms));
  }

  /** False when it is over. */
  #wait(ms: number): Promise<boolean> {
    return pause(ms, true, { signal: this.#over.signal }).catch(() => false);
  }
}
